package memtarget_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
)

// rig is a tracker with its driver.
type rig struct {
	tracker *memtarget.Tracker
	url     string
	target  *targets.Target
}

func newRig(t *testing.T, opts memtarget.Options) *rig {
	t.Helper()
	tracker := memtarget.NewTracker(opts)
	tracker.AddProject("mine", key("mine"))
	mux := http.NewServeMux()
	mux.Handle("/api/", tracker.API())
	mux.Handle("/control/", tracker.Control())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	a := account("mine", "mine", nil)
	target, err := memtarget.Kind().Open(a.Settings(srv.URL), a.Credentials, targets.Deps{HTTP: client, Timeout: 5 * time.Second})
	require.NoError(t, err)
	return &rig{tracker: tracker, url: srv.URL, target: target}
}

func draft(n int) targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("stage", fmt.Sprint(n), 1), Title: fmt.Sprint("Wish ", n)}
}

func TestOrderedFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   memtarget.Fault
		outcome targets.Outcome
		kind    fault.Kind
		made    int
		told    string
	}{
		"503 that names a time": {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503, RetryAfter: 5}, targets.OutcomeNotDone, fault.Unavailable, 0, ""},
		"429":                   {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 5}, targets.OutcomeNotDone, fault.RateLimited, 0, ""},
		"500":                   {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 500}, targets.OutcomeUnknown, fault.Unavailable, 0, ""},
		"500 after create":      {memtarget.Fault{Effect: memtarget.EffectStatus, Status: 500, After: true}, targets.OutcomeUnknown, fault.Unavailable, 1, "status 500 after create"},
		"reset":                 {memtarget.Fault{Effect: memtarget.EffectReset}, targets.OutcomeUnknown, fault.Unavailable, 0, ""},
		"reset after create":    {memtarget.Fault{Effect: memtarget.EffectReset, After: true}, targets.OutcomeUnknown, fault.Unavailable, 1, "reset after create"},
		"garbled after create":  {memtarget.Fault{Effect: memtarget.EffectGarble, After: true}, targets.OutcomeUnknown, fault.Unavailable, 1, "garble after create"},
		"slow":                  {memtarget.Fault{Effect: memtarget.EffectSlow, DelayMS: 1}, targets.OutcomeDone, 0, 1, "created"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memtarget.Options{})
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{c.fault}}))
			_, err := r.target.Create(t.Context(), draft(1))
			require.Equal(t, c.outcome, targets.OutcomeOf(err), err)
			if err != nil {
				require.Equal(t, c.kind, fault.KindOf(err), err)
				require.Equal(t, time.Duration(c.fault.RetryAfter)*time.Second, fault.From(err).RetryAfter)
			}
			books := r.tracker.Books(0, 0)
			require.Len(t, books, c.made)
			if c.made == 1 {
				require.Equal(t, c.told, books[0].Told)
				require.Equal(t, string(draft(1).Marker), books[0].Marker)
				require.NotEmpty(t, books[0].RequestID)
			}
			_, err = r.target.Create(t.Context(), draft(2))
			require.NoError(t, err, "a fault strikes once")
		})
	}
}

func TestHoldUntilTheClientGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, memtarget.Options{})
	require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{{Effect: memtarget.EffectHold, After: true}}}))
	a := account("mine", "mine", nil)
	client := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	hasty, err := memtarget.Kind().Open(a.Settings(r.url), a.Credentials, targets.Deps{HTTP: client, Timeout: 300 * time.Millisecond})
	require.NoError(t, err)
	_, err = hasty.Create(t.Context(), draft(1))
	require.Equal(t, fault.Timeout, fault.KindOf(err))
	require.Equal(t, targets.OutcomeUnknown, targets.OutcomeOf(err))
	found, err := r.target.Find(t.Context(), draft(1).Marker)
	require.NoError(t, err)
	require.NotNil(t, found)
}

func TestLookUpLagEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, memtarget.Options{Now: func() time.Time { return now }})
	require.NoError(t, r.tracker.SetFaults(memtarget.Faults{LagMS: 5000}))
	_, err := r.target.Create(t.Context(), draft(1))
	require.NoError(t, err)
	for _, c := range []struct {
		after time.Duration
		found bool
	}{{0, false}, {4999 * time.Millisecond, false}, {5 * time.Second, true}} {
		now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(c.after)
		got, err := r.target.Find(t.Context(), draft(1).Marker)
		require.NoError(t, err)
		require.Equal(t, c.found, got != nil, c.after)
	}
}

