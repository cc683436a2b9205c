package httptarget_test

import (
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
)

// endless is a template that no item is needed for.
const endless = `{{range int "9000000000000"}}{{end}}`

// described puts a template into each setting of a description that takes one.
func described(text string) map[string]m {
	with := func(change func(d m)) m {
		d := m{"create": m{"url": "https://tracker.example.com/issues", "body": `{"title": {{.Title}}}`},
			"read":  m{"url": "https://tracker.example.com/issues/{{.ID}}"},
			"issue": m{"id": "$.id"}}
		change(d)
		return d
	}
	request := func(name string, more m) m {
		return with(func(d m) {
			r := m{"url": "https://tracker.example.com/issues/1", "body": `"` + text + `"`}
			maps.Copy(r, more)
			d[name] = r
		})
	}
	return map[string]m{
		"settings.create.body":        request("create", nil),
		"settings.create.url":         with(func(d m) { d["create"].(m)["url"] = "https://tracker.example.com/" + text }),
		"settings.create.headers.X-A": with(func(d m) { d["create"].(m)["headers"] = m{"X-A": text} }),
		"settings.check[0].url":       with(func(d m) { d["check"] = []any{m{"url": "https://tracker.example.com/" + text, "expect": "$.id"}} }),
		"settings.find.body":          request("find", m{"list": "$.all", "marker": "$.ref"}),
		"settings.read.body":          request("read", nil),
		"settings.update.body":        request("update", nil),
		"settings.comment.body":       request("comment", nil),
		"settings.close.body":         request("close", nil),
		"settings.issue.key":          with(func(d m) { d["issue"].(m)["key"] = text }),
		"settings.issue.url":          with(func(d m) { d["issue"].(m)["url"] = "https://tracker.example.com/" + text }),
		"settings.issue.status[0]":    with(func(d m) { d["issue"].(m)["status"] = []any{text} }),
	}
}

// TestBudgetOfADescription: an endless template is refused where it stands,
// when the description is read.
func TestBudgetOfADescription(t *testing.T) {
	t.Parallel()
	for setting, given := range described(endless) {
		t.Run(setting, func(t *testing.T) {
			_, err := open(t, given, nil, deps(t))
			var wrong settings.FieldErrors
			require.ErrorAs(t, err, &wrong)
			require.Len(t, wrong, 1, "told once")
			require.Equal(t, setting, wrong[0].Path)
			require.Equal(t, "does too much: it takes more than 100,000 steps; use fewer loops, and fewer functions over long texts", wrong[0].Message)
			require.Equal(t, fault.Invalid, fault.KindOf(err), "a 4xx for whoever set it")
		})
	}
	d := described(endless)["settings.create.body"]
	d["headers"] = m{"X-A": endless, "X-B": endless}
	_, err := open(t, d, nil, deps(t))
	var wrong settings.FieldErrors
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong, 1, "all templates of a description share a budget")
}

// hostile templates wait for an item whose title has a sign.
func hostile() map[string]string {
	wait := func(text string) string { return `{{if eq .Title "now"}}` + text + `{{end}}` }
	return map[string]string{
		"endless":   wait(endless),
		"nested":    wait(`{{range int "9000"}}{{range int "9000"}}{{end}}{{end}}`),
		"chunks":    wait(`{{range chunks 1 .Text}}{{end}}`),
		"upper":     wait(`{{range chunks 1000 .Text}}{{if upper $.Text}}{{end}}{{end}}`),
		"forms":     wait(`{{range chunks 1000 .Text}}{{if eq $.HTML $.Markdown}}{{end}}{{end}}`),
		"JSON":      wait(`{{range chunks 1000 .Text}}{{if json $.Text}}{{end}}{{end}}`),
		"objects":   wait(`{{range chunks 1000 .Text}}{{if dict "a" $.Text "b" $.HTML}}{{end}}{{end}}`),
		"base64":    wait(`{{range chunks 1000 .Text}}{{if base64 $.Text}}{{end}}{{end}}`),
		"pieces":    wait(`{{range int "999"}}{{if chunks 1 $.Text}}{{end}}{{end}}`),
		"remainder": wait(`{{range int "999"}}{{if truncate 1 $.Text}}{{end}}{{end}}`),
	}
}

func longDraft() targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("i", "e", 1), Title: "now", Description: richtext.Paragraph(richtext.Text(strings.Repeat("Wörter ", 100_000)))}
}

// TestBudgetOfARequest: what does too much for one item ends the push before
// anything is sent.
func TestBudgetOfARequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, text := range hostile() {
		for setting, create := range map[string]m{
			"settings.create.body":        {"url": s.URL + "/issues", "body": `{"a": "` + text + `"}`},
			"settings.create.url":         {"url": s.URL + "/issues?q=" + text},
			"settings.create.headers.X-A": {"url": s.URL + "/issues", "headers": m{"X-A": text}},
		} {
			t.Run(setting+" "+name, func(t *testing.T) {
				target := mustOpen(t, m{"create": create, "issue": m{"id": "$.id"}}, nil)
				_, err := target.Create(t.Context(), longDraft())
				var exceeded *templates.ExceededError
				require.ErrorAs(t, err, &exceeded)
				e := fault.From(err)
				require.Equal(t, fault.Invalid, e.Kind)
				require.False(t, e.Kind.Transient(), "it is not tried again")
				require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
				require.Contains(t, e.Public, "The template in "+setting+" does too much: it ")
				require.Contains(t, e.Public, "Ask your admin to shorten it")
			})
		}
	}
	require.Zero(t, s.hits, "nothing was sent")
}

// TestLongTextsPass: the longest text that Productboard has, in all its forms.
func TestLongTextsPass(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.body = `{"id": 7}`
	d := longDraft()
	d.Description = richtext.Paragraph(richtext.Text(strings.Repeat("Umlaut ä, ", 524_288/10)))
	for _, body := range []string{"", `[{{.Description}}, {{.HTML}}, {{.Markdown}}, {{.Text}}]`,
		`[{{range $i, $text := chunks 1000 .Text}}{{if $i}}, {{end}}{"text": {{$text}}}{{end}}]`} {
		create := m{"url": s.URL + "/issues"}
		if body != "" {
			create["body"] = body
		}
		_, err := mustOpen(t, m{"create": create, "issue": m{"id": "$.id"}}, nil).Create(t.Context(), d)
		require.NoError(t, err, body)
	}
}

// TestTextsAreWrittenOnce in each form, however often a template asks.
func TestTextsAreWrittenOnce(t *testing.T) {
	s := newServer(t)
	s.body = `{"id": 7}`
	target := mustOpen(t, m{"create": m{"url": s.URL + "/issues", "body": `[{{range int "500"}}{{if $.Text}}{{end}}{{if $.HTML}}{{end}}{{end}}]`}, "issue": m{"id": "$.id"}}, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := target.Create(t.Context(), longDraft())
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(200), "MB, and not as much 500 times")
}

// TestCreatedWhateverItsPartsCost: an issue that exists is known by its id also
// where a template of its parts does too much.
func TestCreatedWhateverItsPartsCost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.body = `{"id": 77}`
	target := mustOpen(t, m{"create": m{"url": s.URL + "/issues"},
		"issue": m{"id": "$.id", "key": `{{if eq .ID "77"}}` + endless + `{{end}}K`, "status": []any{"Sent"}}}, nil)
	made, err := target.Create(t.Context(), longDraft())
	require.NoError(t, err)
	require.Equal(t, "77", made.ID)
	require.Equal(t, "77", made.Key)
}
