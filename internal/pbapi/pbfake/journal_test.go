package pbfake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func kinds(events []pbfake.Event) []pbfake.EventKind {
	out := make([]pbfake.EventKind, 0, len(events))
	for _, e := range events {
		out = append(out, e.Kind)
	}
	return out
}

func TestJournalTellsTheStory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	_, before := r.fake.Journal(0, 0)
	r.click(i, e, pbfake.Push)
	r.call("PUT", connection(i, e), put(connected))
	r.call("PUT", connection(i, e), put(`{"state":"done"}`))
	events, last := r.fake.Journal(before, 100)
	require.Equal(t, []pbfake.EventKind{pbfake.EventClick, pbfake.EventAnswer, pbfake.EventWrite, pbfake.EventWrite, pbfake.EventRequestRefused}, kinds(events))
	require.Equal(t, before+5, last)
	click, answer, write, putEvent, refused := events[0], events[1], events[2], events[3], events[4]
	require.Equal(t, pbfake.Push, click.Trigger)
	require.Equal(t, 1, click.Waiting)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "progress", answer.State.Name)
	require.Equal(t, pbfake.SourceAnswer, write.Source)
	require.Equal(t, pbfake.SourcePut, putEvent.Source)
	require.Equal(t, "progress", putEvent.Before)
	require.Equal(t, "Done", putEvent.State.Label)
	require.Equal(t, 422, refused.Status)
	require.Contains(t, refused.Detail, "/data/fields/connection/state")
	for _, ev := range events {
		require.Equal(t, i, ev.IntegrationID)
		require.Equal(t, e, ev.EntityID)
	}
	require.NotContains(t, events, secret)
}

func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *pbfake.Options) { o.JournalSize = 4 })
	for range 10 {
		r.entity()
	}
	events, last := r.fake.Journal(0, 100)
	require.Len(t, events, 4)
	require.Equal(t, uint64(10), last)
	require.Equal(t, uint64(7), events[0].Seq)
	events, _ = r.fake.Journal(8, 1)
	require.Len(t, events, 1)
	require.Equal(t, uint64(9), events[0].Seq)
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	live, cancel := r.fake.Subscribe()
	slow, _ := r.fake.Subscribe()
	r.entity()
	require.Equal(t, pbfake.EventSettings, (<-live).Kind)
	cancel()
	cancel() // twice is once
	_, open := <-live
	require.False(t, open)

	for range 600 {
		r.entity()
	}
	n := 0
	for range slow { // ends: the channel was closed
		n++
	}
	require.Less(t, n, 600, "a slow subscriber is dropped")

	last, _ := r.fake.Subscribe()
	r.fake.Close()
	_, open = <-last
	require.False(t, open)
}

func TestCounters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.call("PUT", connection(i, e), put(connected))
	r.call("PUT", connection(i, e), put(`{}`))
	r.call("GET", "/entities/"+e, "")
	r.click(i, e, pbfake.Push)
	require.Equal(t, map[string]int{"createPluginIntegration": 1, "updatePluginIntegrationConnectionState": 2, "getEntity": 1, pbfake.OpProbe: 1, pbfake.OpClick: 1}, r.fake.Calls())
	require.Equal(t, map[string]int{"updatePluginIntegrationConnectionState": 2, pbfake.OpClick: 1}, r.fake.ConnectionCalls(i, e))
	require.Equal(t, map[string]int{"getEntity": 1}, r.fake.ConnectionCalls("", e))
	r.fake.ResetCalls()
	require.Empty(t, r.fake.Calls())
}
