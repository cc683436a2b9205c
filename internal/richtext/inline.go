package richtext

import (
	"math/bits"
	"strings"
)

// prepare makes runs ready for a dialect: it drops the marks the dialect does
// not have, but spells out raised and lowered text, moves white space out of the edges of marks and links (most
// dialects read "** x **" as text), and joins what has become equal.
func prepare(runs []run, have mark) []run {
	runs = spell(runs, func(r run) bool { return r.marks&scripts&^have != 0 })
	if len(runs) == 1 && !isSpace(firstRune(runs[0].text)) && !isSpace(lastRune(runs[0].text)) {
		r := runs[0] // most lines of text are one plain run
		r.marks &= have
		return []run{r}
	}
	pieces := splitEdges(runs, have)
	covers := linkCovers(pieces)

	// White space keeps of its own style what the pieces on both sides have
	// too. Across the border of a link that is only what covers the whole
	// link: a mark that ends inside a link has to be closed before it, and
	// then not after a space.
	join := joiner{out: make([]run, 0, len(pieces))}
	for i := 0; i < len(pieces); {
		n := i
		for n < len(pieces) && pieces[n].space {
			n++
		}
		if i < n {
			style := between(pieces, covers, i, n)
			for _, p := range pieces[i:n] {
				p.marks, p.href = style.marks, style.href
				join.add(p.run)
			}
			i = n
			continue
		}
		join.add(pieces[i].run)
		i++
	}
	return trimBreaks(join.end())
}

// between is the style that the white space pieces from i to n may keep.
func between(pieces []piece, covers []mark, i, n int) run {
	if i == 0 || n == len(pieces) {
		return run{}
	}
	a, b := pieces[i-1], pieces[n]
	style := run{marks: a.marks & b.marks &^ code, href: a.href}
	for _, p := range pieces[i:n] {
		style.marks &= p.marks
		if p.href != style.href {
			style.href = ""
		}
	}
	if b.href != a.href || style.href != a.href {
		style.href = ""
		style.marks &= covers[i-1] & covers[n]
	}
	return style
}

// piece is a run that is either white space (or a break) or begins and ends
// with something visible.
type piece struct {
	run
	space bool
}

func splitEdges(runs []run, have mark) []piece {
	pieces := make([]piece, 0, 2*len(runs))
	for _, r := range runs {
		r.marks &= have
		if r.brk {
			pieces = append(pieces, piece{r, true})
			continue
		}
		if r.text == "" {
			continue
		}
		rest := strings.TrimLeftFunc(r.text, isSpace)
		lead := r.text[:len(r.text)-len(rest)]
		core := strings.TrimRightFunc(rest, isSpace)
		trail := rest[len(core):]
		for i, text := range [3]string{lead, core, trail} {
			if text != "" {
				p := piece{r, i != 1}
				p.text = text
				pieces = append(pieces, p)
			}
		}
	}
	return pieces
}

// linkCovers returns for every piece in a link the marks that all of the link
// has, and for every other piece all marks.
func linkCovers(pieces []piece) []mark {
	covers := make([]mark, len(pieces))
	for i := 0; i < len(pieces); {
		href, all, j := pieces[i].href, ^mark(0), i
		for ; j < len(pieces) && pieces[j].href == href; j++ {
			if href != "" && !pieces[j].space {
				all &= pieces[j].marks
			}
		}
		for ; i < j; i++ {
			covers[i] = all
		}
	}
	return covers
}

// joiner collects runs and joins neighbours that are the same. It keeps the
// parts apart until a run is complete: adding to a string would be quadratic
// where a dialect drops the mark that changes at every word.
type joiner struct {
	out   []run
	cur   run
	parts []string
}

func (j *joiner) add(r run) {
	if len(j.parts) > 0 && j.cur.same(r) {
		if strings.HasSuffix(j.parts[len(j.parts)-1], " ") && r.marks&code == 0 {
			r.text = strings.TrimLeft(r.text, " ")
		}
		if r.text != "" {
			j.parts = append(j.parts, r.text)
		}
		return
	}
	j.end()
	if r.brk {
		j.out = append(j.out, r)
		return
	}
	j.cur = r
	j.parts = append(j.parts, r.text)
}

func (j *joiner) end() []run {
	if len(j.parts) > 0 {
		j.cur.text = strings.Join(j.parts, "")
		j.out = append(j.out, j.cur)
		j.parts = j.parts[:0]
	}
	return j.out
}

