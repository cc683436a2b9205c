package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
)

// oneRescue is a store that finds stalled records, and fails otherwise.
type oneRescue struct {
	found []connections.Stalled
	err   error
}

func (o oneRescue) Rescue(context.Context) ([]connections.Stalled, bool, error) {
	return o.found, true, o.err
}

func (oneRescue) Requeue(context.Context, connections.Task) (*connections.Task, error) {
	return nil, nil
}

// What a pass found is treated although something else failed. An unreadable
// record is named in the log and not queued.
func TestRescuerTreatsWhatItFound(t *testing.T) {
	env := redistest.Mini(t)
	q := NewQueue(env.Client)
	var out strings.Builder
	var reasons []string
	broken := connections.Key{Tenant: "acme", Integration: "in", Entity: "broken"}
	due := connections.Key{Tenant: "other", Integration: "in", Entity: "due"}
	failed := errors.New("another could not be rescued")
	l := &Rescuer{Queue: q, Log: slog.New(slog.NewTextHandler(&out, nil)), Observe: func(r string) { reasons = append(reasons, r) },
		Records: oneRescue{err: failed, found: []connections.Stalled{
			{Task: connections.Task{Key: broken}, Unreadable: true}, {Task: connections.Task{Key: due, Run: 2}, TakenOver: true}}}}
	require.ErrorIs(t, l.Rescue(t.Context()), failed)
	require.Equal(t, []string{"taken over"}, reasons)
	pending, _, _, err := q.Depth()
	require.NoError(t, err)
	require.Equal(t, 1, pending)
	require.Contains(t, out.String(), "tenant=acme integration=in entity=broken")
	require.Contains(t, out.String(), "level=ERROR")
}
