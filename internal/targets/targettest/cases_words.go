package targettest

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// What a tracker says of an issue reaches records, logs and terminals. It is
// short and plain there, whatever the tracker sends.

// hostile is text that steers terminals, turns around what stands by it, and
// does not end.
func hostile() string { return "\x1b[2J\u202e\x00\r\n" + strings.Repeat("long ", 50_000) }

// assertShown checks an issue that a target returned.
func assertShown(t *testing.T, i targets.Issue) {
	t.Helper()
	for _, c := range []struct {
		what, text string
		most       int
	}{
		{"id", i.ID, text.MaxIssueID}, {"key", i.Key, text.MaxIssueText}, {"title", i.Title, text.MaxIssueText},
		{"status", i.Status, text.MaxIssueText}, {"address", i.URL, text.MaxIssueURL},
	} {
		require.LessOrEqual(t, utf8.RuneCountInString(c.text), c.most, c.what)
		require.False(t, strings.ContainsFunc(c.text, func(r rune) bool {
			return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
		}), "%s: %q", c.what, c.text)
	}
	require.NotContains(t, i.URL, "@")
}

// allAnswers returns a known issue as each way of the target shows it, and the
// errors of the ways that failed.
func allAnswers(t *testing.T, target *targets.Target, made targets.Issue, marker targets.Marker) (all []targets.Issue, errs []error) {
	t.Helper()
	add := func(able bool, err error, issues ...targets.Issue) {
		switch {
		case !able:
		case err != nil:
			errs = append(errs, err)
		default:
			all = append(all, issues...)
		}
	}
	if found, err := target.Find(t.Context(), marker); finds(target) && (found != nil || err != nil) {
		if found == nil {
			found = &targets.Issue{}
		}
		add(true, err, *found)
	}
	if many, able, err := target.FindAll(t.Context(), marker); finds(target) {
		add(able, err, many...)
	}
	read, able, err := target.Read(t.Context(), made.ID)
	add(able, err, read)
	resolved, able, err := target.Resolve(t.Context(), made.Key)
	add(able, err, resolved)
	draft := newDraft()
	draft.Marker = marker
	updated, able, err := target.Update(t.Context(), made.ID, draft)
	add(able, err, updated)
	return all, errs
}

// testHostileWords has the tracker's answers hold hostile texts in the place of
// the title and the status that it sends.
func testHostileWords(t *testing.T, b *bench) {
	target := b.mine(t)
	draft := newDraft()
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	if finds(target) {
		require.NotNil(t, find(t, target, draft.Marker), "it can be seen by now")
	}
	for name, replace := range map[string]func(string) string{
		"title": func(s string) string { return strings.ReplaceAll(s, draft.Title, draft.Title+hostile()) },
		"status": func(s string) string {
			if s == made.Status {
				return s + hostile()
			}
			return s
		},
		"address": func(s string) string {
			if s == made.URL {
				return strings.Replace(s, "://", "://jane:pw@", 1) + "#" + "\u202e"
			}
			return s
		},
		"script": func(s string) string {
			if s == made.URL {
				return "javascript:alert(1)"
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			b.proxy.On(Any, Behaviour{Pass: true, Change: changed(replace)})
			defer b.proxy.Off()
			all, _ := allAnswers(t, target, made, draft.Marker)
			again := newDraft()
			fresh, err := target.Create(t.Context(), again)
			if err == nil {
				all = append(all, fresh)
			} else {
				require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), "it was created")
			}
			require.NotEmpty(t, all)
			for _, i := range all {
				assertShown(t, i)
			}
		})
	}
}

// testHostileIDs has the tracker name its issues by what cannot be an id.
func testHostileIDs(t *testing.T, b *bench) {
	target := b.mine(t)
	draft := newDraft()
	made, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	if finds(target) {
		require.NotNil(t, find(t, target, draft.Marker))
	}
	for name, evil := range map[string]string{"long": strings.Repeat("7", 300), "control": "7\x1b[2J", "bidi": "7\u202e"} {
		t.Run(name, func(t *testing.T) {
			b.proxy.On(Any, Behaviour{Pass: true, Change: changed(func(s string) string {
				if s == made.ID {
					return evil
				}
				return s
			})})
			all, errs := allAnswers(t, target, made, draft.Marker)
			for _, i := range all {
				assertShown(t, i)
			}
			for _, err := range errs {
				require.NotContains(t, fault.From(err).Public, evil)
				assertPublic(t, target, err)
			}

			before := len(b.server.Issues(t, ""))
			b.proxy.On(b.h.Creates, Behaviour{Pass: true, Change: named(evil)})
			fresh, err := target.Create(t.Context(), newDraft())
			b.proxy.Off()
			require.Len(t, b.server.Issues(t, ""), before+1, "it was created")
			if err == nil { // the id is ours, or not a text
				assertShown(t, fresh)
				return
			}
			require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err), err)
			assertPublic(t, target, err)
		})
	}
}

// changed has a proxy replace the texts in a JSON answer.
func changed(replace func(string) string) func(io.Writer, []byte) {
	return rewritten(func(_, s string) any { return replace(s) }, nil)
}

// named has a proxy replace every id in a JSON answer, numbers as well.
func named(id string) func(io.Writer, []byte) {
	called := []string{"id", "gid", "iid", "number", "key", "identifier"}
	return rewritten(func(name, s string) any {
		if slices.Contains(called, name) {
			return id
		}
		return s
	}, func(name string, n json.Number) any {
		if slices.Contains(called, name) {
			return id
		}
		return n
	})
}

// rewritten walks through a JSON text; each function is given the name under
// which a value stands, if it stands under one.
func rewritten(text func(name, s string) any, number func(name string, n json.Number) any) func(io.Writer, []byte) {
	var walk func(name string, v any) any
	walk = func(name string, v any) any {
		switch v := v.(type) {
		case string:
			return text(name, v)
		case json.Number:
			if number != nil {
				return number(name, v)
			}
		case []any:
			for i := range v {
				v[i] = walk("", v[i])
			}
		case map[string]any:
			for k := range v {
				v[k] = walk(k, v[k])
			}
		}
		return v
	}
	return func(w io.Writer, body []byte) {
		var doc any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if dec.Decode(&doc) == nil {
			if out, err := json.Marshal(walk("", doc)); err == nil {
				body = out
			}
		}
		_, _ = w.Write(body)
	}
}
