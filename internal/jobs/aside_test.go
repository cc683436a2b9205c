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

// oneLook is a store whose look finds something, and fails otherwise.
type oneLook struct {
	found []connections.Found
	err   error
}

func (o oneLook) Look(context.Context) ([]connections.Found, bool, error) {
	return o.found, true, o.err
}

func (oneLook) Requeue(context.Context, connections.Work) (*connections.Work, error) { return nil, nil }

// What a look found is treated although something else of it failed, and what
// was set aside is named and not queued.
func TestLookoutTreatsWhatItFound(t *testing.T) {
	env := redistest.Mini(t)
	q := NewQueue(env.Client)
	var out strings.Builder
	var reasons []string
	broken := connections.Key{Tenant: "acme", Integration: "in", Entity: "broken"}
	due := connections.Key{Tenant: "other", Integration: "in", Entity: "due"}
	failed := errors.New("another could not be looked at")
	l := &Lookout{Queue: q, Log: slog.New(slog.NewTextHandler(&out, nil)), Observe: func(r string) { reasons = append(reasons, r) },
		Records: oneLook{err: failed, found: []connections.Found{
			{Work: connections.Work{Key: broken}, Aside: true}, {Work: connections.Work{Key: due, Run: 2}, TakenOver: true}}}}
	require.ErrorIs(t, l.look(t.Context()), failed)
	require.Equal(t, []string{"taken over"}, reasons)
	pending, _, _, err := q.Waiting()
	require.NoError(t, err)
	require.EqualValues(t, 1, pending)
	require.Contains(t, out.String(), "connection="+broken.String())
	require.Contains(t, out.String(), "level=ERROR")
}
