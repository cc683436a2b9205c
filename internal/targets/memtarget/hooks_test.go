package memtarget_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
)

// signing is what hooks are signed with.
func signing() secret.String { return secret.New("canary-signing-4e11") }

// receiver takes webhooks, and answers each with the next status, or 204.
type receiver struct {
	url string

	mu      sync.Mutex
	answers []int
	got     []targets.Hook
}

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, targets.Hook{Header: req.Header, Body: body, Now: time.Now()})
		status := http.StatusNoContent
		if len(r.answers) > 0 {
			status, r.answers = r.answers[0], r.answers[1:]
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/hooks/i/"
	return r
}

func (r *receiver) all() []targets.Hook {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]targets.Hook{}, r.got...)
}

// events reads what came; a forged delivery is nil.
func (r *receiver) events(t *testing.T) []*targets.HookEvent {
	t.Helper()
	var out []*targets.HookEvent
	for _, h := range r.all() {
		events, err := memtarget.Kind().ReadHook(signing(), h)
		if err != nil {
			require.Equal(t, fault.Unauthorized, fault.KindOf(err), err)
			out = append(out, nil)
			continue
		}
		require.Len(t, events, 1)
		out = append(out, &events[0])
	}
	return out
}

// hooked is a rig with an issue and a registered webhook.
func hooked(t *testing.T, to *receiver) (*rig, string) {
	t.Helper()
	r := newRig(t, memtarget.Options{HookRetry: time.Millisecond})
	t.Cleanup(r.tracker.Close)
	made, err := r.target.Create(t.Context(), draft(1))
	require.NoError(t, err)
	_, supported, err := r.target.RegisterHook(t.Context(), targets.HookWanted{URL: to.url + "token", Prefix: to.url, Secret: signing()})
	require.NoError(t, err)
	require.True(t, supported)
	return r, made.ID
}

func rest(t *testing.T, tracker *memtarget.Tracker) memtarget.HookStats {
	t.Helper()
	require.Eventually(t, func() bool { return tracker.HookStats().Pending == 0 }, 10*time.Second, time.Millisecond)
	return tracker.HookStats()
}

func TestEveryChangeIsTold(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r, id := hooked(t, to)
	tr := r.tracker
	for i, c := range []struct {
		do   func() error
		gone bool
	}{
		{func() error { return tr.SetStatus(id, "Done") }, false},
		{func() error { return tr.Rename(id, "Another") }, false},
		{func() error { return tr.SetTrashed(id, true) }, true},
		{func() error { return tr.SetTrashed(id, false) }, false},
		{func() error { return tr.SetHidden(id, true) }, false},
		{func() error { return tr.SetHidden(id, false) }, false},
		{func() error { return tr.Move(id, "archive") }, true},
		{func() error { return tr.Move(id, "mine") }, false},
		{func() error { return tr.Delete(id) }, true},
	} {
		require.NoError(t, c.do())
		require.Equal(t, i+1, rest(t, tr).Delivered)
		events := to.events(t)
		require.Len(t, events, i+1)
		require.Equal(t, id, events[i].ID)
		require.Equal(t, c.gone, events[i].Gone, i)
		require.Equal(t, to.all()[i].Header.Get("X-Memory-Delivery"), events[i].Delivery)
	}
	require.Error(t, tr.SetStatus(id, "Done"))
	changes := tr.Changes(0, 0)
	require.Len(t, changes, 9)
	require.Equal(t, "deleted", changes[8].What)
	require.Len(t, tr.Changes(8, 10), 1)
	deliveries := tr.Deliveries(0, 0)
	require.Len(t, deliveries, 9)
	require.Equal(t, 204, deliveries[3].Status)
	require.Equal(t, changes[3].At, deliveries[3].ChangedAt)
}

func TestNoChangeIsNotTold(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r, id := hooked(t, to)
	require.NoError(t, r.tracker.SetStatus(id, "Open"))
	require.Zero(t, rest(t, r.tracker).Changes)
}

func TestFailedDeliveriesAreTriedAgain(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, 500, 429, 204, 401, 503, 503, 503)
	r, id := hooked(t, to)
	for i, status := range []string{"Done", "Open", "In Progress"} {
		require.NoError(t, r.tracker.SetStatus(id, status), i)
		rest(t, r.tracker)
	}
	stats := rest(t, r.tracker)
	require.Equal(t, map[string]int{"500": 1, "429": 1, "204": 1, "401": 1, "503": 3}, stats.Answers)
	require.Equal(t, 4, stats.Retried)
	require.Equal(t, 1, stats.GivenUp)
	require.Equal(t, 1, stats.Delivered)
	events := to.events(t)
	require.Equal(t, events[0].Delivery, events[2].Delivery, "one delivery, whatever the try")
}

