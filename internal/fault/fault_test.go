package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKindsSurviveWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, kind := range Kinds() {
		err := fmt.Errorf("outer: %w", errors.Join(fmt.Errorf("inner: %w", &Error{Op: "op", Kind: kind, Err: cause, RetryAfter: time.Second})))
		require.ErrorIs(t, err, kind)
		require.ErrorIs(t, err, cause)
		require.Equal(t, kind, KindOf(err))
		require.Equal(t, time.Second, From(err).RetryAfter)
		require.NotContains(t, kind.String(), "kind(", "every kind has a name")
		for _, other := range Kinds() {
			require.Equal(t, other == kind, errors.Is(err, other))
		}
	}
	require.Equal(t, "kind(200)", Kind(200).String())
	require.False(t, Kind(200).Transient())
}

func TestWrapTellsEndedContexts(t *testing.T) {
	t.Parallel()
	require.Nil(t, Wrap(Invalid, "op", nil))
	require.Equal(t, Canceled, Wrap(Invalid, "op", context.Canceled).Kind)
	require.Equal(t, Timeout, Wrap(Invalid, "op", fmt.Errorf("x: %w", context.DeadlineExceeded)).Kind)
	require.Equal(t, Invalid, Wrap(Invalid, "op", errors.New("x")).Kind)
}

func TestFromNeverLosesAnError(t *testing.T) {
	t.Parallel()
	require.Nil(t, From(nil))
	require.Equal(t, Internal, From(errors.New("unclassified")).Kind)
	require.Equal(t, Canceled, From(context.Canceled).Kind)
	require.False(t, IsUnsure(errors.New("x")))
	require.True(t, IsUnsure(fmt.Errorf("x: %w", &Error{Unsure: true})))
}

func TestTheTextForTheLogHoldsEverything(t *testing.T) {
	t.Parallel()
	err := &Error{Op: "create issue", Kind: Invalid, Side: SideTracker, Peer: "Redmine", Ref: "req-7", Err: errors.New("422")}
	require.Equal(t, "create issue: Redmine: invalid (ref req-7): 422", err.Error())
	require.Equal(t, "op: not_found: Gone.", New(NotFound, "op", "Gone.").Error())
}
