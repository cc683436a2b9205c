package richtext

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// kind is the kind of a container on the walker's stack.
type kind uint8

const (
	root kind = iota
	blockQuote
	listBlock
	listItem
	tableBlock
	tableRow
	tableCell
	numKinds
)

// maxDepth bounds the stack, and so the depth of the tree and the recursion of
// every back-end. A list with its items takes two steps, so this is fifteen
// lists inside each other: far more than a reader can tell apart.
const maxDepth = 32

// frame is a container that is still open. Which fields count depends on kind.
type frame struct {
	kind   kind
	blocks []block // root, blockQuote, listItem, tableCell
	list   list
	check  check     // listItem; on a listBlock, what its items inherit
	rows   rowGroups // tableBlock
	row    row
	cell   cell // tableCell, without its blocks

	depth [numMarks]int // the walker's marks and link when this opened
	href  string
}

func kindOf(a atom.Atom) kind {
	switch a {
	case atom.Blockquote:
		return blockQuote
	case atom.Ul, atom.Ol:
		return listBlock
	case atom.Li:
		return listItem
	case atom.Table:
		return tableBlock
	case atom.Tr:
		return tableRow
	case atom.Td, atom.Th:
		return tableCell
	default:
		return root
	}
}

// top is valid only until the next push.
func (w *walker) top() *frame { return &w.stack[len(w.stack)-1] }

// find is the index of the innermost open frame of a kind, or -1. It does not
// look beyond the current table cell, except for the table's own parts.
func (w *walker) find(k kind) int {
	for i := len(w.stack) - 1; i > 0; i-- {
		f := w.stack[i].kind
		if f == k {
			return i
		}
		if f == tableCell && k != tableRow && k != tableBlock {
			return -1
		}
		if f == tableBlock && k != tableBlock && k != blockQuote {
			return -1
		}
	}
	return -1
}

// open begins a container. One that would nest too deep becomes a ghost: it is
// only counted, so that its end tag does not close somebody else, and its
// content goes to the container around it.
func (w *walker) open(k kind, t *html.Token) {
	w.flush()
	w.level = 0
	if w.isGhost(k) {
		w.ghosts[k]++
		return
	}
	switch k {
	case blockQuote, tableBlock:
		if top := w.top().kind; k == tableBlock && (top == tableBlock || top == tableRow) {
			w.popTo(w.find(tableBlock)) // only a cell holds a table
		}
		w.enterFlow()
		w.push(frame{kind: k})
	case listBlock:
		w.enterLastItem()
		f := frame{kind: listBlock, check: checkAttr(t)}
		f.list = list{ordered: t.DataAtom == atom.Ol, start: 1}
		if s := attr(t, "start"); s != "" && f.list.ordered {
			f.list.start = number(s, 0, 999_999_999)
		}
		w.push(f)
	case listItem:
		w.openItem(checkAttr(t))
	case tableRow:
		if i := w.find(tableBlock); i >= 0 {
			w.popTo(i + 1)
			w.push(frame{kind: tableRow})
		}
	case tableCell:
		w.openCell(t)
	default: // kindOf returns no other
	}
}

func (w *walker) isGhost(k kind) bool {
	switch k {
	case tableRow, tableCell:
		return w.ghosts[tableBlock] > 0
	case listItem:
		return w.ghosts[listBlock] > 0 || len(w.stack) > maxDepth
	default:
		return len(w.stack) >= maxDepth
	}
}

func (w *walker) openItem(c check) {
	// An <li> ends the one before it, but not across a quote.
	i := len(w.stack) - 1
	if w.stack[i].kind == listItem {
		i--
	}
	if w.stack[i].kind == listBlock {
		w.popTo(i + 1)
		if c == checkNone {
			c = w.top().check
		}
		w.push(frame{kind: listItem, check: c})
		return
	}
	w.enterFlow()
	w.push(frame{kind: listBlock, list: list{start: 1}}) // an <li> without a list
	w.push(frame{kind: listItem, check: c})
}

func (w *walker) openCell(t *html.Token) {
	i := w.find(tableBlock)
	if i < 0 {
		return
	}
	if i+1 < len(w.stack) && w.stack[i+1].kind == tableRow {
		w.popTo(i + 2)
	} else {
		w.popTo(i + 1)
		w.push(frame{kind: tableRow})
	}
	c := cell{header: t.DataAtom == atom.Th}
	rows := number(attr(t, "rowspan"), 0, maxRowspan)
	if rows == 0 && hasAttr(t, "rowspan") {
		rows = maxRowspan // to the end of the group
	}
	c.span(number(attr(t, "colspan"), 1, maxSpan), rows)
	w.push(frame{kind: tableCell, cell: c})
}

