package pbfake_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func (r *rig) fault(f pbfake.Fault) string {
	r.t.Helper()
	id, err := r.fake.SetFault(f)
	require.NoError(r.t, err)
	return id
}

func TestFaultClasses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	calls := []struct {
		class              pbfake.Class
		method, path, body string
	}{
		{pbfake.ClassEntityRead, "GET", "/entities/" + e, ""},
		{pbfake.ClassEntityRead, "POST", "/entities/search", "{}"},
		{pbfake.ClassConnectionPut, "PUT", connection(i, e), put(connected)},
		{pbfake.ClassConnectionPut, "DELETE", connection(i, e), ""},
		{pbfake.ClassConnectionGet, "GET", connection(i, e), ""},
		{pbfake.ClassConnectionGet, "GET", "/plugin-integrations/" + i + "/connections", ""},
		{pbfake.ClassIntegration, "GET", "/plugin-integrations", ""},
	}
	for _, class := range []pbfake.Class{pbfake.ClassEntityRead, pbfake.ClassConnectionPut, pbfake.ClassConnectionGet, pbfake.ClassIntegration, pbfake.ClassAPI} {
		id := r.fault(pbfake.Fault{Class: class, Kind: pbfake.FaultStatus, Status: 500})
		for _, c := range calls {
			failed := r.call(c.method, c.path, c.body).status == 500
			require.Equal(t, class == c.class || class == pbfake.ClassAPI, failed, "%s on %s %s", class, c.method, c.path)
		}
		r.fake.ClearFaults(id)
	}
	require.Empty(t, r.fake.Faults())
}

func TestFaultStatuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{ID: "x", Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 429, RetryAfter: 2500 * time.Millisecond})
	resp := r.call("PUT", connection(i, e), put(connected))
	code, _ := resp.problem()
	require.Equal(t, 429, resp.status)
	require.Equal(t, "rate.limitExceeded", code)
	require.Equal(t, "3", resp.header.Get("Retry-After"), "whole seconds, rounded up")

	r.fault(pbfake.Fault{ID: "x", Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 502})
	resp = r.call("PUT", connection(i, e), put(connected))
	require.Equal(t, 502, resp.status)
	require.Nil(t, resp.doc, "a gateway does not know Productboard's error shape")
	require.Len(t, r.fake.Faults(), 1, "the same id replaces")
	require.Equal(t, "initial", r.fake.State(i, e).Name)
}

func TestFaultCountAndScope(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e, other := r.integration(), r.entity(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassConnectionGet, Kind: pbfake.FaultStatus, Status: 500, Count: 2, EntityID: e, IntegrationID: i})
	get := func(e string) int { return r.call("GET", connection(i, e), "").status }
	require.Equal(t, 200, get(other), "another entity is not concerned, and does not use it up")
	require.Equal(t, []int{500, 500, 200}, []int{get(e), get(e), get(e)})
	require.Empty(t, r.fake.Faults(), "it cleared itself")
}

func TestFaultProbabilityIsSeeded(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (out []bool) {
		r := newRig(t, func(o *pbfake.Options) { o.Seed = seed })
		r.fault(pbfake.Fault{Class: pbfake.ClassIntegration, Kind: pbfake.FaultStatus, Status: 500, Probability: 0.5})
		for range 40 {
			out = append(out, r.call("GET", "/plugin-integrations", "").status == 500)
		}
		return out
	}
	a := run(1)
	require.Equal(t, a, run(1))
	require.NotEqual(t, a, run(2))
	require.Contains(t, a, true)
	require.Contains(t, a, false)
}

func TestDroppedConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDropBefore, Count: 1})
	_, err := r.send("PUT", connection(i, e), put(connected))
	require.Error(t, err)
	require.Equal(t, "initial", r.fake.State(i, e).Name)

	r.fault(pbfake.Fault{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDropAfter, Count: 1})
	_, err = r.send("PUT", connection(i, e), put(connected))
	require.Error(t, err)
	require.Equal(t, "connected", r.fake.State(i, e).Name, "it was done all the same")
}

func TestLostWrites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultLost, Count: 1})
	require.Equal(t, 200, r.call("PUT", connection(i, e), put(connected)).status)
	require.Equal(t, "initial", r.fake.State(i, e).Name)
	require.Equal(t, 200, r.call("PUT", connection(i, e), put(connected)).status)
	require.Equal(t, "connected", r.fake.State(i, e).Name)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDelay, Delay: 3 * time.Second})
	done := make(chan reply)
	go func() {
		resp, _ := r.send("PUT", connection(i, e), put(connected))
		done <- resp
	}()
	r.clock.AwaitTimers(1)
	r.clock.Advance(3*time.Second - 1)
	require.Equal(t, "initial", r.fake.State(i, e).Name)
	r.clock.Advance(1)
	require.Equal(t, 200, (<-done).status)
	require.Equal(t, "connected", r.fake.State(i, e).Name)
}