// What befalls an issue's requests depends on the seed and that issue alone,
// whatever the others do in between.
func TestSeedReplaysFaults(t *testing.T) {
	t.Parallel()
	const issues, tries = 60, 4
	play := func(seed uint64, order []int) map[string]string {
		r := newRig(t, memtarget.Options{})
		require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Seed: seed, Random: []memtarget.Chance{
			{On: memtarget.OpCreate, P: 0.2, Fault: memtarget.Fault{Effect: memtarget.EffectReset, After: true}},
			{On: memtarget.OpCreate, P: 0.2, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 502}},
		}}))
		out := map[string]string{}
		for _, n := range order {
			for try := range tries {
				_, err := r.target.Create(t.Context(), draft(n))
				out[fmt.Sprint(n, "/", try)] = fmt.Sprint(targets.OutcomeOf(err), len(r.tracker.Marked("mine", string(draft(n).Marker))))
			}
		}
		return out
	}
	var up, down []int
	for i := range issues {
		up, down = append(up, i), append(down, issues-1-i)
	}
	first := play(7, up)
	require.Equal(t, first, play(7, down))
	require.NotEqual(t, first, play(8, up))
	failed := 0
	for _, v := range first {
		if strings.HasPrefix(v, "unknown") {
			failed++
		}
	}
	require.InDelta(t, 0.4, float64(failed)/(issues*tries), 0.12, "shares are about what was ordered")
}

func TestControl(t *testing.T) {
	t.Parallel()
	r := newRig(t, memtarget.Options{})
	call := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, string(raw)
	}
	made, err := r.target.Create(t.Context(), draft(1))
	require.NoError(t, err)

	status, _ := call("PUT", "/control/issues/"+made.ID+"/status", `{"status":"In Progress"}`)
	require.Equal(t, 204, status)
	got, _, err := r.target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, targets.Started, got.Progress)
	status, _ = call("PUT", "/control/issues/"+made.ID+"/status", `{"status":"Lost"}`)
	require.Equal(t, 422, status)
	status, _ = call("PUT", "/control/issues/77/status", `{"status":"Done"}`)
	require.Equal(t, 404, status)

	status, _ = call("PUT", "/control/faults", `{"seed":7,"lagMs":100,"random":[{"on":"find","p":0.5,"fault":{"effect":"status","status":503}}]}`)
	require.Equal(t, 200, status)
	require.Equal(t, uint64(7), r.tracker.Faults().Seed)
	for _, bad := range []string{`{"lagMs":-1}`, `{"random":[{"on":"x","p":2,"fault":{"effect":"status","status":200}}]}`, `{"next":[{"effect":"slow"}]}`} {
		status, body := call("PUT", "/control/faults", bad)
		require.Equal(t, 422, status, body)
	}
	status, _ = call("PUT", "/control/faults", `{"lag":1}`)
	require.Equal(t, 400, status, "an unknown key is not ignored")

	status, body := call("GET", "/control/books?after=0", "")
	require.Equal(t, 200, status)
	var books struct{ Entries []memtarget.Entry }
	require.NoError(t, json.Unmarshal([]byte(body), &books))
	require.Equal(t, r.tracker.Books(0, 0)[0].RequestID, books.Entries[0].RequestID)
	_, body = call("GET", "/control/books?after=1", "")
	require.JSONEq(t, `{"entries":[]}`, body)

	status, _ = call("PUT", "/control/projects/late", `{"apiKey":"canary-late"}`)
	require.Equal(t, 204, status)
	_, body = call("GET", "/control/issues?project=late", "")
	require.JSONEq(t, `{"issues":[]}`, body)
}

