package richtext

import "slices"

func (c cell) width() int  { return max(c.colspan, 1) }
func (c cell) height() int { return max(c.rowspan, 1) }

// span sets how many columns and rows c covers.
func (c *cell) span(columns, rows int) {
	c.colspan, c.rowspan = 0, 0
	if columns > 1 {
		c.colspan = columns
	}
	if rows > 1 {
		c.rowspan = rows
	}
}

// spans reports whether any cell covers more than one place of the grid.
func (t table) spans() bool {
	_, spanning := t.size()
	return spanning > 0
}

// columns is the number of columns that the table's rows reach.
func (t table) columns() int {
	n := 0
	t.each(func(_ int, g *gridRow) { n = max(n, g.width()) })
	return n
}

// gridRow is a row of a table as it lies in the grid.
type gridRow struct {
	cells   []cell
	columns []int // where each cell begins
	end     int   // the column after the last cell
	above   []int // per column: how many rows, this one included, a cell from above still covers
	header  []bool
}

// width is how far the row reaches, with what covers it from above.
func (g *gridRow) width() int {
	for i := len(g.above) - 1; i >= g.end; i-- {
		if g.above[i] > 0 {
			return i + 1
		}
	}
	return g.end
}

// each visits the rows in order. What it passes is valid during the call only.
func (t table) each(visit func(i int, g *gridRow)) {
	g := &gridRow{}
	for i, r := range t.rows {
		g.cells, g.columns, g.end = r.cells, g.columns[:0], 0
		for _, c := range r.cells {
			for g.end < len(g.above) && g.above[g.end] > 0 {
				g.end++
			}
			g.columns = append(g.columns, g.end)
			g.end += c.width()
		}
		visit(i, g)
		g.next()
	}
}

// next moves what covers rows from above on to the row below.
func (g *gridRow) next() {
	for x := range g.above {
		g.above[x] = max(g.above[x]-1, 0)
	}
	for i, c := range g.cells {
		if c.height() == 1 {
			continue
		}
		for x := g.columns[i]; x < g.columns[i]+c.width(); x++ {
			for x >= len(g.above) {
				g.above, g.header = append(g.above, 0), append(g.header, false)
			}
			g.above[x], g.header[x] = c.height()-1, c.header
		}
	}
}

// expanded is the table for a dialect without spans: what a cell covers beyond
// its first place becomes empty cells, so that all others stay in their column.
func (t table) expanded() table {
	if !t.spans() {
		return t
	}
	out := table{make([]row, len(t.rows))}
	t.each(func(i int, g *gridRow) {
		cells := make([]cell, 0, g.width())
		fill := func(to int) {
			for x := len(cells); x < to; x++ {
				cells = append(cells, cell{header: x < len(g.above) && g.above[x] > 0 && g.header[x]})
			}
		}
		for j, c := range g.cells {
			fill(g.columns[j])
			cells = append(cells, cell{header: c.header, blocks: c.blocks})
			for range c.width() - 1 {
				cells = append(cells, cell{header: c.header})
			}
		}
		fill(g.width())
		out.rows[i].cells = cells
	})
	return out
}

// padded is the table as a rectangle: each gap at the end of a row becomes one
// empty cell as wide as the gap.
func (t table) padded() table {
	if len(t.rows) > maxPadded {
		return t
	}
	columns := t.columns()
	out := table{make([]row, len(t.rows))}
	t.each(func(i int, g *gridRow) {
		cells, gap := slices.Clip(g.cells), 0
		pad := func() {
			if gap > 0 {
				var c cell
				c.span(gap, 1)
				cells, gap = append(cells, c), 0
			}
		}
		x := g.end
		for ; x < len(g.above); x++ {
			if g.above[x] > 0 {
				pad()
			} else if x < columns {
				gap++
			}
		}
		gap += max(columns-x, 0)
		pad()
		out.rows[i].cells = cells
	})
	return out
}

// rectangle is the table expanded, with empty cells at the end of short rows as
// long as that is in proportion.
func (t table) rectangle() table {
	t = t.expanded()
	columns := t.columns()
	cells, _ := t.size()
	if !affordable(len(t.rows), columns, cells, 0) {
		return t
	}
	out := table{make([]row, len(t.rows))}
	for i, r := range t.rows {
		out.rows[i].cells = append(slices.Clip(r.cells), make([]cell, columns-len(r.cells))...)
	}
	return out
}

// affordable reports whether a grid of that size is in proportion to the cells
// that are really there. A few bytes of HTML can ask for one that is not; cells
// with spans weigh more, because they are longer in HTML.
func affordable(rows, columns, cells, spanning int) bool {
	return rows*columns <= 8*cells+32*spanning+64
}