func TestHookFaults(t *testing.T) {
	t.Parallel()
	change := func(r *rig, id string) {
		for i := range 10 {
			require.NoError(t, r.tracker.SetStatus(id, memtarget.Statuses()[(i+1)%3]))
		}
	}
	for name, c := range map[string]struct {
		faults memtarget.HookFaults
		came   int
		forged int
		stats  func(memtarget.HookStats) int
	}{
		"lost":     {memtarget.HookFaults{Lost: 1}, 0, 0, func(s memtarget.HookStats) int { return s.Lost }},
		"doubled":  {memtarget.HookFaults{Doubled: 1}, 20, 0, func(s memtarget.HookStats) int { return s.Doubled }},
		"late":     {memtarget.HookFaults{Late: 1, DelayMS: 50}, 10, 0, func(s memtarget.HookStats) int { return s.Late }},
		"reorder":  {memtarget.HookFaults{Reordered: 1}, 10, 0, func(s memtarget.HookStats) int { return s.Reordered }},
		"forged":   {memtarget.HookFaults{Forged: 1}, 20, 10, func(s memtarget.HookStats) int { return s.Forged }},
		"no fault": {memtarget.HookFaults{}, 10, 0, func(s memtarget.HookStats) int { return s.Changes }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t)
			r, id := hooked(t, to)
			require.NoError(t, r.tracker.SetHookFaults(c.faults))
			change(r, id)
			stats := rest(t, r.tracker)
			require.Equal(t, 10, c.stats(stats))
			events := to.events(t)
			require.Len(t, events, c.came)
			forged, once := 0, map[string]bool{}
			for _, e := range events {
				if e == nil {
					forged++
				} else {
					once[e.Delivery] = true
				}
			}
			require.Equal(t, c.forged, forged)
			require.Equal(t, c.forged, stats.ForgedAnswers["204"])
			if c.came > 0 {
				require.Len(t, once, 10)
			}
		})
	}
	t.Run("replayed", func(t *testing.T) {
		t.Parallel()
		to := newReceiver(t)
		r, id := hooked(t, to)
		require.NoError(t, r.tracker.SetStatus(id, "Done"))
		rest(t, r.tracker)
		require.NoError(t, r.tracker.SetHookFaults(memtarget.HookFaults{Replayed: 1}))
		require.NoError(t, r.tracker.SetStatus(id, "Open"))
		require.Equal(t, 1, rest(t, r.tracker).Replayed)
		got := to.all()
		require.Len(t, got, 3)
		require.Equal(t, string(got[0].Body), string(got[2].Body))
	})
}

// The same seed befalls the same changes.
func TestHookFaultsFollowTheSeed(t *testing.T) {
	t.Parallel()
	lost := func(seed uint64) (out []string) {
		r, id := hooked(t, newReceiver(t))
		require.NoError(t, r.tracker.SetHookFaults(memtarget.HookFaults{Seed: seed, Lost: 0.5}))
		for i := range 20 {
			require.NoError(t, r.tracker.SetStatus(id, memtarget.Statuses()[(i+1)%3]))
			rest(t, r.tracker)
			all := r.tracker.Deliveries(0, 0)
			out = append(out, all[len(all)-1].Kind)
		}
		return out
	}
	first := lost(7)
	require.Equal(t, first, lost(7))
	require.NotEqual(t, first, lost(8))
}

func TestSendAgainAndClose(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r, id := hooked(t, to)
	require.NoError(t, r.tracker.SetHookFaults(memtarget.HookFaults{Lost: 1}))
	require.NoError(t, r.tracker.SetStatus(id, "Done"))
	require.Error(t, r.tracker.SendAgain(77))
	require.NoError(t, r.tracker.SendAgain(r.tracker.Deliveries(0, 0)[0].Seq))
	rest(t, r.tracker)
	require.Equal(t, id, to.events(t)[0].ID)
	r.tracker.Close()
	require.NoError(t, r.tracker.SetHookFaults(memtarget.HookFaults{}))
	require.NoError(t, r.tracker.SetStatus(id, "Open"))
	require.Equal(t, 1, r.tracker.HookStats().Dropped)
	require.Len(t, to.all(), 1)
}

func TestReadHookRefuses(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r, id := hooked(t, to)
	require.NoError(t, r.tracker.SetStatus(id, "Done"))
	rest(t, r.tracker)
	good := to.all()[0]
	for name, c := range map[string]struct {
		change func(*targets.Hook)
		secret secret.String
		kind   fault.Kind
	}{
		"another secret": {func(*targets.Hook) {}, secret.New("other"), fault.Unauthorized},
		"no secret":      {func(*targets.Hook) {}, secret.String{}, fault.Unauthorized},
		"no signature":   {func(h *targets.Hook) { h.Header = http.Header{} }, signing(), fault.Unauthorized},
		"another body":   {func(h *targets.Hook) { h.Body = append([]byte(" "), h.Body...) }, signing(), fault.Unauthorized},
		"too old":        {func(h *targets.Hook) { h.Now = h.Now.Add(6 * time.Minute) }, signing(), fault.Unauthorized},
		"from to-morrow": {func(h *targets.Hook) { h.Now = h.Now.Add(-6 * time.Minute) }, signing(), fault.Unauthorized},
	} {
		h := good
		c.change(&h)
		_, err := r.target.ReadHook(c.secret, h)
		require.Equal(t, c.kind, fault.KindOf(err), name)
	}
}

