package actions

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// SearchConnections makes the fake Productboard searchable: one button.
func (f *fakeProductboard) SearchConnections(_ context.Context, _ string, filter pbapi.ConnectionFilter) iter.Seq2[pbapi.Connection, error] {
	return func(yield func(pbapi.Connection, error) bool) {
		f.mu.Lock()
		err, state := f.next("search"), f.state
		f.mu.Unlock()
		if err != nil {
			yield(pbapi.Connection{}, err)
			return
		}
		if len(filter.States) == 1 && filter.States[0] == state.State {
			yield(pbapi.Connection{EntityID: entityID, State: state}, nil)
		}
	}
}

func (r *rig) staleProgress(seen *[]string) *StaleProgress {
	all := func(context.Context) iter.Seq2[tenants.Integration, error] {
		return func(yield func(tenants.Integration, error) bool) { yield(r.in, nil) }
	}
	return NewStaleProgress(all, func(tenants.Integration) Buttons { return r.pb }, r.store, r, slog.New(slog.DiscardHandler),
		&StaleProgressOptions{Observe: func(done string) { *seen = append(*seen, done) }})
}

func TestStaleProgress(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		arrange func(r *rig)
		seen    []string
		ends    pbapi.StateName
	}{
		"no button is in progress": {func(r *rig) {
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
		}, nil, pbapi.StateConnected},
		"a run is under way": {func(r *rig) { r.click(pbapi.TriggerPush) }, nil, pbapi.StateConnected},
		"an answer was processed very late": {func(r *rig) {
			progress := r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			r.pb.write(progress)
		}, []string{"read back"}, pbapi.StateConnected},
		"in progress after an unlink": {func(r *rig) {
			progress := r.click(pbapi.TriggerPush)
			r.click(pbapi.TriggerUnlink)
			r.quiet(pbapi.StateInitial)
			r.pb.write(progress)
		}, []string{"read back"}, pbapi.StateInitial},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.arrange(r)
			var seen []string
			r.staleProgress(&seen).Search(ctx)
			r.quiet(c.ends)
			require.Equal(t, c.seen, seen)
			require.LessOrEqual(t, len(r.tracker.Books(0, 10)), 1)
		})
	}
}

func TestStaleProgressWithoutARecord(t *testing.T) {
	r := newRig(t)
	r.pb.write(pbapi.ConnectionState{State: pbapi.StateProgress})
	var seen []string
	s := r.staleProgress(&seen)
	r.pb.fail = map[string][]error{"search": {errors.New("away")}}
	s.Search(context.Background())
	require.Empty(t, seen)
	s.Search(context.Background())
	require.Equal(t, []string{"error"}, seen)
	require.Equal(t, pbapi.StateError, r.pb.shown().State)
}
