package targettest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// What becomes of titles and descriptions.

func testTexts(t *testing.T, b *bench) {
	target := b.mine(t)
	for name, words := range map[string]string{
		"right to left":    "طلب ميزة جديدة من العميل",
		"emoji":            "ship it 🚀 👩‍👩‍👧‍👦 🇨🇭 👍🏽",
		"combining marks":  "e\u0301a\u0308 naïve Ångström",
		"far east":         "機能要求 기능 요청",
		"markup":           `<script>alert(1)</script> & "quotes" 'n' \back`,
		"markup of others": "*bold* _it_ h1. {{macro}} #12 @jane [x](y) !img!",
		"line breaks":      "one\r\ntwo\nthree",
		"control":          "a\u0000b\u0007c",
	} {
		t.Run(name, func(t *testing.T) {
			draft := newDraft()
			draft.Title, draft.Description = words, richtext.Paragraph(richtext.Text(words))
			made, err := target.Create(t.Context(), draft)
			require.NoError(t, err)
			stored := b.server.Issues(t, draft.Marker)
			require.Len(t, stored, 1)
			require.Equal(t, stored[0].Title, made.Title)
			require.Equal(t, text.Title(words, target.Traits().Limits.Title), b.withoutBreaks(stored[0].Title))
			require.NotEmpty(t, stored[0].Text)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		draft := targets.Draft{Marker: newMarker(), Title: " \n "}
		made, err := target.Create(t.Context(), draft)
		require.NoError(t, err)
		require.Equal(t, "(untitled)", made.Title)
	})
}

func testLongText(t *testing.T, b *bench) {
	target := b.mine(t)
	for name, html := range map[string]string{
		"64 kB":  "<h1>Beginning</h1>" + strings.Repeat("<p>Äpfel & Birnen — 機能 🚀 <b>bold</b></p>", 64<<10/45),
		"300 kB": "<h1>Beginning</h1><ul>" + strings.Repeat("<li>über alles <i>kursiv</i></li>", 300<<10/34) + "</ul>",
	} {
		t.Run(name, func(t *testing.T) {
			draft := newDraft()
			doc, err := richtext.Parse(html)
			require.NoError(t, err)
			draft.Description = doc
			_, err = target.Create(t.Context(), draft)
			require.NoError(t, err)
			stored := b.server.Issues(t, draft.Marker)
			require.Len(t, stored, 1)
			text := stored[0].Text
			require.Contains(t, text, "Beginning")
			require.True(t, utf8.ValidString(text) && !strings.Contains(text, "\uFFFD"), "cut between characters")
			least := 32 << 10
			if limit := target.Traits().Limits.Description; limit > 0 {
				require.LessOrEqual(t, utf8.RuneCountInString(text), limit)
				least = min(least, limit*9/10) // a limit on markup and all, such as ADF's, may be below that
			}
			require.Greater(t, len(text), least, "no more is cut than must be")
		})
	}
}

// longDraft has a text of 30,000 characters.
func longDraft() targets.Draft {
	draft := newDraft()
	draft.Description = richtext.Paragraph(richtext.Text(strings.Repeat("word ", 6000)))
	return draft
}

const cutNote = "The text is longer than fits here."

// An admin's limit below the usual one costs the end of a text, not the push.
func testTextLimit(t *testing.T, b *bench) {
	if b.server.SetTextLimit == nil {
		t.Skip("this server has no limit that its admin can change")
	}
	const most = 20_000
	target := b.mine(t)
	b.server.SetTextLimit(t, most)
	draft := longDraft()
	creates := 0
	b.proxy.On(func(r *http.Request) bool {
		if b.h.Creates(r) {
			creates++
		}
		return false
	}, Behaviour{})
	_, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, 2, creates, "once more after the refusal")
	stored := b.server.Issues(t, draft.Marker)
	require.Len(t, stored, 1)
	require.Contains(t, stored[0].Text, cutNote)
	require.LessOrEqual(t, utf8.RuneCountInString(stored[0].Text), most)
	if limit := target.Traits().Limits.Description; limit == 0 || limit > most {
		require.Greater(t, utf8.RuneCountInString(stored[0].Text), most/2)
	}
}

