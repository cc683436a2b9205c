package keeper_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// hanging is a tracker that answers once it is told to.
type hanging struct {
	*tracker
	asked  atomic.Int64
	answer chan struct{}
}

func (h *hanging) RegisterHook(ctx context.Context, _ targets.HookWanted) (targets.HookRegistration, bool, error) {
	h.asked.Add(1)
	select {
	case <-h.answer:
	case <-ctx.Done():
	}
	return targets.HookRegistration{}, true, fault.New(fault.Unavailable, "register webhook", "GitLab cannot be reached.")
}

// many adds a tenant with integrations, and returns these.
func (r *rig) many(tenant string, n int) []tenants.Integration {
	r.t.Helper()
	_, err := r.store.CreateTenant(r.t.Context(), tenant)
	require.NoError(r.t, err)
	var all []tenants.Integration
	for i := range n {
		in := r.in()
		in.ID, in.Name = tenants.NewID(), fmt.Sprint("Engineering ", i)
		in.Target.Credentials = map[string]secret.String{"token": secret.New(tenant)}
		in, err := r.store.Tenant(tenant).Create(r.t.Context(), in)
		require.NoError(r.t, err)
		all = append(all, in)
	}
	return all
}

// A tenant whose trackers hang does not keep the webhooks of others from being made,
// however many integrations it has.
func TestATenantWhoseTrackersHangStarvesNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	slow := &hanging{tracker: r.tracker, answer: make(chan struct{})}
	all := append(r.many("a-slow", 60), r.many("b-quick", 20)...)
	k := keeper.New(r.store, r.routes, func(_ context.Context, in tenants.Integration) (keeper.Target, error) {
		if strings.HasPrefix(in.Tenant, "a-") {
			return slow, nil
		}
		return r.tracker, nil
	}, public, &keeper.Options{Now: func() time.Time { return r.now }, Abilities: func(string) (bool, bool) { return true, true },
		Active: func(context.Context) iter.Seq2[tenants.Integration, error] {
			return func(yield func(tenants.Integration, error) bool) {
				for _, in := range all {
					if !yield(in, nil) {
						return
					}
				}
			}
		}})
	done := make(chan error, 1)
	go func() { done <- k.Tend(t.Context()) }()
	registered := func() int {
		r.tracker.mu.Lock()
		defer r.tracker.mu.Unlock()
		return len(r.tracker.hooks)
	}
	require.Eventually(t, func() bool { return registered() == 20 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, slow.asked.Load(), int64(2), "and it takes few places")
	close(slow.answer)
	require.NoError(t, <-done)
	require.Equal(t, int64(60), slow.asked.Load())
}
