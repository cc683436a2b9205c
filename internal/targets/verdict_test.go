package targets_test

import (
	"errors"
	"github.com/stretchr/testify/require"
	"testing"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// Only one kind of failure lets go of an issue.
func TestVerdictOf(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds() {
		verdict := targets.VerdictOf(targets.Issue{}, &fault.Error{Kind: kind})
		require.Equal(t, kind == fault.Gone, verdict == targets.VerdictGone, kind)
		require.NotContains(t, []targets.Verdict{targets.VerdictPresent, targets.VerdictMoved, targets.VerdictTrashed}, verdict, kind)
	}
	require.Equal(t, targets.VerdictUndecided, targets.VerdictOf(targets.Issue{}, errors.New("nobody classified it")))
	require.Equal(t, targets.VerdictPresent, targets.VerdictOf(targets.Issue{ID: "1"}, nil))
	require.Equal(t, targets.VerdictMoved, targets.VerdictOf(targets.Issue{ID: "1", Verdict: targets.VerdictMoved}, nil))
}
