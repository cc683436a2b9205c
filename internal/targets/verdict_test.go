package targets_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// Only one kind of failure lets go of an issue.
func TestVerdictOf(t *testing.T) {
	for _, kind := range fault.Kinds() {
		verdict := targets.VerdictOf(targets.Issue{}, &fault.Error{Kind: kind})
		assert.Equal(t, kind == fault.Gone, verdict == targets.VerdictGone, kind)
		assert.NotContains(t, []targets.Verdict{targets.VerdictPresent, targets.VerdictMoved, targets.VerdictTrashed}, verdict, kind)
	}
	assert.Equal(t, targets.VerdictUndecided, targets.VerdictOf(targets.Issue{}, errors.New("nobody classified it")))
	assert.Equal(t, targets.VerdictPresent, targets.VerdictOf(targets.Issue{ID: "1"}, nil))
	assert.Equal(t, targets.VerdictMoved, targets.VerdictOf(targets.Issue{ID: "1", Verdict: targets.VerdictMoved}, nil))
}
