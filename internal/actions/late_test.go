package actions

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

// Others wait for a create as long as it may take after its intent. A process
// that is frozen between the two must not give it more time than that.
func TestACreatesTimeBeginsBeforeItsIntent(t *testing.T) {
	r := newRig(t)
	var intended time.Time
	r.env.Client.AddHook(onCommand(func(cmd redis.Cmder) {
		if slices.Contains(cmd.Args(), any("intend")) {
			intended = time.Now()
		}
	}))
	var deadline time.Time
	r.target = func() (*targets.Target, error) {
		return targets.New(onCreate(func(ctx context.Context) { deadline, _ = ctx.Deadline() }), targets.Options{}), nil
	}
	r.click(pbapi.TriggerPush)
	r.step(context.Background())
	require.False(t, intended.IsZero())
	require.False(t, deadline.IsZero())
	require.False(t, deadline.After(intended.Add(CreateTimeout)), "the create may end after others have given it up")
}

// onCommand is told of each command before it is sent.
type onCommand func(redis.Cmder)

func (onCommand) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f onCommand) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		f(cmd)
		return next(ctx, cmd)
	}
}

func (onCommand) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// onCreate is a driver that is told of the context of each create.
type onCreate func(context.Context)

func (onCreate) Check(context.Context) error                                  { return nil }
func (onCreate) Find(context.Context, targets.Marker) (*targets.Issue, error) { return nil, nil } //nolint:nilnil // none
func (onCreate) Traits() targets.Traits                                       { return targets.Traits{Name: "Tracker"} }
func (f onCreate) Create(ctx context.Context, _ targets.Draft) (targets.Issue, error) {
	f(ctx)
	return targets.Issue{ID: "1", Key: "#1", URL: "https://tracker.example/1"}, nil
}

// A create that left a frozen process late reaches the tracker after the push
// was unlinked. It is found all the same, as long as a second one of a push
// that stands is.
func TestLateCreateOfAnUnlinkedPush(t *testing.T) {
	lost := memtarget.Fault{Effect: memtarget.EffectReset}
	for name, c := range map[string]struct {
		until  func(rec connections.Record) bool // when is unlinked
		policy tenants.OnUnlink
		older  bool // the late one is the older
		made   int
		open   int // how many are left open
	}{
		"nothing was found":                     {func(r connections.Record) bool { return r.Intent != nil }, tenants.UnlinkClose, false, 1, 0},
		"a second one was created":              {isConnected, tenants.UnlinkClose, false, 2, 0},
		"a second one was created and is newer": {isConnected, tenants.UnlinkClose, true, 2, 0},
		"a second one is closed in any case":    {isConnected, tenants.UnlinkLeave, false, 2, 1},
		"a second one is not remarked upon":     {isConnected, tenants.UnlinkComment, false, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.in.OnUnlink = c.policy
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{lost}}))
			r.click(pbapi.TriggerPush)
			r.step(context.Background())
			marker := r.record().Marker(r.key())
			r.pb.onGet = func() {
				if c.older && len(r.tracker.Books(0, 10)) == 0 {
					r.createBehindOurBack(marker)
				}
			}
			for !c.until(r.record()) {
				require.True(t, r.step(context.Background()))
			}
			r.click(pbapi.TriggerUnlink)
			late := r.clock.Add(recheckDuplicates / 2)
			for len(r.queue) > 0 && r.queue[0].at.Before(late) {
				r.step(context.Background())
			}
			if !c.older {
				r.createBehindOurBack(marker)
			}
			r.quiet(pbapi.StateInitial)
			issues := r.tracker.Marked("demo", string(marker))
			require.Len(t, issues, c.made)
			open := 0
			for _, i := range issues {
				if i.Status == memtarget.StatusOpen {
					open++
				}
			}
			require.Equal(t, c.open, open)
			if c.open > 0 {
				require.Equal(t, memtarget.StatusOpen, issues[0].Status, "the oldest is kept")
			}
			require.Empty(t, r.record().Orphans)
		})
	}
}

func isConnected(r connections.Record) bool { return r.State == connections.Connected }