// rowGroup begins or ends a thead, tbody or tfoot.
func (w *walker) rowGroup() {
	w.startBlock(0)
	if i := w.find(tableBlock); i >= 0 && w.ghosts[tableBlock] == 0 {
		w.popTo(i + 1)
		w.top().rows.group++
	}
}

// close ends the innermost container of a kind and everything inside it. An
// end tag without its container only ends the paragraph.
func (w *walker) close(k kind) {
	w.flush()
	w.level = 0
	if w.ghosts[k] > 0 {
		w.ghosts[k]--
		if w.ghosts[k] == 0 { // end tags of these parts may be missing
			switch k {
			case tableBlock:
				w.ghosts[tableRow], w.ghosts[tableCell] = 0, 0
			case listBlock:
				w.ghosts[listItem] = 0
			default:
			}
		}
		return
	}
	if i := w.find(k); i > 0 {
		w.popTo(i)
	}
}

func (w *walker) push(f frame) {
	f.depth, f.href = w.depth, w.href
	w.stack = append(w.stack, f)
}

// popTo closes frames until n are left.
func (w *walker) popTo(n int) {
	for len(w.stack) > n {
		w.pop()
	}
}

// pop closes the innermost frame. Marks and links that it left open end with
// it; ghosts lived inside it and are gone.
func (w *walker) pop() {
	w.flush()
	f := *w.top()
	w.stack[len(w.stack)-1] = frame{}
	w.stack = w.stack[:len(w.stack)-1]
	w.ghosts = [numKinds]int{}
	for i := range w.depth {
		w.depth[i] = min(w.depth[i], f.depth[i])
	}
	if w.href != "" {
		w.href = f.href
	}
	w.blockHref, w.blockRefused, w.refused = w.href, "", refusal{}

	switch f.kind {
	case blockQuote:
		if len(f.blocks) > 0 {
			w.add(quote{f.blocks})
		}
	case listBlock:
		if len(f.list.items) > 0 {
			w.add(f.list)
		}
	case listItem:
		if len(f.blocks) > 0 || f.check != checkNone {
			w.top().list.items = append(w.top().list.items, item{f.check, f.blocks})
		}
	case tableBlock:
		if t := f.rows.table(); len(t.rows) > 0 {
			w.add(t)
		}
	case tableRow:
		w.top().rows.add(f.row) // also an empty one: spans count it
	case tableCell:
		f.cell.blocks = f.blocks
		r := &w.top().row
		r.cells = append(r.cells, f.cell)
	default: // the root is never popped
	}
}

// add puts a finished block into the container that is open. What stands in a
// table but in no cell goes before the table, as browsers do; what stands in a
// list but in no item becomes an item.
func (w *walker) add(b block) {
	w.enterFlow()
	for i := len(w.stack) - 1; ; i-- {
		switch w.stack[i].kind {
		case root, blockQuote, listItem, tableCell:
			w.stack[i].blocks = append(w.stack[i].blocks, b)
			return
		default: // takes no blocks; the root does
		}
	}
}

// enterFlow opens an item when the innermost frame is a list, because a list
// takes nothing else.
func (w *walker) enterFlow() {
	if w.top().kind == listBlock {
		w.push(frame{kind: listItem, check: w.top().check})
	}
}

// enterLastItem is enterFlow for a list directly inside a list: editors that
// write it mean a list nested in the item before it.
func (w *walker) enterLastItem() {
	f := w.top()
	if n := len(f.list.items); f.kind == listBlock && n > 0 {
		last := f.list.items[n-1]
		f.list.items = f.list.items[:n-1]
		w.push(frame{kind: listItem, check: last.check, blocks: last.blocks})
		return
	}
	w.enterFlow()
}

// checkAttr reads the state of a checklist item from its attributes. An
// <input type=checkbox> inside the item says it too, see checkbox.
func checkAttr(t *html.Token) check {
	state := strings.ToLower(attr(t, "data-checked") + attr(t, "aria-checked"))
	for _, s := range append(strings.Fields(attr(t, "class")), attr(t, "data-list"), state) {
		switch s {
		case "checked", "true", "truetrue":
			return checkDone
		case "unchecked", "false", "falsefalse":
			return checkOpen
		}
	}
	return checkNone
}
