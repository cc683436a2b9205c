//go:build mutant_nospans

package richtext

const (
	maxSpan    = 1 << 30
	maxGrid    = 1 << 30
	maxRowspan = 1 << 30
	maxPadded  = 1 << 30
)
