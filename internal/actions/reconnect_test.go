package actions

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// marks is the store's half of needs_reconnect for the rig's one integration.
type marks struct {
	r    *rig
	told []fault.Side
	list []string
}

func (m *marks) NeedReconnect(_ context.Context, _ tenants.Integration, side fault.Side, reason string) (bool, error) {
	if m.r.in.Reconnect != nil {
		return false, nil
	}
	m.r.in.Reconnect = &tenants.Reconnect{Side: side, Reason: reason, Since: m.r.clock}
	m.list = []string{intID}
	return true, nil
}

func (m *marks) ByID(ctx context.Context, id string) (tenants.Integration, error) {
	return m.r.ByID(ctx, id)
}
func (m *marks) Reconnecting(context.Context) ([]string, error) { return m.list, nil }
func (m *marks) Resumed(context.Context, string) error          { m.list = nil; return nil }

func reconnecting(t *testing.T) (*rig, *marks, *Resumer) {
	t.Helper()
	r := newRig(t)
	m := &marks{r: r}
	r.perform.opts.Reconnects = m
	r.perform.opts.NeedsReconnect = func(side fault.Side) { m.told = append(m.told, side) }
	return r, m, NewResumer(m, r.store, r, slog.New(slog.DiscardHandler))
}

// later lets hours pass in which whatever is due is worked on.
func (r *rig) later(d time.Duration) {
	r.t.Helper()
	until := r.clock.Add(d)
	for r.clock.Before(until) {
		r.advance(time.Minute)
		found, _, err := r.store.Rescue(context.Background())
		require.NoError(r.t, err)
		for _, f := range found {
			require.NoError(r.t, r.perform.Perform(context.Background(), f.Key, f.Run))
		}
	}
}

// The tracker refuses its credential: the push waits, without calls and
// without its time running out, clicks learn who must act, and a repair lets
// it go on.
func TestTheTrackersCredentialStopsWorking(t *testing.T) {
	r, m, resume := reconnecting(t)
	r.settings("wrong-key", "demo", 0)
	r.click(pbapi.TriggerPush)
	require.True(t, r.step(t.Context()))
	require.Equal(t, []fault.Side{fault.SideTracker}, m.told)
	require.Equal(t, fault.SideTracker, r.in.Reconnect.Side)
	rec := r.record()
	require.Equal(t, connections.Progress, rec.State)
	require.NotZero(t, rec.Parked)
	require.Zero(t, rec.Deadline)
	require.Zero(t, rec.Attempts)

	calls := len(r.pb.calls)
	r.later(3 * time.Hour)
	require.Len(t, r.pb.calls, calls, "nothing is sent while it waits")
	require.Equal(t, connections.Progress, r.record().State, "its time stands still")
	require.Len(t, m.told, 1, "told once")

	answer := r.click(pbapi.TriggerPush)
	require.Equal(t, pbapi.StateError, answer.State)
	require.Equal(t, r.in.Reconnect.Reason, answer.Message)

	r.settings("tracker-key", "demo", 0)
	r.in.Reconnect = nil
	require.NoError(t, resume.Step(t.Context()))
	require.Equal(t, []string{intID}, m.list, "until nothing waits any more")
	require.NoError(t, resume.Step(t.Context()))
	require.Empty(t, m.list)
	r.drain()
	r.later(time.Minute)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

// A click that was refused is among the failed, so that it can be retried.
func TestARejectedClickIsRecorded(t *testing.T) {
	r, _, _ := reconnecting(t)
	r.in.Reconnect = &tenants.Reconnect{Side: fault.SideTracker, Reason: "The key of the tracker has expired. An admin must renew it."}
	require.Equal(t, pbapi.ConnectionState{State: pbapi.StateError, Message: r.in.Reconnect.Reason}, r.click(pbapi.TriggerPush))
	require.Empty(t, r.tracker.Books(0, 10))
	page, err := r.store.List(t.Context(), "acme", connections.Query{Integration: intID, State: connections.Failed})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, "unauthorized", page.Entries[0].Record.Failure.Kind)
	r.quiet(pbapi.StateError)
	require.Subset(t, []string{"get"}, r.pb.calls, "the button was read back, nothing else")

	r.in.Reconnect = nil
	r.click(pbapi.TriggerPush) // as a retry does
	r.quiet(pbapi.StateConnected)
}

// Productboard refuses: the issue is there, its button has to wait.
func TestProductboardsCredentialStopsWorking(t *testing.T) {
	r, m, resume := reconnecting(t)
	refused := &fault.Error{Kind: fault.Unauthorized, Side: fault.SideProductboard, Public: "An admin must renew the token."}
	r.pb.fail = map[string][]error{"put": {refused}}
	r.click(pbapi.TriggerPush)
	require.True(t, r.step(t.Context()))
	require.Equal(t, []fault.Side{fault.SideProductboard}, m.told)
	require.Equal(t, connections.Settle, r.record().Step)
	r.later(26 * time.Hour)
	require.Equal(t, []string{"entity", "put"}, r.pb.calls)
	r.in.Reconnect = nil
	require.NoError(t, resume.Step(t.Context()))
	r.drain()
	r.later(time.Minute)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

// Nobody repairs the tracker's credential for a day: the person is told.
func TestAPushDoesNotWaitForACredentialForEver(t *testing.T) {
	r, _, _ := reconnecting(t)
	r.settings("wrong-key", "demo", 0)
	r.click(pbapi.TriggerPush)
	require.True(t, r.step(t.Context()))
	r.later(25 * time.Hour)
	r.quiet(pbapi.StateError)
	require.Equal(t, r.in.Reconnect.Reason, r.pb.shown().Message)
}

// An unlink is not held up, and what was parked for the push is forgotten.
func TestUnlinkWhileParked(t *testing.T) {
	r, _, resume := reconnecting(t)
	r.settings("wrong-key", "demo", 0)
	r.click(pbapi.TriggerPush)
	require.True(t, r.step(t.Context()))
	require.Equal(t, pbapi.StateInitial, r.click(pbapi.TriggerUnlink).State)
	require.Zero(t, r.record().Parked)
	r.quiet(pbapi.StateInitial)
	r.in.Reconnect = nil
	require.NoError(t, resume.Step(t.Context()))
	r.quiet(pbapi.StateInitial)
}
