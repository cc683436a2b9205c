package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
)

func local(opts Options) *Client {
	opts.Allow = append(opts.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	return New(&opts)
}

func TestEveryStatusHasAKind(t *testing.T) {
	t.Parallel()
	later := http.Header{"Retry-After": {"7"}}
	for _, c := range []struct {
		status int
		h      http.Header
		kind   fault.Kind
		unsure bool
	}{
		{301, nil, fault.Invalid, false}, {302, nil, fault.Invalid, false},
		{400, nil, fault.Invalid, false}, {401, nil, fault.Unauthorized, false}, {403, nil, fault.Forbidden, false},
		{404, nil, fault.NotFound, false}, {405, nil, fault.Invalid, false}, {408, nil, fault.Timeout, true}, {409, nil, fault.Conflict, false},
		{410, nil, fault.NotFound, false}, {422, nil, fault.Invalid, false}, {429, later, fault.RateLimited, false},
		{500, nil, fault.Unavailable, true}, {502, nil, fault.Unavailable, true}, {503, nil, fault.Unavailable, true},
		{503, later, fault.Unavailable, false}, {504, nil, fault.Timeout, true}, {599, nil, fault.Unavailable, true}, {100, nil, fault.Unavailable, true},
	} {
		e := FromStatus(c.status, c.h)
		require.Equal(t, c.kind, e.Kind, c.status)
		require.Equal(t, c.unsure, e.Unsure, c.status)
		if c.h != nil {
			require.Equal(t, 7*time.Second, e.RetryAfter)
		}
	}
	for _, status := range []int{200, 201, 204} {
		require.Nil(t, FromStatus(status, nil))
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Second, "1.5": 1500 * time.Millisecond, "-3": 0, "soon": 0, "99999999999": maxRetryAfter, "NaN": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, RetryAfter(http.Header{"Retry-After": {v}}, now), v)
	}
}

// The guard decides on the address that is dialled, whatever name led there.
func TestGuardStandsBehindNames(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	c := New(nil)
	defer c.Close()
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		_, err := c.Send(context.Background(), Call{Op: "read", Method: http.MethodGet, URL: "http://" + host + ":" + port + "/?key=canary"})
		require.ErrorIs(t, err, fault.Blocked, host)
		require.False(t, fault.IsUnsure(err))
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte(r.UserAgent()))
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, oneBytes+1))
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		case "/refused-and-cut":
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusUnprocessableEntity)
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/hang":
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}
	}))
	defer srv.Close()
	defer close(hang)
	c := local(Options{UserAgent: "test/1", Timeout: 200 * time.Millisecond})
	defer c.Close()
	call := func(path string) (Reply, *fault.Error) {
		reply, err := c.Send(context.Background(), Call{Op: "post", Method: http.MethodPost, URL: srv.URL + path + "?secret=canary", Body: []byte("{}"), Bound: One()})
		if err == nil {
			return reply, nil
		}
		require.NotContains(t, err.Error(), "canary")
		return reply, fault.From(err)
	}
	reply, err := call("/ok")
	require.Nil(t, err)
	require.Equal(t, "test/1", string(reply.Body))
	for path, want := range map[string]struct {
		kind   fault.Kind
		unsure bool
	}{
		"/redirect": {fault.Invalid, false}, "/large": {fault.Unavailable, true}, "/cut": {fault.Unavailable, true},
		"/refused-and-cut": {fault.Unavailable, false}, "/reset": {fault.Unavailable, true}, "/hang": {fault.Timeout, true},
	} {
		_, err := call(path)
		require.NotNil(t, err, path)
		require.Equal(t, want.kind, err.Kind, path)
		require.Equal(t, want.unsure, err.Unsure, path)
		require.Equal(t, "post", err.Op)
	}
	whole, serr := c.Send(context.Background(), Call{Op: "get", Method: http.MethodGet, URL: srv.URL + "/large", Bound: Items(1)})
	require.NoError(t, serr, "a call may expect more than one thing")
	require.Len(t, whole.Body, oneBytes+1)
	srv.Listener.Close()
	fresh := local(Options{})
	defer fresh.Close()
	_, serr = fresh.Send(context.Background(), Call{Op: "post", Method: http.MethodPost, URL: srv.URL})
	require.ErrorIs(t, serr, fault.Unavailable)
	require.False(t, fault.IsUnsure(serr), "nothing was sent")
	for _, bad := range []string{"", "ftp://x", "//x", "http://", "http://a b", "file:///etc/passwd"} {
		_, err := fresh.Send(context.Background(), Call{Op: "post", Method: http.MethodPost, URL: bad})
		require.ErrorIs(t, err, fault.Invalid, bad)
	}
}

func TestFenceStopsTheRequest(t *testing.T) {
	t.Parallel()
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	c := local(Options{})
	defer c.Close()
	lost := errors.New("lost")
	_, err := c.Send(WithFence(context.Background(), func() error { return lost }), Call{Op: "post", Method: http.MethodPost, URL: srv.URL})
	require.ErrorIs(t, err, lost)
	require.False(t, fault.IsUnsure(err))
	require.Zero(t, asked)
	_, err = c.Send(WithFence(context.Background(), func() error { return nil }), Call{Op: "post", Method: http.MethodPost, URL: srv.URL})
	require.NoError(t, err)
	require.Equal(t, 1, asked)
}

// A process that is frozen while it connects must not send afterwards.
func TestFenceIsAskedAgainWhenTheConnectionIsThere(t *testing.T) {
	t.Parallel()
	carriedOut := 0
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			carriedOut++
		}
	}))
	defer srv.Close()
	c := local(Options{})
	defer c.Close()
	lost := errors.New("lost")
	asked := 0
	_, err := c.Send(WithFence(context.Background(), func() error {
		if asked++; asked > 1 {
			return lost
		}
		return nil
	}), Call{Op: "post", Method: http.MethodPost, URL: srv.URL, Body: []byte("{}")})
	require.ErrorIs(t, err, lost)
	require.Zero(t, carriedOut)
}

func TestRefineHasTheLastWord(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"errors":[1]}`)) }))
	defer srv.Close()
	var seen []Observation
	c := local(Options{Observe: func(o Observation) { seen = append(seen, o) }})
	defer c.Close()
	_, err := c.Send(context.Background(), Call{Op: "query", Method: http.MethodPost, URL: srv.URL, Refine: func(r Reply, verdict *fault.Error) *fault.Error {
		require.Nil(t, verdict)
		require.Contains(t, string(r.Body), "errors")
		return fault.New(fault.RateLimited, "", "")
	}})
	require.ErrorIs(t, err, fault.RateLimited)
	require.Len(t, seen, 1)
	require.Equal(t, "query", seen[0].Op)
	require.Equal(t, 200, seen[0].Status)
	require.Error(t, seen[0].Err)
}