// Neither does a proxy that takes no request of that size.
func testRequestLimit(t *testing.T, b *bench) {
	target := b.mine(t)
	if limit := target.Traits().Limits.Description; limit > 0 && limit < 10_000 {
		t.Skip("its descriptions are too short for a limit of requests")
	}
	draft := longDraft()
	first := int64(0)
	larger := func(r *http.Request) bool {
		if !b.h.Creates(r) {
			return false
		}
		if first == 0 {
			first = r.ContentLength
		}
		return r.ContentLength > first*3/4
	}
	page := func(*http.Request) string {
		return "<html><center><h1>413 Request Entity Too Large</h1></center></html>"
	}
	b.proxy.On(larger, Behaviour{Status: http.StatusRequestEntityTooLarge, Body: page})
	_, err := target.Create(t.Context(), draft)
	require.NoError(t, err)
	require.Equal(t, 1, b.proxy.Hits())
	b.proxy.Off()
	stored := b.server.Issues(t, draft.Marker)
	require.Len(t, stored, 1)
	require.Contains(t, stored[0].Text, cutNote)

	b.proxy.On(b.h.Creates, Behaviour{Status: http.StatusRequestEntityTooLarge, Body: page})
	_, err = target.Create(t.Context(), longDraft())
	require.Error(t, err)
	require.Equal(t, 2, b.proxy.Hits(), "and no third time")
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	assertPublic(t, target, err)
	require.Contains(t, fault.From(err).Public, "settings.description")
}

func testTitleCut(t *testing.T, b *bench) {
	target := b.mine(t)
	limit := target.Traits().Limits.Title
	if limit == 0 {
		t.Skip("titles have no limit")
	}
	for name, text := range map[string]string{
		"letters":    strings.Repeat("é", limit+50),
		"families":   strings.Repeat("👩‍👩‍👧‍👦", limit),
		"just fits":  strings.Repeat("ü", limit),
		"references": strings.Repeat("#1 ", limit/3) + strings.Repeat("x", limit%3),
	} {
		t.Run(name, func(t *testing.T) {
			draft := newDraft()
			draft.Title = text
			_, err := target.Create(t.Context(), draft)
			require.NoError(t, err)
			stored := b.server.Issues(t, draft.Marker)
			require.Len(t, stored, 1)
			title := stored[0].Title
			require.LessOrEqual(t, utf8.RuneCountInString(title), limit)
			require.True(t, strings.HasPrefix(text, strings.TrimSuffix(b.withoutBreaks(title), "…")), title)
		})
	}
}

// A title notifies nobody and leaves no trace in other issues.
func testTitleReferences(t *testing.T, b *bench) {
	if b.server.References == nil {
		t.Skip("this tracker reads nothing in titles")
	}
	target := b.mine(t)
	for _, text := range []string{"@jane wants #12 and !4", "as in acme/app#12", "(#7)", "see #1, @joe"} {
		require.NotEmpty(t, b.server.References(text), "the server finds none by itself")
		draft := newDraft()
		draft.Title = text
		_, err := target.Create(t.Context(), draft)
		require.NoError(t, err)
		stored := b.server.Issues(t, draft.Marker)
		require.Len(t, stored, 1)
		require.Empty(t, b.server.References(stored[0].Title), stored[0].Title)
		require.Equal(t, text, b.withoutBreaks(stored[0].Title), "what people read")

		shown, err := target.Preview(t.Context(), draft)
		require.NoError(t, err)
		require.Equal(t, stored[0].Title, shown.Title)
		require.Empty(t, shown.Warnings, "nothing is cut")
	}
}

// testBMPOnly has a text with characters above U+FFFF sent as it is, and then
// without them.
func testBMPOnly(t *testing.T, b *bench) {
	const moon = "\U0001f319"
	target := b.mine(t)
	for name, only := range map[string]bool{"as it is": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			draft := newDraft()
			draft.BMPOnly, draft.Labels = only, nil
			draft.Title, draft.Reporter = "Dark mode "+moon, "Jane "+moon
			draft.Description = richtext.Paragraph(richtext.Text("Please " + moon + "."))
			var sent strings.Builder
			b.proxy.On(func(r *http.Request) bool {
				if b.h.Creates(r) {
					raw, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					sent.Write(raw)
					r.Body = io.NopCloser(bytes.NewReader(raw))
				}
				return false
			}, Behaviour{})
			_, err := target.Create(t.Context(), draft)
			b.proxy.Off()
			require.NoError(t, err)
			// As UTF-8, in JSON's escapes, in a form, as an entity of XML.
			found := false
			for _, form := range []string{moon, `\ud83c\udf19`, "%f0%9f%8c%99", "&#x1f319;", "&#127769;"} {
				found = found || strings.Contains(strings.ToLower(sent.String()), form)
			}
			require.Equal(t, !only, found, sent.String())
		})
	}
}
