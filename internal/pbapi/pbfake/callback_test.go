package pbfake_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
)

func TestClickSendsTheNotification(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	a := r.click(i, e, pbfake.Push)
	require.Equal(t, 200, a.Status)
	require.Empty(t, a.Failure)
	require.Equal(t, "progress", r.fake.State(i, e).Name, "the answer is a write")

	got := r.plugin.requests("POST")[0]
	require.Equal(t, secret, got.authorization)
	require.Equal(t, "plugin.example", got.host)
	require.JSONEq(t, `{"data":{"integrationId":"`+i+`","trigger":"button.push",
		"feature":{"id":"`+e+`","links":{"self":"https://api.productboard.com/features/`+e+`","html":"`+r.fake.PageOf(e)+`"}},
		"triggeredByUser":{"name":"Jane Doe","email":"jane@example.com"},
		"links":{"connection":"https://api.productboard.com/v2/plugin-integrations/`+i+`/connections/`+e+`"}}}`, got.body)

	_, err := r.fake.Click(context.Background(), i, e, pbfake.Unlink, pbfake.User{})
	require.NoError(t, err)
	got = r.plugin.requests("POST")[1]
	require.Contains(t, got.body, `"button.unlink"`)
	require.NotContains(t, got.body, "triggeredByUser", "Productboard may leave the user out")
}

func TestAnswersAreHeldToTheContract(t *testing.T) {
	t.Parallel()
	const ct = "application/json"
	v1 := `{"data":{"connection":{"state":"progress"}}}`
	cases := []struct {
		name   string
		action http.HandlerFunc
		legacy bool
		want   string // the state, or the part of debugDetail that explains
	}{
		{"progress", state("progress"), false, ""},
		{"connected", answers(200, ct+"; charset=utf-8", put(connected)), false, ""},
		{"v1 where it was not agreed", answers(200, ct, v1), false, "/data/fields"},
		{"v1 where it was", answers(200, ct, v1), true, ""},
		{"v2 for a v1 integration", state("progress"), true, "/data/connection"},
		{"incomplete connected", answers(200, ct, put(`{"state":"connected"}`)), false, "/data/fields/connection/color"},
		{"unknown state", state("busy"), false, "one of"},
		{"label too long", answers(200, ct, put(strings.Replace(connected, "Done", strings.Repeat("x", 21), 1))), false, "at most 20"},
		{"debugDetail", answers(200, ct, put(`{"state":"error","message":"m","debugDetail":"d"}`)), false, "read-only"},
		{"no JSON", answers(200, ct, "ok"), false, "JSON decoding error"},
		{"empty", answers(200, ct, ""), false, "empty"},
		{"wrong type", answers(200, "text/plain", put(connected)), false, "content type"},
		{"202", answers(202, ct, put(connected)), false, "answered 202"},
		{"503", answers(503, ct, "{}"), false, "answered 503"},
		{"redirect", answers(307, ct, ""), false, "answered 307"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "did not answer"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			i, e := r.integration(), r.entity()
			require.True(t, r.fake.SetLegacy(i, tc.legacy))
			r.plugin.on(nil, tc.action)
			a := r.click(i, e, pbfake.Push)
			got := r.fake.State(i, e)
			require.Equal(t, a.State, got)
			if tc.want == "" {
				require.Empty(t, a.Failure)
				require.NotEqual(t, "error", got.Name)
				return
			}
			require.Equal(t, "error", got.Name)
			require.NotEmpty(t, got.Message)
			require.Contains(t, got.DebugDetail, tc.want)
			require.Equal(t, got.DebugDetail, r.call("GET", connection(i, e), "").at("data", "fields", "connection", "debugDetail"))
		})
	}
}

func TestClickTimesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	reached := make(chan struct{})
	r.plugin.on(nil, func(_ http.ResponseWriter, r *http.Request) { close(reached); <-r.Context().Done() })
	done := make(chan pbfake.Answer)
	go func() { done <- r.click(i, e, pbfake.Push) }()
	<-reached
	r.clock.Advance(5*time.Second - 1)
	require.Equal(t, "initial", r.fake.State(i, e).Name, "nothing is written while the answer is awaited")
	require.Equal(t, 1, r.fake.Connections(i)[0].Waiting)
	r.clock.Advance(1)
	a := <-done
	require.Equal(t, 5*time.Second, a.Took)
	require.Contains(t, a.Failure, "within 5s")
	require.Equal(t, "error", r.fake.State(i, e).Name)
}

func TestClicksThatAreNotPossible(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	_, err := r.fake.Click(context.Background(), nowhere, e, pbfake.Push, pbfake.User{})
	require.ErrorIs(t, err, pbfake.ErrNoIntegration)
	_, err = r.fake.Click(context.Background(), i, nowhere, pbfake.Push, pbfake.User{})
	require.ErrorIs(t, err, pbfake.ErrNoEntity)
	r.call("PATCH", "/plugin-integrations/"+i, create(`"integrationStatus":"disabled"`))
	_, err = r.fake.Click(context.Background(), i, e, pbfake.Push, pbfake.User{})
	require.ErrorIs(t, err, pbfake.ErrDisabled)
	r.fake.Close()
	_, err = r.fake.Click(context.Background(), i, e, pbfake.Push, pbfake.User{})
	require.Error(t, err)
	require.Empty(t, r.plugin.requests("POST"))
}