// What the control API does to an issue is what the driver reports of it.
func TestAnIssuesFates(t *testing.T) {
	t.Parallel()
	r := newRig(t, memtarget.Options{})
	made, err := r.target.Create(t.Context(), draft(1))
	require.NoError(t, err)
	other, err := r.target.Create(t.Context(), draft(2))
	require.NoError(t, err)
	call := func(method, path, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/control/issues/"+path, strings.NewReader(body))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	put := func(what, body string) {
		require.Equal(t, 204, call(http.MethodPut, made.ID+"/"+what, body), what)
	}
	verdict := func(id string) (targets.Issue, targets.Verdict) {
		got := r.target.ReadMany(t.Context(), []string{id})[0]
		return got.Issue, got.Verdict
	}
	expect := func(want targets.Verdict) targets.Issue {
		issue, got := verdict(made.ID)
		require.Equal(t, want, got)
		_, got = verdict(other.ID)
		require.Equal(t, targets.VerdictPresent, got, "the other issue is as it was")
		return issue
	}
	found := func() bool {
		issue, err := r.target.Find(t.Context(), draft(1).Marker)
		require.NoError(t, err)
		return issue != nil
	}

	put("title", `{"title":"Another name"}`)
	require.Equal(t, "Another name", expect(targets.VerdictPresent).Title)

	put("project", `{"project":"archive"}`)
	moved := expect(targets.VerdictMoved)
	require.Equal(t, "ARCHIVE-1", moved.Key)
	require.Equal(t, r.url+"/projects/archive/issues/"+made.ID, moved.URL)
	require.True(t, found(), "its marker still leads to it")
	byOldKey, ok := r.tracker.Issue(made.Key)
	require.True(t, ok)
	require.Equal(t, made.ID, byOldKey.ID)
	require.Len(t, r.tracker.Issues("mine", 0), 1)
	require.Len(t, r.tracker.Issues("archive", 0), 1)
	put("project", `{"project":"mine"}`)
	require.Equal(t, made.Key, expect(targets.VerdictPresent).Key, "back under its old key")

	r.tracker.AddProject("board-room", key("other"))
	put("project", `{"project":"board-room"}`)
	expect(targets.VerdictHidden)
	require.False(t, found())
	put("project", `{"project":"mine"}`)

	put("trashed", `{"trashed":true}`)
	expect(targets.VerdictTrashed)
	require.False(t, found())
	_, err = r.target.Close(t.Context(), made.ID)
	require.Equal(t, fault.Invalid, fault.KindOf(err), err)
	put("trashed", `{"trashed":false}`)
	expect(targets.VerdictPresent)

	put("hidden", `{"hidden":true}`)
	expect(targets.VerdictHidden)
	require.False(t, found())
	put("hidden", `{"hidden":false}`)
	expect(targets.VerdictPresent)

	for what, body := range map[string]string{"title": `{"title":""}`, "project": `{"project":"../x"}`} {
		require.Equal(t, 422, call(http.MethodPut, made.ID+"/"+what, body), what)
		require.Equal(t, 400, call(http.MethodPut, made.ID+"/"+what, `{"x":1}`), what)
	}
	for what, body := range map[string]string{"title": `{"title":"x"}`, "project": `{"project":"x"}`, "trashed": `{"trashed":true}`, "hidden": `{"hidden":true}`} {
		require.Equal(t, 404, call(http.MethodPut, "77/"+what, body), what)
	}

	put("project", `{"project":"archive"}`)
	require.Equal(t, 204, call(http.MethodDelete, made.ID, ""))
	expect(targets.VerdictGone)
	require.Equal(t, 404, call(http.MethodDelete, made.ID, ""))
	require.Empty(t, r.tracker.Marked("mine", string(draft(1).Marker)))
	require.Empty(t, r.tracker.Issues("archive", 0))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, memtarget.Options{MaxIssues: 2})
	post := func(body string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/api/projects/mine/issues", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-API-Key", key("mine").Reveal())
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, 422, post(`{"marker":"pb-1","title":""}`))
	require.Equal(t, 422, post(`{"marker":"","title":"x"}`))
	require.Equal(t, 422, post(`{"marker":"pb-1","title":"`+strings.Repeat("x", 256)+`"}`))
	require.Equal(t, 400, post(`{"marker":"pb-1","title":"x","tittle":"y"}`))
	require.Equal(t, 400, post(`{`))
	require.Equal(t, 413, post(`{"title":"`+string(bytes.Repeat([]byte("x"), 2<<20))+`"}`))
	for i := range 2 {
		_, err := r.target.Create(t.Context(), draft(i))
		require.NoError(t, err)
	}
	_, err := r.target.Create(t.Context(), draft(3))
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), "a full tracker says so")
	issues := r.tracker.Issues("", 1)
	require.Len(t, issues, 1)
	require.Equal(t, "MINE-2", issues[0].Key, "newest first")
}
