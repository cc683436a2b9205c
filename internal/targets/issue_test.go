package targets

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/text"
)

// hostileText steers terminals and turns text around.
const hostileText = "a\x1b[31mred\x1b]0;title\x07\u202eb\u2066c\u009b2J\x00\x07d\r\ne\xff"

// everything is a driver whose every answer is the scripted issue.
type everything struct{ scripted }

func (e *everything) Read(context.Context, string) (Issue, error) { return e.issue, nil }
func (e *everything) Update(context.Context, string, Draft) (Issue, error) {
	return e.issue, nil
}
func (e *everything) FindAll(context.Context, Marker) ([]Issue, error) {
	return []Issue{{ID: "first"}, e.issue}, nil
}
func (e *everything) Resolve(context.Context, *Reference) (Issue, error) { return e.issue, nil }

// saidBy returns what a Target returns of an issue, by each way to it.
func saidBy(t *testing.T, issue Issue, addresses ...settings.Address) map[string]func() (Issue, error) {
	t.Helper()
	d := &everything{scripted{do: func(context.Context) error { return nil }, issue: issue}}
	target := New(d, Options{secrets: secret.NewMask("canary-credential"), addresses: addresses})
	return map[string]func() (Issue, error){
		"find": func() (Issue, error) {
			found, err := target.Find(t.Context(), marker)
			if err != nil {
				return Issue{}, err
			}
			return *found, nil
		},
		"find all": func() (Issue, error) {
			all, _, err := target.FindAll(t.Context(), marker)
			if err != nil {
				return Issue{}, err
			}
			return all[1], nil
		},
		"create": func() (Issue, error) { return target.Create(t.Context(), Draft{Marker: marker}) },
		"read": func() (Issue, error) {
			i, _, err := target.Read(t.Context(), "1")
			return i, err
		},
		"update": func() (Issue, error) {
			i, _, err := target.Update(t.Context(), "1", Draft{})
			return i, err
		},
		"resolve": func() (Issue, error) {
			i, _, err := target.Resolve(t.Context(), "K-1")
			return i, err
		},
	}
}

// TestIssuesAreCut: whatever a tracker says, what is kept and shown is short
// and plain.
func TestIssuesAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(hostileText, 1<<16)
	for way, said := range saidBy(t, Issue{ID: "7", Key: long, Title: long, Status: long, URL: "https://tracker.example.com/" + strings.Repeat("a", 4<<20)}) {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			i, err := said()
			require.NoError(t, err)
			require.Empty(t, i.URL, "half an address leads elsewhere")
			for _, s := range []string{i.Key, i.Title, i.Status} {
				require.LessOrEqual(t, utf8.RuneCountInString(s), text.MaxIssueText)
				require.True(t, strings.HasPrefix(s, "a red bc d e\ufffd"), s)
			}
		})
	}
}

// TestLimitsAreTheButtons holds the limits against Productboard's.
func TestLimitsAreTheButtons(t *testing.T) {
	t.Parallel()
	require.Equal(t, text.MaxIssueText, max(pbapi.MaxTooltip, pbapi.MaxLabel, pbapi.MaxHoverLabel))
	require.Equal(t, pbapi.MaxTargetURL, text.MaxIssueURL)
}

// TestIDsThatCannotBe are errors; after a create the issue may exist.
func TestIDsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"none": "", "long": strings.Repeat("7", text.MaxIssueID+1), "control": "7\n8", "escape": "7\x1b[2J", "bidi": "7\u202e8",
		"zero width": "7\u200b", "bytes": "7\xff"} {
		for way, said := range saidBy(t, Issue{ID: id, Key: "K"}) {
			t.Run(name+" "+way, func(t *testing.T) {
				_, err := said()
				require.Error(t, err)
				e := fault.From(err)
				require.Equal(t, fault.Intermediary, e.Kind)
				require.Contains(t, e.Public, "The address does not answer as Tracker does: the answer names ")
				require.Equal(t, way == "create" || way == "update", e.Unsure)
				if way == "create" {
					require.Equal(t, OutcomeUnknown, OutcomeOf(err))
				}
			})
		}
	}
	for _, id := range []string{"7", "PROJ-1", "acme/app#7", "été 1", strings.Repeat("7", text.MaxIssueID)} {
		for way, said := range saidBy(t, Issue{ID: id}) {
			i, err := said()
			require.NoError(t, err, way)
			require.Equal(t, id, i.ID)
		}
	}
}