// trimBreaks drops plain spaces at both ends of every line.
func trimBreaks(runs []run) []run {
	out := runs[:0]
	for i, r := range runs {
		if !r.brk && r.marks&code == 0 {
			if i == 0 || runs[i-1].brk {
				r.text = strings.TrimLeft(r.text, " ")
			}
			if i == len(runs)-1 || runs[i+1].brk {
				r.text = strings.TrimRight(r.text, " ")
			}
			if r.text == "" {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// eventKind distinguishes the parts of a nested line of text.
type eventKind uint8

const (
	evText eventKind = iota
	evCode           // text of a code run
	evBreak
	evOpen // of a mark
	evClose
	evOpenLink
	evCloseLink
)

type event struct {
	kind eventKind
	mark mark
	text string // evText, evCode
	href string // evOpenLink, evCloseLink
	bare bool   // of a link, as in run
}

func (e event) opens() bool  { return e.kind == evOpen || e.kind == evOpenLink }
func (e event) closes() bool { return e.kind == evClose || e.kind == evCloseLink }

// follows reports whether anything stands on the same line after event i.
func follows(events []event, i int) bool {
	return i+1 < len(events) && events[i+1].kind != evBreak
}

// textAfter returns the text directly behind event i on the same line, and
// whether anything stands directly behind that.
func textAfter(events []event, i int) (rest string, more bool) {
	if more = follows(events, i); more && events[i+1].kind == evText {
		return events[i+1].text, follows(events, i+1)
	}
	return "", more
}

// ownText reports whether the link that begins at event i shows text alone and
// ends with it.
func ownText(events []event, i int, text string) bool {
	return len(events) > i+2 && events[i+1].kind == evText && events[i+1].text == text && events[i+2].kind == evCloseLink
}

// nester turns runs, whose marks may overlap, into properly nested events.
type nester struct {
	runs  []run
	ends  []([numMarks]int) // per run and mark: first later run without it
	links []int             // per run: first later run with another link
	cover []mark            // per run: marks that its whole link has
	stack []event
	out   []event
}

// nest arranges prepared runs so that every dialect can print them one after
// the other. What lasts longer is outside; a link is never split.
func nest(runs []run) []event {
	if len(runs) == 1 && runs[0].same(run{}) {
		return []event{{kind: evText, text: runs[0].text}}
	}
	n := &nester{runs: runs, out: make([]event, 0, 3*len(runs))}
	n.measure()
	for i, r := range runs {
		n.closeFor(i)
		switch {
		case r.brk:
			// Marks open after a break, never directly before it.
			n.emit(event{kind: evBreak})
		case r.marks&code != 0:
			n.openFor(i)
			n.emit(event{kind: evCode, text: r.text})
		default:
			text := r.text
			if rest := strings.TrimLeftFunc(text, isSpace); len(rest) < len(text) && n.mustOpen(r) {
				n.emit(event{kind: evText, text: text[:len(text)-len(rest)]})
				text = rest
			}
			if text != "" {
				n.openFor(i)
				n.emit(event{kind: evText, text: text})
			}
		}
	}
	n.closeDown(0)
	return n.out
}

func (n *nester) emit(e event) { n.out = append(n.out, e) }

func (n *nester) measure() {
	size := len(n.runs)
	n.ends, n.links, n.cover = make([][numMarks]int, size), make([]int, size), make([]mark, size)
	for i := size - 1; i >= 0; i-- {
		r := n.runs[i]
		sameLink := i+1 < size && n.runs[i+1].href == r.href
		n.links[i], n.cover[i] = i+1, r.marks
		if sameLink {
			n.links[i] = n.links[i+1]
			n.cover[i] &= n.cover[i+1]
		}
		for m := range numMarks {
			if r.marks&(1<<m) == 0 {
				n.ends[i][m] = i
			} else if i+1 < size {
				n.ends[i][m] = max(n.ends[i+1][m], i+1)
			} else {
				n.ends[i][m] = size
			}
		}
	}
}

// closeFor closes whatever run i does not have, and what is open around it.
func (n *nester) closeFor(i int) {
	r := n.runs[i]
	stay := r.marks
	if r.href != "" && (i == 0 || n.runs[i-1].href != r.href) {
		stay &= n.cover[i] // the link that begins here may not be split
	}
	for at, e := range n.stack {
		if e.kind == evOpen && stay&e.mark == 0 || e.kind == evOpenLink && e.href != r.href {
			n.closeDown(at)
			return
		}
	}
}

func (n *nester) closeDown(to int) {
	for len(n.stack) > to {
		e := n.stack[len(n.stack)-1]
		n.stack = n.stack[:len(n.stack)-1]
		e.kind++ // evOpen -> evClose, evOpenLink -> evCloseLink
		n.emit(e)
	}
}

// pending returns the marks that run r has and the stack has not.
func (n *nester) pending(r run) (marks mark, link bool) {
	marks, link = r.marks&^code, r.href != ""
	for _, e := range n.stack {
		if e.kind == evOpenLink {
			link = false
		}
		marks &^= e.mark
	}
	return marks, link
}

func (n *nester) mustOpen(r run) bool {
	marks, link := n.pending(r)
	return marks != 0 || link
}

func (n *nester) openFor(i int) {
	r := n.runs[i]
	marks, link := n.pending(r)
	outside := marks
	if link {
		outside &= n.cover[i]
	}
	n.openMarks(i, outside)
	if link {
		n.push(event{kind: evOpenLink, href: r.href, bare: r.bare})
	}
	n.openMarks(i, marks&^outside)
}

// openMarks opens the marks that last longest first. When they last equally
// long the order is that in which Redmine reads them.
func (n *nester) openMarks(i int, marks mark) {
	for marks != 0 {
		var best mark
		for _, m := range [...]mark{bold, strike, italic, underline, superscript, subscript} {
			if marks&m != 0 && (best == 0 || n.end(i, m) > n.end(i, best)) {
				best = m
			}
		}
		n.push(event{kind: evOpen, mark: best})
		marks &^= best
	}
}

func (n *nester) end(i int, m mark) int { return n.ends[i][bits.TrailingZeros8(uint8(m))] }

func (n *nester) push(e event) {
	n.stack = append(n.stack, e)
	n.emit(e)
}