// control calls the control API.
func (r *rig) control(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/control"+path, strings.NewReader(body))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(raw)
}

func TestControlOfHooks(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	r, id := hooked(t, to)
	status, _ := r.control(t, "PUT", "/hooks", `{"seed":3,"doubled":1}`)
	require.Equal(t, 204, status)
	status, _ = r.control(t, "PUT", "/hooks", `{"lost":2,"delayMs":-1}`)
	require.Equal(t, 422, status)
	require.NoError(t, r.tracker.SetStatus(id, "Done"))
	rest(t, r.tracker)
	status, body := r.control(t, "GET", "/hooks", "")
	require.Equal(t, 200, status)
	require.NotContains(t, body, signing().Reveal())
	var all struct {
		Hooks  []memtarget.Hook
		Faults memtarget.HookFaults
		Stats  memtarget.HookStats
	}
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	require.Equal(t, to.url+"token", all.Hooks[0].URL)
	require.Equal(t, uint64(3), all.Faults.Seed)
	require.Equal(t, 2, all.Stats.Delivered)
	_, body = r.control(t, "GET", "/hooks/deliveries?after=1", "")
	require.Contains(t, body, `"kind":"doubled"`)
	_, body = r.control(t, "GET", "/hooks/changes?after=0", "")
	require.Contains(t, body, `"what":"status"`)
	status, _ = r.control(t, "POST", "/hooks/deliveries/1", "")
	require.Equal(t, 204, status)
	status, _ = r.control(t, "POST", "/hooks/deliveries/99", "")
	require.Equal(t, 404, status)
}

func TestOutages(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newRig(t, memtarget.Options{Now: func() time.Time { return now }})
	made, err := r.target.Create(t.Context(), draft(1))
	require.NoError(t, err)
	for body, want := range map[string]targets.Verdict{
		`{"lost":true}`:    targets.VerdictHidden,
		`{"foreign":true}`: targets.VerdictIntermediary,
		`{"ended":true}`:   targets.VerdictCredentialRefused,
	} {
		status, _ := r.control(t, "PUT", "/projects/mine/outage", body)
		require.Equal(t, 204, status)
		got := r.target.ReadMany(t.Context(), []string{made.ID})[0]
		require.Equal(t, want, got.Verdict, got.Err)
		if body == `{"ended":true}` {
			require.Equal(t, fault.Unauthorized, fault.KindOf(got.Err))
		}
		status, _ = r.control(t, "PUT", "/projects/mine/outage", `{}`)
		require.Equal(t, 204, status)
		require.Equal(t, targets.VerdictPresent, r.target.ReadMany(t.Context(), []string{made.ID})[0].Verdict)
	}
	status, _ := r.control(t, "PUT", "/projects/mine/outage", `{"foreign":true,"forMs":60000}`)
	require.Equal(t, 204, status)
	require.Error(t, r.target.Check(t.Context()))
	now = now.Add(time.Minute)
	require.NoError(t, r.target.Check(t.Context()), "it ends by itself")
	status, _ = r.control(t, "PUT", "/projects/none/outage", `{}`)
	require.Equal(t, 404, status)
	status, _ = r.control(t, "PUT", "/projects/mine/outage", `{"forMs":-1}`)
	require.Equal(t, 422, status)
}

func TestChangedSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, memtarget.Options{Now: func() time.Time { return now }})
	var ids []string
	for i := range 3 {
		made, err := r.target.Create(t.Context(), draft(i))
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	list := func(since string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/projects/mine/issues?since="+since, nil)
		require.NoError(t, err)
		req.Header.Set("X-API-Key", key("mine").Reveal())
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		var out struct{ Issues []memtarget.Record }
		require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
		var got []string
		for _, i := range out.Issues {
			got = append(got, i.ID)
		}
		return res.StatusCode, strings.Join(got, " ")
	}
	now = now.Add(time.Minute)
	require.NoError(t, r.tracker.SetTrashed(ids[2], true))
	now = now.Add(time.Minute)
	require.NoError(t, r.tracker.SetStatus(ids[0], "Done"))
	_, got := list("2026-11-23T12:00:01Z")
	require.Equal(t, ids[2]+" "+ids[0], got, "the longest ago first")
	_, got = list("2026-11-23T12:02:00Z")
	require.Equal(t, ids[0], got)
	status, _ := list("yesterday")
	require.Equal(t, 400, status)
}