// TestLinks: a button leads to a page of the web, without anybody's password.
func TestLinks(t *testing.T) {
	t.Parallel()
	https, http := settings.Address{URL: "https://Tracker.example.com/app"}, settings.Address{URL: "http://10.0.0.7:3000"}
	for address, want := range map[string][2]string{ // by an admin's https, by http
		"https://tracker.example.com/1":                            {"https://tracker.example.com/1", "https://tracker.example.com/1"},
		"https://elsewhere.example.com/1?q=a b#c":                  {"https://elsewhere.example.com/1?q=a%20b#c", "https://elsewhere.example.com/1?q=a%20b#c"},
		"https://jane:pw@tracker.example.com/1":                    {"https://tracker.example.com/1", "https://tracker.example.com/1"},
		"https://tracker.example.com@evil.example/1":               {"https://evil.example/1", "https://evil.example/1"},
		"http://tracker.example.com/1":                             {"https://tracker.example.com/1", "http://tracker.example.com/1"},
		"http://jane@tracker.example.com/1":                        {"https://tracker.example.com/1", "http://tracker.example.com/1"},
		"http://tracker.example.com:8080/1":                        {"", "http://tracker.example.com:8080/1"},
		"http://elsewhere.example.com/1":                           {"", "http://elsewhere.example.com/1"},
		"https://tracker.example.com/\u202e1":                      {"https://tracker.example.com/%E2%80%AE1", "https://tracker.example.com/%E2%80%AE1"},
		"https://tracker.example.com/1?q=\u202eé":                  {"https://tracker.example.com/1?q=%E2%80%AEé", "https://tracker.example.com/1?q=%E2%80%AEé"},
		"https://bücher.example/1":                                 {"https://bücher.example/1", "https://bücher.example/1"},
		"https://tracker.example.com/\x1b[2J":                      {},
		"https://tracker\u202e.example.com/1":                      {},
		"https://tracker.example.com/canary-credential":            {"https://tracker.example.com/***", "https://tracker.example.com/***"},
		"javascript:alert(1)":                                      {},
		"ftp://tracker.example.com/1":                              {},
		"//tracker.example.com/1":                                  {},
		"/issues/1":                                                {},
		"https:///1":                                               {},
		"https://tracker.example.com/" + strings.Repeat("a", 2000): {},
		"": {},
	} {
		for i, given := range []settings.Address{https, http} {
			for way, said := range saidBy(t, Issue{ID: "1", URL: address}, given) {
				issue, err := said()
				require.NoError(t, err)
				if strings.Contains(address, "canary") {
					require.NotContains(t, issue.URL, "canary")
					continue
				}
				require.Equal(t, want[i], issue.URL, "%s by %s, %s", address, given.URL, way)
			}
		}
	}
}

// TestWordsOfATracker: what an error quotes is short and plain, whoever wrote
// it.
func TestWordsOfATracker(t *testing.T) {
	t.Parallel()
	d := &scripted{do: func(context.Context) error {
		return &fault.Error{Kind: fault.Invalid, Public: text.WithAdvice("Tracker", strings.Repeat(hostileText, 1000), ". Ask your admin."), Ref: strings.Repeat(hostileText, 1000), Err: errors.New("x")}
	}}
	_, err := New(d, Options{}).Create(t.Context(), Draft{Marker: marker})
	e := fault.From(err)
	for _, s := range []string{e.Public, e.Ref} {
		require.False(t, strings.ContainsFunc(s, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
		}), "%q", s)
		require.LessOrEqual(t, utf8.RuneCountInString(s), text.MaxPublic)
	}
	require.True(t, strings.HasPrefix(e.Public, "Tracker: a red bc d e"), e.Public)
	require.True(t, strings.HasSuffix(e.Public, "Ask your admin."), e.Public)
}

// TestColourGoesByTheWholeStatus compares before it cuts.
func TestColourGoesByTheWholeStatus(t *testing.T) {
	t.Parallel()
	const status = "Waiting for the customer's reply to what support has asked"
	target := openRich(t, &rich{}, map[string]any{"statusColors": map[string]any{status: "purple"}})
	i, err := target.issue(Issue{ID: "1", Status: status})
	require.NoError(t, err)
	require.Equal(t, "purple", i.Color)
	require.Equal(t, "Waiting for the customer's reply to what support…", i.Status)
}
