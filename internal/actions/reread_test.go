package actions

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

// front puts something before the rig's tracker that answers in its place
// while it is set.
func (r *rig) front() *atomic.Pointer[http.HandlerFunc] {
	r.t.Helper()
	behind, err := url.Parse(r.url)
	require.NoError(r.t, err)
	var answers atomic.Pointer[http.HandlerFunc]
	proxy := httputil.NewSingleHostReverseProxy(behind)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if h := answers.Load(); h != nil {
			(*h)(w, req)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	r.t.Cleanup(srv.Close)
	r.url = srv.URL
	r.settings("tracker-key", "demo", 0)
	return &answers
}

func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>nginx</html>")
	}
}

// Whatever a connected item's issue reads like, only its deletion makes room
// for another one.
func TestAnIssueIsGivenUpOnlyWhenItIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		happen func(r *rig, front *atomic.Pointer[http.HandlerFunc])
		says   string
		undo   func(r *rig, front *atomic.Pointer[http.HandlerFunc])
	}{
		"404 page": {func(_ *rig, front *atomic.Pointer[http.HandlerFunc]) { h := page(404); front.Store(&h) },
			"Something in front of", func(_ *rig, front *atomic.Pointer[http.HandlerFunc]) { front.Store(nil) }},
		"404 of a gateway": {func(_ *rig, front *atomic.Pointer[http.HandlerFunc]) {
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"message":"no Route matched"}`)
			})
			front.Store(&h)
		}, "Something in front of", func(_ *rig, front *atomic.Pointer[http.HandlerFunc]) { front.Store(nil) }},
		"project lost": {func(r *rig, _ *atomic.Pointer[http.HandlerFunc]) {
			r.tracker.AddProject("elsewhere", secret.New("tracker-key"))
			r.tracker.RemoveKey("demo", secret.New("tracker-key"))
		}, "does not show issue 1", func(r *rig, _ *atomic.Pointer[http.HandlerFunc]) {
			r.tracker.AddProject("demo", secret.New("tracker-key"))
		}},
		"key revoked": {func(r *rig, _ *atomic.Pointer[http.HandlerFunc]) {
			r.tracker.RemoveKey("demo", secret.New("tracker-key"))
		}, "refused the credentials", func(r *rig, _ *atomic.Pointer[http.HandlerFunc]) {
			r.tracker.AddProject("demo", secret.New("tracker-key"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			front := r.front()
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			before := r.record()

			c.happen(r, front)
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateError)
			require.Contains(t, r.pb.shown().Message, c.says)
			require.Equal(t, before.Issue.ID, r.record().Issue.ID, "the link stays")
			require.Equal(t, before.Epoch, r.record().Epoch, "the epoch stays")

			c.undo(r, front)
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			require.Equal(t, before.Issue, r.record().Issue)
			require.Len(t, r.tracker.Issues("demo", 0), 1, "there is one issue")
		})
	}
	t.Run("deleted", func(t *testing.T) {
		r := newRig(t)
		r.click(pbapi.TriggerPush)
		r.quiet(pbapi.StateConnected)
		before := r.record()
		require.NoError(t, r.tracker.Delete(before.Issue.ID))
		r.click(pbapi.TriggerPush)
		r.quiet(pbapi.StateConnected)
		require.NotEqual(t, before.Issue.ID, r.record().Issue.ID)
		require.Greater(t, r.record().Epoch, before.Epoch)
		require.Len(t, r.tracker.Issues("demo", 0), 1)
		require.True(t, strings.HasPrefix(r.record().Issue.Key, "DEMO-"))
	})
}

// A push on a button that says "Deleted" makes a new issue, also where the old one
// could still be restored: whoever clicks has read that it is gone.
func TestAPushOnADeletedIssueMakesANewOne(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	before := r.record()
	for range 2 {
		_, err := r.store.Observe(t.Context(), []connections.Reading{{Entry: connections.Entry{Key: r.key(), Record: r.record()}, Verdict: targets.VerdictTrashed}}, false)
		require.NoError(t, err)
		r.env.Advance(10 * time.Minute)
	}
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Equal(t, before.Epoch, r.record().Epoch, "the tracker has it again")
	require.False(t, r.record().Deleted())

	require.NoError(t, r.tracker.Delete(before.Issue.ID))
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Greater(t, r.record().Epoch, before.Epoch)
}

func TestARecordKeepsTheItemsTitle(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	rec := r.record()
	require.Equal(t, rec.Issue.Title, rec.ItemTitle())
	require.Empty(t, rec.Title, "it is kept once")
	require.NotEmpty(t, rec.ItemTitle())
}

// A change that Productboard does not take at once is brought to it later, however
// long ago the click was; and one that it did not take for a day with the next
// reading.
func TestAReadingReachesTheButton(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	read := func(status string) {
		issue := *r.record().Issue
		issue.Status = status
		tasks, err := r.store.Observe(t.Context(), []connections.Reading{{Entry: connections.Entry{Key: r.key(), Record: r.record()}, Issue: issue}}, false)
		require.NoError(t, err)
		for _, task := range tasks {
			require.NoError(t, r.Enqueue(t.Context(), *task))
		}
	}
	require.Equal(t, map[string]bool{"put": false, "get": true}, r.pb.gentle, "somebody waits for the push, and nobody for its reading back")
	read("Waiting")
	r.quiet(pbapi.StateConnected)
	require.Equal(t, map[string]bool{"put": true, "get": true}, r.pb.gentle, "nobody waits for a refresh")
	away := &fault.Error{Kind: fault.Unavailable, Side: fault.SideProductboard, Public: "away"}
	r.advance(48 * time.Hour)
	r.pb.fail = map[string][]error{"put": {away, away, away}}
	read("Started")
	r.quiet(pbapi.StateConnected)
	require.Equal(t, "Started", r.pb.shown().Label)
	require.Zero(t, r.record().Observed)

	lasting := make([]error, 10_000)
	for i := range lasting {
		lasting[i] = away
	}
	r.pb.fail = map[string][]error{"put": lasting, "connection": lasting}
	read("Done")
	for r.record().Step != connections.Idle {
		r.advance(time.Hour)
		r.step(t.Context())
	}
	require.Equal(t, "Started", r.pb.shown().Label)
	r.pb.fail = nil
	read("Done")
	r.quiet(pbapi.StateConnected)
	require.Equal(t, "Done", r.pb.shown().Label)
}