// The trap that a plugin must survive: the answer "progress" is processed
// after the worker has written "connected".
func TestLateAnswerOverwrites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassCallback, Kind: pbfake.FaultLateAnswer, Delay: 800 * time.Millisecond})
	a := r.click(i, e, pbfake.Push)
	require.Equal(t, 800*time.Millisecond, a.Late)
	require.Equal(t, "initial", r.fake.State(i, e).Name)
	require.Equal(t, 200, r.call("PUT", connection(i, e), put(connected)).status)

	r.clock.Advance(800*time.Millisecond - 1)
	require.Equal(t, "connected", r.fake.State(i, e).Name)
	r.clock.Advance(1)
	require.Equal(t, "progress", r.fake.State(i, e).Name)

	events, _ := r.fake.Journal(0, 1000)
	last := events[len(events)-1]
	require.Equal(t, pbfake.EventWrite, last.Kind)
	require.Equal(t, pbfake.SourceLateAnswer, last.Source)
	require.Equal(t, "connected", last.Before)
}

func TestCloseStopsLateAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.fault(pbfake.Fault{Class: pbfake.ClassCallback, Kind: pbfake.FaultLateAnswer, Delay: time.Second})
	r.click(i, e, pbfake.Push)
	r.fake.Close()
	r.clock.Advance(time.Minute)
	require.Equal(t, "initial", r.fake.State(i, e).Name)
}

func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		fault   pbfake.Fault
		reached int
	}{
		{pbfake.Fault{Kind: pbfake.FaultStatus, Status: 502}, 0},
		{pbfake.Fault{Kind: pbfake.FaultDropBefore}, 0},
		{pbfake.Fault{Kind: pbfake.FaultDropAfter}, 1},
	}
	for _, tc := range cases {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			r := newRig(t)
			i, e := r.integration(), r.entity()
			tc.fault.Class = pbfake.ClassCallback
			r.fault(tc.fault)
			require.NotEmpty(t, r.click(i, e, pbfake.Push).Failure)
			require.Equal(t, "error", r.fake.State(i, e).Name)
			require.Len(t, r.plugin.requests("POST"), tc.reached)
		})
	}
	t.Run("probe", func(t *testing.T) {
		r := newRig(t)
		r.fault(pbfake.Fault{Class: pbfake.ClassProbe, Kind: pbfake.FaultDropBefore, Count: 1})
		require.Equal(t, 422, r.call("POST", "/plugin-integrations", createBody("E")).status)
		require.Equal(t, 201, r.call("POST", "/plugin-integrations", createBody("E")).status)
	})
}

func TestFaultsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wrong := map[string]pbfake.Fault{
		"class":       {Class: "everything", Kind: pbfake.FaultDropAfter},
		"kind":        {Class: pbfake.ClassAPI, Kind: "explode"},
		"status":      {Class: pbfake.ClassAPI, Kind: pbfake.FaultStatus, Status: 200},
		"delay":       {Class: pbfake.ClassAPI, Kind: pbfake.FaultDelay},
		"lost":        {Class: pbfake.ClassAPI, Kind: pbfake.FaultLost},
		"late-answer": {Class: pbfake.ClassAPI, Kind: pbfake.FaultLateAnswer, Delay: time.Second},
		"probability": {Class: pbfake.ClassAPI, Kind: pbfake.FaultDropAfter, Probability: 1.5},
		"count":       {Class: pbfake.ClassAPI, Kind: pbfake.FaultDropAfter, Count: -1},
	}
	for field, f := range wrong {
		_, err := r.fake.SetFault(f)
		require.ErrorContains(t, err, field)
	}
	require.Empty(t, r.fake.Faults())
}

func TestRefusalsAreNotFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fault(pbfake.Fault{Class: pbfake.ClassAPI, Kind: pbfake.FaultStatus, Status: 500, Count: 1})
	require.Equal(t, http.StatusUnauthorized, r.call("GET", "/entities", "", "Authorization", "Bearer nobody").status)
	require.Equal(t, 500, r.call("GET", "/entities", "").status, "a refused request does not use a fault up")
}
