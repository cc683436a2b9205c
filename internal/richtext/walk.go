package richtext

import (
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// walker turns sanitised HTML into blocks in one pass over its tokens.
//
// It reads tokens and not html.Parse's node tree because that parser is
// quadratic on, or refuses, deeply nested input; and because of all its repair
// work only a little is of use here: marks are counted and so may overlap,
// and containers are kept on a stack that cannot grow beyond maxDepth.
type walker struct {
	stack  []frame
	ghosts [numKinds]int // containers opened but not put on the stack, see open

	runs  []run
	buf   strings.Builder // text of the run that is being read
	cur   run             // its style
	space bool            // the text so far ends in white space

	level int // heading level of the block being read, 0 = paragraph

	depth   [numMarks]int // open elements per mark
	href    string
	links   int // bytes of addresses that runs may still hold
	refused refusal
	// blockHref and blockRefused are the link when the current p or heading began.
	blockHref, blockRefused string

	pre *preText // non-nil inside <pre>

	remarks Remarks
}

const numMarks = 7

// A link around many blocks or breaks gives each of them its address, and a long
// one would make a document of gigabytes. All addresses together are at most
// linkShare times as long as the source, and linkFloor bytes. Behind that the
// text of links stays, and they lead nowhere.
const (
	linkShare = 8
	linkFloor = 64 << 10
)

func walk(src string) Doc {
	w := &walker{stack: []frame{{kind: root}}, space: true, links: linkFloor + linkShare*len(src)}
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch z.Next() {
		case html.ErrorToken: // the end: a string reader has no other error
			w.endPre()
			for len(w.stack) > 1 {
				w.pop()
			}
			w.flush()
			return Doc{blocks: w.stack[0].blocks, remarks: w.remarks}
		case html.TextToken:
			w.addText(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			w.start(&t)
		case html.EndTagToken:
			t := z.Token()
			w.end(t.DataAtom)
		case html.CommentToken, html.DoctypeToken: // the sanitiser leaves none
		}
	}
}

func (w *walker) start(t *html.Token) {
	a := t.DataAtom
	if w.pre != nil && w.startInPre(t) {
		return
	}
	if m := markOf(a); m != 0 {
		w.depth[bits.TrailingZeros8(uint8(m))]++
		return
	}
	if k := kindOf(a); k != root {
		w.open(k, t)
		return
	}
	switch a {
	case atom.A:
		w.openLink(attr(t, "href"))
	case atom.Br:
		w.addBreak()
	case atom.Img:
		w.image(t)
	case atom.Input:
		w.checkbox(t)
	case atom.Hr:
		w.flush()
		w.add(rule{})
	case atom.Pre:
		w.flush()
		w.pre = &preText{lang: language(t)}
	case atom.Thead, atom.Tbody, atom.Tfoot:
		w.rowGroup()
	default:
		w.startBlock(headingLevel(a))
	}
}

func (w *walker) end(a atom.Atom) {
	if m := markOf(a); m != 0 {
		if w.pre != nil && m&scripts != 0 {
			w.pre.endScript()
			return
		}
		if d := &w.depth[bits.TrailingZeros8(uint8(m))]; *d > 0 {
			*d--
		}
		return
	}
	switch k := kindOf(a); {
	case k != root:
		w.endPre()
		w.close(k)
	case a == atom.A:
		w.openLink("")
	case a == atom.Br: // browsers read </br> as <br>
		w.addBreak()
	case a == atom.Pre:
		w.endPre()
	case w.pre != nil:
	case a == atom.Thead, a == atom.Tbody, a == atom.Tfoot:
		w.rowGroup()
	default:
		w.flush()
		w.level = 0
		if w.href != "" { // an unclosed link ends with its block
			w.href = w.blockHref
		}
		if w.refused.address != w.blockRefused {
			w.refused = refusal{}
		}
	}
}

// startBlock begins a paragraph or a heading; a block element without a
// meaning of its own begins a paragraph, so that words stay apart.
func (w *walker) startBlock(level int) {
	w.flush()
	w.level = level
	w.blockHref, w.blockRefused = w.href, w.refused.address
}

// startInPre handles a start tag inside <pre>, where only text, line breaks and
// the language count. A container that begins there means that the </pre> is
// missing.
func (w *walker) startInPre(t *html.Token) bool {
	switch a := t.DataAtom; {
	case a == atom.Code:
		if w.pre.lang == "" {
			w.pre.lang = language(t)
		}
	case a == atom.Br:
		w.pre.write("\n")
	case a == atom.Img:
		w.image(t)
	case kindOf(a) != root, headingLevel(a) > 0, a == atom.Pre, a == atom.Hr:
		w.endPre()
		return false
	case a == atom.P, a == atom.Div:
		if s := w.pre.text.String(); s != "" && !strings.HasSuffix(s, "\n") {
			w.pre.write("\n")
		}
	case markOf(a)&scripts != 0:
		w.pre.startScript(markOf(a))
	}
	return true
}

func (w *walker) endPre() {
	if w.pre == nil {
		return
	}
	w.pre.endScript()
	// HTML ignores one line end after <pre>; line ends before </pre> are only
	// how editors write it.
	text := strings.TrimRight(strings.TrimPrefix(dropControls(w.pre.text.String()), "\n"), "\n")
	if strings.TrimFunc(text, isSpace) != "" {
		w.add(codeBlock{lang: w.pre.lang, text: text})
	}
	w.pre = nil
	w.depth[bits.TrailingZeros8(uint8(code))] = 0 // a missing </code> ends here too
}

func (w *walker) addText(s string) {
	if w.pre != nil {
		w.pre.write(s)
		return
	}
	w.setStyle(w.href)
	w.space = collapse(&w.buf, dropControls(s), w.space)
}

func (w *walker) setStyle(href string) {
	next := run{href: href}
	for i, n := range w.depth {
		if n > 0 {
			next.marks |= 1 << i
		}
	}
	if next.marks&superscript != 0 {
		next.marks &^= subscript
	}
	if !w.cur.same(next) {
		w.endRun()
		w.cur = next
	}
}

func (w *walker) endRun() {
	if w.buf.Len() > 0 {
		r := w.cur
		r.text = w.buf.String()
		w.addRun(r)
		w.buf.Reset()
	}
}

func (w *walker) addRun(r run) {
	if len(r.href) > w.links {
		r.href = ""
	}
	w.links -= len(r.href)
	w.runs = append(w.runs, r)
}

func (w *walker) addBreak() {
	if w.pre != nil {
		w.pre.write("\n")
		return
	}
	w.setStyle(w.href)
	w.endRun()
	w.addRun(run{brk: true, marks: w.cur.marks, href: w.cur.href})
	w.space = true
}

func (w *walker) checkbox(t *html.Token) {
	c := checkOpen
	if hasAttr(t, "checked") {
		c = checkDone
	}
	if i := w.find(listItem); i >= 0 && w.ghosts[listItem] == 0 {
		w.stack[i].check = c
		return
	}
	sign := "☐ " // outside a list there is no item to mark
	if c == checkDone {
		sign = "☑ "
	}
	w.setStyle(w.href)
	w.space = collapse(&w.buf, sign, w.space)
}

// flush ends the paragraph or heading that is being read.
func (w *walker) flush() {
	w.showRefused()
	w.endRun()
	runs := linkBare(trimRuns(w.runs))
	w.runs, w.space, w.cur, w.refused.from = nil, true, run{}, 0
	if blankRuns(runs) {
		return
	}
	if w.level > 0 {
		w.add(heading{level: w.level, runs: runs})
		return
	}
	w.add(paragraph{runs})
}

// trimRuns drops breaks and white space at both ends of a block; browsers do
// not show them either.
func trimRuns(runs []run) []run {
	blank := func(r run) bool { return r.brk || strings.TrimFunc(r.text, isSpace) == "" }
	for len(runs) > 0 && blank(runs[0]) {
		runs = runs[1:]
	}
	for len(runs) > 0 && blank(runs[len(runs)-1]) {
		runs = runs[:len(runs)-1]
	}
	if n := len(runs); n > 0 {
		runs[0].text = strings.TrimLeftFunc(runs[0].text, isSpace)
		runs[n-1].text = strings.TrimRightFunc(runs[n-1].text, isSpace)
	}
	return runs
}

func markOf(a atom.Atom) mark {
	switch a {
	case atom.B, atom.Strong:
		return bold
	case atom.I, atom.Em:
		return italic
	case atom.U, atom.Ins:
		return underline
	case atom.S, atom.Strike, atom.Del:
		return strike
	case atom.Code, atom.Kbd, atom.Samp, atom.Tt:
		return code
	case atom.Sup:
		return superscript
	case atom.Sub:
		return subscript
	default:
		return 0
	}
}

func headingLevel(a atom.Atom) int {
	switch a {
	case atom.H1:
		return 1
	case atom.H2:
		return 2
	case atom.H3:
		return 3
	case atom.H4:
		return 4
	case atom.H5:
		return 5
	case atom.H6:
		return 6
	default:
		return 0
	}
}

func attr(t *html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasAttr(t *html.Token, key string) bool {
	for _, a := range t.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func number(s string, least, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return least
	}
	return min(max(n, least), most)
}

// language is the language a <pre> or <code> names, "" when none or when it is
// not a plain word: back-ends write it into their markup as it is.
func language(t *html.Token) string {
	name := attr(t, "data-language")
	if name == "" {
		name = attr(t, "data-lang")
	}
	for c := range strings.FieldsSeq(attr(t, "class")) {
		if name != "" {
			break
		}
		for _, prefix := range []string{"language-", "lang-"} {
			if rest, ok := strings.CutPrefix(c, prefix); ok {
				name = rest
			}
		}
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if len(name) > 32 || strings.ContainsFunc(name, func(r rune) bool {
		return r >= 0x80 || !isASCIIAlnum(byte(r)) && !strings.ContainsRune("+#._-", r)
	}) {
		return ""
	}
	return name
}
