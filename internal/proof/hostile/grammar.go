package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// maxHTML is the size of the descriptions that are made up, in bytes: what an
// editor of an item can store.
const maxHTML = 500_000

// description makes an item's HTML: shapes whose output is out of proportion to
// their length if nobody looks.
func description(r *rand.Rand) string {
	fill := func(unit string) string { return strings.Repeat(unit, maxHTML/max(len(unit), 1)) }
	span := pick(r, "64", "1000", "999999999", "-1", "18446744073709551616")
	switch r.IntN(13) {
	case 0:
		return "<table><tr>" + fill("<td colspan="+span+">") + "</table>"
	case 1:
		return "<table><tr><td colspan=" + span + ">x" + fill("<tr><td>") + "</table>"
	case 2:
		return "<table>" + fill("<tr><td rowspan="+span+">x</td></tr>") + "</table>"
	case 3:
		return fill("<table><tr><td>")
	case 4:
		return fill("<ul><li>")
	case 5:
		return fill("<blockquote><ol><li>x<pre>")
	case 6:
		return fill("<b><i><s>x")
	case 7:
		return fill(`<a href="https://example.com/` + strings.Repeat("%41", r.IntN(50)) + `">x</a>`)
	case 8:
		return "<pre>" + fill(pick(r, "`", "{code}", "<", "\n", "]]>"))
	case 9:
		return fill("&lt;" + pick(r, "*", "_", "|", "\\", "[", "@a ", "#1 "))
	case 10:
		return fill("<p>" + pick(r, "🔥", "\u202e", "\u200d", "e\u0301\u0301\u0301", "www.a.b "))
	case 11:
		return fill(fmt.Sprintf(`<img src="data:image/png;base64,%s">`, strings.Repeat("A", r.IntN(1000))))
	default: // any of the tags one after the other
		tags := []string{"<p>", "<td>", "<tr>", "<table>", "<li>", "</ul>", "<ul>", "<h1>", "<pre>", "<sup>", "</p>", "<br>", "x", "<b>", "</table>", "&amp;", "<td rowspan=9 colspan=9>"}
		var b strings.Builder
		for b.Len() < maxHTML {
			b.WriteString(tags[r.IntN(len(tags))])
		}
		return b.String()
	}
}

// template makes a template of a title, a description or a field; request one of
// a request's address or body. They take many steps or make much text, or are
// none at all.
func template(r *rand.Rand) string {
	body := pick(r, "", "x", `{{if eq (upper (plain $.Description)) "x"}}x{{end}}`, `{{if eq (replace "a" "bbbbbbbbbb" (plain $.Description)) "x"}}x{{end}}`, `{{$.Name | upper | lower | trim}}`)
	return pick(r, loops(r, body, ".Tags"), loops(r, body, "1000"), loops(r, body, "$.Tags"), wild(r), `{{.Name `+growth(r)+`}}`, `{{plain .Description `+growth(r)+`| upper}}`)
}

func request(r *rand.Rand) string {
	body := pick(r, "", "x", `{{if eq (upper $.Text) "x"}}x{{end}}`, `{{if eq (base64 $.HTML) "x"}}x{{end}}`)
	return pick(r, loops(r, body, "chunks 1 $.Text"), loops(r, body, "1000"), loops(r, body, `int "9000000000000"`), wild(r), `{{.Title `+growth(r)+`}}`)
}

// loops nests as many loops as are let through, or more.
func loops(r *rand.Rand, body, over string) string {
	for range 2 + r.IntN(2)*r.IntN(4) {
		body = "{{range " + over + "}}" + body + "{{end}}"
	}
	return body
}

// growth makes a text longer many times.
func growth(r *rand.Rand) string {
	return strings.Repeat(`| replace "a" "aaaaaaaaaaaaaaaaaaaa" `, 1+r.IntN(12))
}

// wild returns a template that should not be let through at all.
func wild(r *rand.Rand) string {
	return pick(r,
		`{{range 1000000000}}{{end}}`, `{{printf "%999999999d" 1}}`, `{{printf "%.999999999f" 1.0}}`,
		`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`,
		strings.Repeat("{{if true}}", 300)+strings.Repeat("{{end}}", 300),
		`{{`+strings.Repeat("(", 1500)+strings.Repeat(")", 1500)+`}}`, `{{js (html (urlquery .Description))}}`)
}

// document makes a body for the admin API: many values, deep, long, or nonsense.
func document(r *rand.Rand) string {
	n := pick(r, 100, 20_000, 200_000)
	inner := pick(r, strings.Repeat("{},", n)+"{}", strings.Repeat("[", n), `"`+strings.Repeat("x", n)+`"`, strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n))
	return pick(r,
		`{"name":"H","buttonLabel":"Push","productboard":{"token":"sandbox-token"},"target":{"type":"http","settings":{"vars":{"x":[`+inner+`]}}}}`,
		`{"integrations":[`+inner+`]}`, `[`+inner+`]`, inner, `{"entity":"`+strings.Repeat("x", n)+`"}`,
		`{"secret":{"entities":[`+inner+`]}}`)
}
