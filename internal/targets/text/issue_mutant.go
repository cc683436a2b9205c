//go:build mutant_uncut

package text

// What the mutant has in place of the limits.
const (
	MaxIssueID   = 1 << 30
	MaxIssueText = 1 << 30
	MaxIssueURL  = 1 << 30
)
