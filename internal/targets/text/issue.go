//go:build !mutant_uncut

package text

// Limits of an issue, in characters but for MaxIssueID. Its texts are what a
// button can show: what a tracker says beyond that is not kept. `make
// hostile-mutants` takes them away to check that they are needed; no release is
// built so.
const (
	// MaxIssueID bounds what a tracker may call an issue, in bytes. A longer id
	// is an error: cut, it would name another issue.
	MaxIssueID = 200
	// MaxIssueText bounds key, title and status: a tooltip's length, which is the
	// longest text of a button.
	MaxIssueText = 50
	// MaxIssueURL bounds an address. A longer one is left out.
	MaxIssueURL = 1000
)
