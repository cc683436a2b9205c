//go:build !mutant_nospans

package richtext

// maxSpan bounds what colspan can ask for, and maxGrid how many columns a table
// with spans may have before its spans are ignored. Both are HTML's own limit.
// `make hostile-mutants` takes the bounds of this file away to prove that they
// are needed; no release is built so.
const (
	maxSpan = 1000
	maxGrid = 1000
)

// maxRowspan is HTML's limit for rowspan.
const maxRowspan = 65534

// maxPadded is the most rows of a table that is made a rectangle. No tracker
// has room for more, and what each one would add is longer than itself.
const maxPadded = 2000