// size counts the cells, and those that cover more than one place.
func (t table) size() (cells, spanning int) {
	for _, r := range t.rows {
		cells += len(r.cells)
		for _, c := range r.cells {
			if c.colspan > 1 || c.rowspan > 1 {
				spanning++
			}
		}
	}
	return cells, spanning
}

// top is the first rows of the table; no cell reaches beyond them.
func (t table) top(rows int) table {
	if !t.spans() {
		return table{t.rows[:rows:rows]}
	}
	out := table{make([]row, rows)}
	for i, r := range t.rows[:rows] {
		cells := make([]cell, len(r.cells))
		for j, c := range r.cells {
			c.span(c.width(), min(c.height(), rows-i))
			cells[j] = c
		}
		out.rows[i].cells = cells
	}
	return out
}

// rowGroups collects a table's rows as they are read, with their group: HTML
// lets no cell reach from one thead, tbody or tfoot into the next.
type rowGroups struct {
	rows   []row
	groups []int // per row
	group  int
}

func (g *rowGroups) add(r row) {
	g.rows, g.groups = append(g.rows, r), append(g.groups, g.group)
}

// table is the rows with their spans cut to the grid that they really make:
// columns in which no cell begins, and rows without a cell, are left out. Where
// that grid would be out of proportion the spans are ignored.
func (g *rowGroups) table() table {
	all := table{g.rows}
	if all.spans() && !g.place() {
		for _, r := range g.rows {
			for j := range r.cells {
				r.cells[j].span(1, 1)
			}
		}
	}
	out := table{make([]row, 0, len(g.rows))}
	for _, r := range g.rows {
		if len(r.cells) > 0 {
			out.rows = append(out.rows, r)
		}
	}
	return out
}

// place cuts every cell's spans to what is free and to the rows of its group.
// It reports false for a grid that is too wide or out of proportion.
func (g *rowGroups) place() bool {
	p := placer{}
	at := make([][]int, len(g.rows)) // the columns of each row's cells
	end := len(g.rows)
	ends := make([]int, len(g.rows))
	for i := len(g.rows) - 1; i >= 0; i-- {
		if i+1 < len(g.rows) && g.groups[i] != g.groups[i+1] {
			end = i + 1
		}
		ends[i] = end
	}
	for i, r := range g.rows {
		var ok bool
		if at[i], ok = p.row(i, ends[i], r.cells); !ok {
			return false
		}
	}
	columns := countBefore(len(p.begins), func(x int) bool { return p.begins[x] })
	rows := countBefore(len(g.rows), func(y int) bool { return len(g.rows[y].cells) > 0 })
	for i, r := range g.rows {
		for j := range r.cells {
			c, x := &r.cells[j], at[i][j]
			c.span(columns[x+c.width()]-columns[x], rows[i+c.height()]-rows[i])
		}
	}
	cells, spanning := table{g.rows}.size()
	if !affordable(rows[len(g.rows)], columns[len(p.begins)], cells, spanning) {
		return false
	}
	padded, _ := table{g.rows}.padded().size()
	return padded <= 2*cells+16
}

// countBefore is, for every i up to n, how many of the numbers below i are
// wanted.
func countBefore(n int, wanted func(int) bool) []int {
	out := make([]int, n+1)
	for i := range n {
		out[i+1] = out[i]
		if wanted(i) {
			out[i+1]++
		}
	}
	return out
}

// placer finds the place of every cell as HTML's algorithm for forming tables
// does, except that no cell covers another.
type placer struct {
	until  []int  // per column: the first row that nothing from above covers
	begins []bool // per column: a cell begins there
}

// row returns the columns of row i's cells and cuts their spans.
func (p *placer) row(i, groupEnd int, cells []cell) ([]int, bool) {
	at := make([]int, len(cells))
	x := 0
	for j := range cells {
		c := &cells[j]
		for x < len(p.until) && p.until[x] > i {
			x++
		}
		if x >= maxGrid {
			return nil, false
		}
		rows, width := min(c.height(), groupEnd-i), 0
		for width < c.width() && x+width < maxGrid && (x+width == len(p.until) || p.until[x+width] <= i) {
			if x+width == len(p.until) {
				p.until, p.begins = append(p.until, 0), append(p.begins, false)
			}
			p.until[x+width] = i + rows
			width++
		}
		p.begins[x] = true
		at[j] = x
		c.span(width, rows)
		x += width
	}
	return at, true
}