// A double click is two notifications at once; either answer is written when
// it arrives.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	both := make(chan struct{}, 2)
	goOn := make(chan struct{})
	r.plugin.on(nil, func(rw http.ResponseWriter, r *http.Request) {
		both <- struct{}{}
		<-goOn
		state("progress")(rw, r)
	})
	done := make(chan pbfake.Answer, 2)
	for range 2 {
		go func() { done <- r.click(i, e, pbfake.Push) }()
	}
	<-both
	<-both
	require.Equal(t, 2, r.fake.Connections(i)[0].Waiting)
	close(goOn)
	require.Empty(t, (<-done).Failure)
	require.Empty(t, (<-done).Failure)
	require.Equal(t, 2, r.fake.ConnectionCalls(i, e)[pbfake.OpClick])
	require.Equal(t, 0, r.fake.Connections(i)[0].Waiting)
}

func TestDeletedWhileClicked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, e := r.integration(), r.entity()
	r.plugin.on(nil, func(rw http.ResponseWriter, req *http.Request) {
		_, err := r.send("DELETE", "/plugin-integrations/"+i, "")
		assert.NoError(t, err)
		state("progress")(rw, req)
	})
	r.click(i, e, pbfake.Push)
	require.Empty(t, r.fake.Connections(""), "an answer does not bring a deleted integration back")
}

func TestOffered(t *testing.T) {
	t.Parallel()
	require.Equal(t, []pbfake.Trigger{pbfake.Push}, pbfake.Offered("initial"))
	require.Equal(t, []pbfake.Trigger{pbfake.Unlink}, pbfake.Offered("connected"))
	require.Contains(t, pbfake.Offered("error"), pbfake.Dismiss)
	require.Empty(t, pbfake.Offered("progress"))
}

// backend is one of several plugins behind an edge.
func backend(t *testing.T, status int) (string, func() int) {
	t.Helper()
	calls := make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls <- struct{}{}
		if status != 200 {
			w.WriteHeader(status)
			return
		}
		var in struct {
			Data struct{ IntegrationID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Data.IntegrationID == "" {
			w.WriteHeader(400) // the body must have survived a retry
			return
		}
		state("progress")(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() int { return len(calls) }
}

func TestEdgeBalancesAndRetries(t *testing.T) {
	t.Parallel()
	refused := httptest.NewServer(http.NotFoundHandler())
	refusedURL := refused.URL
	refused.Close()

	t.Run("in turn", func(t *testing.T) {
		r := newRig(t)
		i, e := r.integration(), r.entity()
		a, na := backend(t, 200)
		b, nb := backend(t, 200)
		require.NoError(t, r.fake.SetEdge(public, a, b))
		for range 10 {
			r.click(i, e, pbfake.Push)
		}
		require.Equal(t, 5, na())
		require.Equal(t, 5, nb())
	})
	t.Run("passes over what is down", func(t *testing.T) {
		r := newRig(t)
		i, e := r.integration(), r.entity()
		draining, nd := backend(t, 503)
		good, ng := backend(t, 200)
		require.NoError(t, r.fake.SetEdge(public, refusedURL, draining, good))
		for range 6 {
			require.Empty(t, r.click(i, e, pbfake.Push).Failure)
		}
		require.Equal(t, 6, ng())
		require.Positive(t, nd())
	})
	t.Run("does not repeat what may have been done", func(t *testing.T) {
		r := newRig(t)
		i, e := r.integration(), r.entity()
		bad, nb := backend(t, 500)
		good, _ := backend(t, 200)
		require.NoError(t, r.fake.SetEdge(public, bad, good))
		require.Contains(t, r.click(i, e, pbfake.Push).Failure, "500")
		require.Empty(t, r.click(i, e, pbfake.Push).Failure)
		require.Equal(t, 1, nb())
	})
	t.Run("nobody is there", func(t *testing.T) {
		r := newRig(t)
		i, e := r.integration(), r.entity()
		require.NoError(t, r.fake.SetEdge(public, refusedURL))
		require.Equal(t, 502, r.click(i, e, pbfake.Push).Status)
		draining, _ := backend(t, 503)
		require.NoError(t, r.fake.SetEdge(public, draining, refusedURL))
		require.Equal(t, 503, r.click(i, e, pbfake.Push).Status)
		require.NoError(t, r.fake.SetEdge(public))
		require.Contains(t, r.click(i, e, pbfake.Push).Failure, "no edge")
	})
	t.Run("addresses", func(t *testing.T) {
		r := newRig(t)
		for _, wrong := range [][]string{{"http://plugin.example", refusedURL}, {"plugin.example", refusedURL},
			{public, "https://127.0.0.1:1"}, {public, "http://192.0.2.1:80"}, {public, "http://127.0.0.1:1/path"}} {
			require.Error(t, r.fake.SetEdge(wrong[0], wrong[1]), wrong)
		}
		require.NoError(t, r.fake.SetEdge("https://PLUGIN.example:443", refusedURL))
	})
}
