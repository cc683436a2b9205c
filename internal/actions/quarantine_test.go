package actions

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
)

// lose takes the next run and dies with it: nobody reports, and the rescuer
// finds it when the lease has ended.
func (r *rig) lose() {
	r.t.Helper()
	require.NotEmpty(r.t, r.queue)
	next := r.queue[0]
	r.queue = r.queue[1:]
	lease, err := r.store.Begin(context.Background(), next.Key, next.Run)
	require.NoError(r.t, err)
	require.NotNil(r.t, lease)
	r.advance(11 * time.Second)
	r.rescue(1)
}

// rescue queues what the rescuer finds, as many as there must be.
func (r *rig) rescue(want int) {
	r.t.Helper()
	found, _, err := r.store.Rescue(context.Background())
	require.NoError(r.t, err)
	require.Len(r.t, found, want)
	for _, f := range found {
		require.NoError(r.t, r.Enqueue(context.Background(), f.Task))
	}
}

// cell is a quarantine that is told how to end.
type cell struct {
	do    func(key connections.Key, run int64, owner string) error
	calls int
}

func (c *cell) Do(_ context.Context, key connections.Key, run int64, owner string) error {
	c.calls++
	return c.do(key, run, owner)
}

func TestARunThatLostTwoWorkersIsDoneAlone(t *testing.T) {
	r := newRig(t)
	alone := NewPerformer(nil, r, r, r, r, r.perform.log, nil) // as the process that resumes the lease has it
	c := &cell{do: func(key connections.Key, run int64, owner string) error {
		alone.leases = resumed{r.store, owner}
		return alone.Perform(context.Background(), key, run)
	}}
	r.perform.opts.Quarantine = c
	r.click(pbapi.TriggerPush)
	r.lose()
	require.Equal(t, 1, r.record().Lost)
	r.lose()
	require.Equal(t, 2, r.record().Lost)
	r.quiet(pbapi.StateConnected)
	require.Equal(t, 1, c.calls, "what follows is done like any other run")
	require.Zero(t, r.record().Lost)
	require.Len(t, r.tracker.Issues("demo", 10), 1)
}

type resumed struct {
	store *connections.Store
	owner string
}

func (s resumed) Begin(ctx context.Context, key connections.Key, run int64) (*connections.Lease, error) {
	return s.store.Resume(ctx, key, run, s.owner)
}

func TestAPoisonousItemEndsInASentenceThatNamesIt(t *testing.T) {
	for name, lost := range map[string]int{"it dies in quarantine": 2, "the whole machine dies with it": 3} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.perform.opts.Quarantine = &cell{do: func(connections.Key, int64, string) error { return ErrDied }}
			r.click(pbapi.TriggerPush)
			for range lost {
				r.lose()
			}
			r.quiet(pbapi.StateError)
			require.Contains(t, r.pb.shown().Message, entityID)
			require.Contains(t, r.pb.shown().Message, "3 times")
			require.Empty(t, r.tracker.Issues("demo", 10))
			// Whoever has shortened it pushes again.
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
		})
	}
}

func TestQuarantineIsWaitedFor(t *testing.T) {
	for name, err := range map[string]error{"occupied": ErrOccupied, "cannot begin": errors.New("no such file")} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := &cell{}
			c.do = func(connections.Key, int64, string) error {
				if c.calls == 4 {
					r.perform.opts.Quarantine = nil
				}
				return err
			}
			r.perform.opts.Quarantine = c
			r.click(pbapi.TriggerPush)
			r.lose()
			r.lose()
			r.quiet(pbapi.StateConnected)
			require.Equal(t, 4, c.calls)
		})
	}
	t.Run("until the deadline", func(t *testing.T) {
		r := newRig(t)
		r.perform.opts.Quarantine = &cell{do: func(connections.Key, int64, string) error { return ErrOccupied }}
		r.click(pbapi.TriggerPush)
		r.lose()
		r.lose()
		r.quiet(pbapi.StateError)
		require.Contains(t, r.pb.shown().Message, entityID)
	})
}

// A worker that stops hands its runs back: it is not lost, and neither is one
// whose run fails.
func TestWhoeverReportsIsNotLost(t *testing.T) {
	r := newRig(t)
	r.pb.fail = map[string][]error{"entity": {errors.New("an error of nobody's")}}
	r.click(pbapi.TriggerPush)
	r.lose()
	require.Equal(t, 1, r.record().Lost)
	require.True(t, r.step(context.Background()))
	require.Zero(t, r.record().Lost)
	r.quiet(pbapi.StateConnected)
}

// A run that never comes back is left at its deadline: its slot is free, and
// another run ends the push.
func TestARunThatNeverComesBack(t *testing.T) {
	r := newRig(t)
	const lease = 300 * time.Millisecond
	r.store = connections.NewStore(r.env.Client, connections.Timing{Lease: lease})
	r.perform.leases, r.receive.clicks = r.store, r.store
	r.perform.patience = time.Millisecond
	outcomes := make(chan string, 10)
	r.perform.opts.Observe = func(_, _, outcome string, _ time.Duration) { outcomes <- outcome }
	open, begun, release, ended := r.target, make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.target = func() (*targets.Target, error) {
		close(begun)
		<-release // whatever its context says
		defer close(ended)
		return open()
	}
	r.click(pbapi.TriggerPush)
	next := r.queue[0]
	r.queue = r.queue[1:]
	back := make(chan error, 1)
	go func() { back <- r.perform.Perform(context.Background(), next.Key, next.Run) }()
	<-begun
	r.advance(10*time.Minute + 21*time.Second)
	require.NoError(t, <-back)
	require.Equal(t, "abandoned", <-outcomes)
	r.advance(time.Second)
	r.rescue(1)
	r.quiet(pbapi.StateError)
	require.Contains(t, r.pb.shown().Message, "Not done within the time a push may take")
	shown := r.pb.shown()
	close(release)
	<-ended
	require.Empty(t, r.tracker.Issues("demo", 10), "what comes back too late does nothing")
	require.Equal(t, shown, r.pb.shown())
}
