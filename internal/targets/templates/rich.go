package templates

import (
	"fmt"
	"html"
	"strings"

	"pushbutton/internal/richtext"
)

// tooLargeText stands for rich text that cannot be read.
const tooLargeText = "The text is too large to be shown here; see Productboard."

const (
	// MaxOutput bounds what one template writes, in bytes. Productboard's rich
	// text has up to 524,288 characters.
	MaxOutput = 4 << 20
	// MaxFields bounds the text of all custom fields, in bytes, with its markup as
	// HTML.
	MaxFields = 2 * MaxOutput
)

// What stands around rich text in the output of a field's template. Plain forms
// of rich text hold neither.
const (
	richBegins = "\x00"
	richEnds   = "\x01"
)

// richText is the plain form of rich text, for functions and comparisons in a
// field's template. Written out it is set apart, so that RichTexts can put the
// rich text in its place.
type richText string

// String implements fmt.Stringer.
func (r richText) String() string { return richBegins + string(r) + richEnds }

// RichTexts are the rich texts that the templates of one item's fields write.
type RichTexts struct {
	plain map[string]richText // by the HTML
	texts map[string]string   // the same for templates of one line, as they are
	docs  map[richText]sizedDoc
	// left is how much the templates may still write, in bytes.
	left int
}

type sizedDoc struct {
	doc  richtext.Doc
	size int // in HTML
}

// NewRichTexts knows none yet.
func NewRichTexts() *RichTexts {
	return &RichTexts{plain: map[string]richText{}, texts: map[string]string{}, docs: map[richText]sizedDoc{}, left: MaxFields}
}

// Add returns the plain form under which the rich text is known.
func (r *RichTexts) Add(html string) fmt.Stringer {
	if plain, known := r.plain[html]; known {
		return plain
	}
	doc, err := richtext.Parse(html)
	if err != nil {
		doc = richtext.Paragraph(richtext.Text(tooLargeText))
	}
	plain := richText(strings.NewReplacer(richBegins, "", richEnds, "").Replace(doc.Plain()))
	r.plain[html] = plain
	if _, known := r.docs[plain]; !known && plain != "" {
		r.docs[plain] = sizedDoc{doc, len(doc.HTML())}
	}
	return plain
}

// Text is rich text without its markup, which is made once for each.
func (r *RichTexts) Text(html string) string {
	if known, ok := r.texts[html]; ok {
		return known
	}
	r.texts[html] = plain(html)
	return r.texts[html]
}

// html is Text, or plain where no rich texts are known.
func (r *RichTexts) html() func(string) string {
	if r == nil {
		return plain
	}
	return r.Text
}

// Split takes the output of a template apart. What is not a known plain form
// between the two signs is plain text, and loses the signs.
func (r *RichTexts) Split(out string) (Composed, error) {
	if r.left -= len(out); r.left < 0 {
		return Composed{}, errTooMuch
	}
	var c Composed
	for out != "" {
		before, rest, found := strings.Cut(out, richBegins)
		c.text(strings.ReplaceAll(before, richEnds, ""))
		if !found {
			break
		}
		out = rest
		end := strings.IndexAny(rest, richBegins+richEnds)
		if end < 0 || rest[end] != richEnds[0] {
			continue
		}
		plain := richText(rest[:end])
		rich, known := r.docs[plain]
		if !known {
			continue
		}
		// A tree can be much larger than its plain form, and be repeated.
		if r.left -= rich.size; r.left < 0 {
			return c, errTooMuch
		}
		c.parts, out = append(c.parts, part{text: string(plain), doc: rich.doc, rich: true}), rest[end+1:]
	}
	return c, nil
}

// Composed is what the template of a field wrote: plain text, and rich text
// between it.
type Composed struct{ parts []part }

type part struct {
	text string // of rich text, the plain form
	doc  richtext.Doc
	rich bool
}

func (c *Composed) text(s string) {
	if s != "" {
		c.parts = append(c.parts, part{text: s})
	}
}

// Plain is all of it as plain text.
func (c Composed) Plain() string {
	var out strings.Builder
	for _, p := range c.parts {
		out.WriteString(p.text)
	}
	return out.String()
}

// Rich reports whether any of it is rich text.
func (c Composed) Rich() bool {
	for _, p := range c.parts {
		if p.rich {
			return true
		}
	}
	return false
}

// Doc is all of it as one document. Rich text of one paragraph stays in the
// line where the template has it.
func (c Composed) Doc() richtext.Doc {
	var out richtext.Doc
	var lines paragraphs
	for _, p := range c.parts {
		inline, ok := "", false
		if p.rich {
			inline, ok = onlyParagraph(p.doc)
		}
		switch {
		case !p.rich:
			lines.text(p.text)
		case ok:
			lines.inline(inline)
		default:
			out = out.Append(lines.end(), p.doc)
		}
	}
	return out.Append(lines.end())
}

// Docs returns the rich texts in it.
func (c Composed) Docs() []richtext.Doc {
	var out []richtext.Doc
	for _, p := range c.parts {
		if p.rich {
			out = append(out, p.doc)
		}
	}
	return out
}

// onlyParagraph returns the inside of a document's only block, in HTML, if that
// is a paragraph.
func onlyParagraph(d richtext.Doc) (inside string, ok bool) {
	text := d.HTML()
	inside, opens := strings.CutPrefix(text, "<p>")
	inside, closes := strings.CutSuffix(inside, "</p>")
	return inside, opens && closes && !strings.Contains(inside, "<p>")
}

// paragraphs makes a document of lines of plain text. Where blank lines
// separate them, the lines between two are one paragraph; else each is one.
type paragraphs struct{ lines []string } // in HTML

func (p *paragraphs) text(s string) {
	for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		if i > 0 || len(p.lines) == 0 {
			p.lines = append(p.lines, indented(line))
			continue
		}
		p.inline(html.EscapeString(line))
	}
}

func (p *paragraphs) inline(html string) {
	if len(p.lines) == 0 {
		p.lines = []string{""}
	}
	p.lines[len(p.lines)-1] += html
}

// indented keeps the white space at a line's beginning, which HTML drops.
func indented(line string) string {
	rest := strings.TrimLeft(line, " \t")
	indent := strings.ReplaceAll(line[:len(line)-len(rest)], "\t", "    ")
	if rest == "" {
		return ""
	}
	return strings.Repeat("\u00a0", len(indent)) + html.EscapeString(rest)
}

// end returns the lines so far as a document, and begins anew.
func (p *paragraphs) end() richtext.Doc {
	lines := p.lines
	p.lines = nil
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	separator := "</p><p>"
	for _, line := range lines {
		if blank(line) {
			separator = "<br>"
		}
	}
	var out strings.Builder
	for i, line := range lines {
		switch {
		case blank(line):
			continue
		case i == 0:
			out.WriteString("<p>")
		case blank(lines[i-1]):
			out.WriteString("</p><p>")
		default:
			out.WriteString(separator)
		}
		out.WriteString(line)
	}
	doc, err := richtext.Parse(out.String())
	if err != nil {
		return richtext.Paragraph(richtext.Text(tooLargeText))
	}
	return doc
}

// plain is rich text without its markup; what cannot be read is left out.
func plain(html string) string {
	doc, err := richtext.Parse(html)
	if err != nil {
		return ""
	}
	return doc.Plain()
}
