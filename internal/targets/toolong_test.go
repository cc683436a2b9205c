package targets

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/text"
)

// strict is a driver that takes texts up to a length, and says so in its way.
type strict struct {
	marked
	most    int
	refuse  func(field string) error
	creates int
	text    string
}

func (s *strict) Render(d Draft) (whole, format string) {
	return d.Render(50_000, nil, markdown), text.FormatMarkdown
}

func (s *strict) Create(_ context.Context, d Draft) (Issue, error) {
	s.creates++
	s.got, s.text = d, d.Render(50_000, nil, markdown)
	if utf8.RuneCountInString(s.text) > s.most {
		return Issue{}, s.refuse("")
	}
	for _, f := range d.Fields {
		if utf8.RuneCountInString(f.Values[0]) > s.most {
			return Issue{}, s.refuse(f.Field.ID)
		}
	}
	return Issue{ID: "1"}, nil
}

// An admin's lower limit, or a proxy's, costs the end of a text and not the
// push. Whoever may have created the issue is not asked again.
func TestTextsAreCutToALowerLimit(t *testing.T) {
	t.Parallel()
	refusal := func(err error, unsure bool) *fault.Error {
		return &fault.Error{Kind: fault.Invalid, Unsure: unsure, Err: err, Public: "Tracker: no."}
	}
	said := "The entered text is too long."
	long, half := richtext.Paragraph(richtext.Text(strings.Repeat("word ", 6000))), 15_100
	for name, c := range map[string]struct {
		refuse      func(string) error
		text        richtext.Doc
		most        int
		creates     int
		least       int // 0: no issue
		public      string
		unsure      bool
		fieldsWhole bool
	}{
		"limit named":            {func(f string) error { return TooLong(refusal(nil, false), f, 10_000, said) }, long, 10_000, 2, 9_000, "", false, true},
		"limit named, counted":   {func(f string) error { return TooLong(refusal(nil, false), f, 40_000, said) }, long, half, 2, 12_000, "", false, true},
		"no limit named":         {func(f string) error { return TooLong(refusal(nil, false), f, 0, said) }, long, half, 2, 12_000, "", false, true},
		"HTTP 413":               {func(string) error { return refusal(outbound.ErrRequestTooLarge, false) }, long, half, 2, 12_000, "", false, true},
		"HTTP 413 of a stale":    {func(string) error { return Stale(refusal(outbound.ErrRequestTooLarge, false)) }, long, half, 2, 12_000, "", false, true},
		"still too long":         {func(f string) error { return TooLong(refusal(nil, false), f, 0, said) }, long, 100, 2, 0, "Tracker: The entered text is too long. Ask your admin to shorten settings.description or settings.fields, or to have the limit raised.", false, true},
		"HTTP 413, still":        {func(string) error { return refusal(outbound.ErrRequestTooLarge, false) }, long, 100, 2, 0, "Tracker, or something in front of it, takes no request of this size. Ask the people who run Tracker to raise that limit, or your admin to shorten settings.description or settings.fields.", false, true},
		"nothing to cut":         {func(string) error { return refusal(outbound.ErrRequestTooLarge, false) }, richtext.Paragraph(richtext.Text("short")), 1, 1, 0, "takes no request of this size", false, true},
		"the issue may be there": {func(f string) error { return TooLong(refusal(nil, true), f, 10_000, said) }, long, 10_000, 1, 0, "", true, true},
		"another refusal":        {func(string) error { return refusal(errors.New("no"), false) }, long, 10_000, 1, 0, "Tracker: no.", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &strict{most: c.most, refuse: c.refuse}
			target := New(s, Options{})
			s.fields = trackerFields()
			_, err := target.Create(t.Context(), Draft{Marker: marker, Title: "x", Description: c.text})
			require.Equal(t, c.creates, s.creates)
			if c.least == 0 {
				require.Error(t, err)
				require.Contains(t, fault.From(err).Public, c.public)
				require.Equal(t, c.unsure, fault.IsUnsure(err))
				require.LessOrEqual(t, utf8.RuneCountInString(fault.From(err).Public), text.MaxPublic)
				return
			}
			require.NoError(t, err)
			require.Contains(t, s.text, "The text is longer than fits here.")
			require.Greater(t, utf8.RuneCountInString(s.text), c.least)
		})
	}
}

// A limit of one custom field leaves everything else alone.
func TestOneFieldIsCutToItsLimit(t *testing.T) {
	t.Parallel()
	s := &strict{most: 1000}
	s.refuse = func(f string) error {
		return TooLong(&fault.Error{Kind: fault.Invalid}, f, 1000, "Notes is too long (maximum is 1000 characters)")
	}
	s.fields = trackerFields()
	target, err := Kind{Type: "rich", Driver: (*strict)(nil), New: func(Config, Deps) (Driver, error) { return s, nil }}.Open(
		map[string]any{"fields": map[string]any{"Notes": `{{field "Long"}}`}}, nil, Deps{})
	require.NoError(t, err)
	i := withFields(map[string]FieldText{"Long": {HTML: strings.Repeat("<p>some <i>words</i></p>", 150)}})
	i.HTML = "<p>" + strings.Repeat("word ", 150) + "</p>"
	d, err := target.Draft(marker, i)
	require.NoError(t, err)
	_, err = target.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, 2, s.creates)
	require.NotContains(t, s.text, "The text is longer")
	require.Contains(t, s.got.Fields[0].Values[0], "The text is longer")
	require.LessOrEqual(t, len(s.got.Fields[0].Values[0]), 1000)
}
