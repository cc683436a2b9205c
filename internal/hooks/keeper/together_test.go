package keeper_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/tenants"
)

// current makes sure that the tracker has one webhook, with the secret that is stored.
func (r *rig) current() {
	r.t.Helper()
	h := r.in().Hook
	require.Equal(r.t, map[string]string{public + "/hooks/" + r.id + "/" + h.Token.Reveal(): "x" + h.Secret.Reveal()}, r.tracker.hooks)
}

// Whoever read the integration before a rotation must not give the tracker the
// secret of before.
func TestARegistrationAfterARotationHasTheNewSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	stale := r.in()
	_, err := r.keeper.Rotate(t.Context(), stale)
	require.NoError(t, err)
	out, err := r.keeper.Register(t.Context(), stale)
	require.NoError(t, err)
	require.Equal(t, keeper.Registered, out.State)
	r.current()
}

// A rotation waits for a registration that is under way, or the tracker would be
// told the older secret last.
func TestOneWorksOnAWebhookAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	var group sync.WaitGroup
	defer group.Wait()
	first, before := r.in().Hook.Secret, r.in()
	rotated := make(chan error, 1)
	r.tracker.meanwhile = func() {
		group.Go(func() {
			_, err := r.keeper.Rotate(t.Context(), before)
			rotated <- err
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		<-ctx.Done() // a rotation that does not wait is over by then
		require.Equal(t, first, r.in().Hook.Secret)
	}
	_, err := r.keeper.Register(t.Context(), r.in())
	require.NoError(t, err)
	require.NoError(t, <-rotated)
	require.NotEqual(t, first, r.in().Hook.Secret)
	r.current()
	require.Zero(t, r.tend())
}

// The tracker may go on with the former secret for hours.
func TestARotationThatTheTrackerDidNotTake(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.ensure()
	first := r.in().Hook.Secret
	r.tracker.fails = fault.New(fault.Unavailable, "register webhook", "GitLab cannot be reached.")
	for range 2 {
		_, err := r.keeper.Rotate(t.Context(), r.in())
		require.NoError(t, err)
		require.Equal(t, first, r.in().Hook.Former, "the tracker signs with it")
		r.now = r.now.Add(8 * time.Hour)
		require.True(t, r.now.Before(r.in().Hook.FormerUntil))
	}
	r.tracker.fails = nil
	require.Equal(t, 1, r.tend())
	r.current()
	require.Equal(t, first, r.in().Hook.Former)
	require.Equal(t, r.now.Add(10*time.Minute), r.in().Hook.FormerUntil)

	second := r.in().Hook.Secret
	r.now = r.now.Add(time.Minute)
	_, err := r.keeper.Rotate(t.Context(), r.in())
	require.NoError(t, err)
	require.Equal(t, second, r.in().Hook.Former)
	r.current()
}

// A process that ends while the tracker makes the webhook leaves none behind that a
// deletion does not remove.
func TestARegistrationThatIsCutShortIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.tracker.after = cancel
	_, err := r.keeper.Ensure(ctx, r.in())
	require.ErrorIs(t, err, fault.Canceled)
	require.Len(t, r.tracker.hooks, 1)
	require.NoError(t, r.keeper.Remove(t.Context(), r.in()))
	require.Empty(t, r.tracker.hooks)
}

// An integration that is deleted while its webhook is made leaves none behind.
func TestADeletionMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	stale := r.in()
	r.tracker.meanwhile = func() { r.change(func(in *tenants.Integration) { in.Deleting = r.now }) }
	_, err := r.keeper.Ensure(t.Context(), stale)
	require.NoError(t, err)
	require.Empty(t, r.tracker.hooks)

	calls := r.tracker.calls
	out, err := r.keeper.Register(t.Context(), stale)
	require.NoError(t, err)
	require.Equal(t, keeper.Off, out.State)
	require.Equal(t, calls, r.tracker.calls, "it reads that it is deleted")
	_, err = r.keeper.Rotate(t.Context(), stale)
	require.ErrorIs(t, err, fault.Conflict)
}
