package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/telemetry"
)

// end is a connection that only knows whether it was closed.
type end struct {
	net.Conn
	closed bool
}

func (e *end) Close() error { e.closed = true; return nil }

func quiet() *telemetry.Fold { return telemetry.NewFold(slog.New(slog.DiscardHandler), "test") }

func TestBoundClosesWhoRestsLongest(t *testing.T) {
	t.Parallel()
	b := newBound(3, quiet())
	conns := make([]*end, 8)
	for i := range conns {
		conns[i] = &end{}
	}
	closed := func() (out []int) {
		for i, c := range conns {
			if c.closed {
				out = append(out, i)
				c.closed = false
				b.connState(c, http.StateClosed) // as the server says
			}
		}
		return out
	}
	for i := range 3 {
		b.connState(conns[i], http.StateNew)
	}
	b.connState(conns[0], http.StateActive)
	b.connState(conns[1], http.StateActive)
	b.connState(conns[1], http.StateIdle) // rests, but for less long than 2
	require.Empty(t, closed())
	b.connState(conns[3], http.StateNew)
	require.Equal(t, []int{2}, closed(), "it has sent nothing")
	b.connState(conns[4], http.StateNew)
	require.Equal(t, []int{1}, closed(), "it waits for its next request")
	b.connState(conns[3], http.StateActive)
	b.connState(conns[4], http.StateActive)
	b.connState(conns[5], http.StateNew)
	require.Equal(t, []int{5}, closed(), "all others are being answered")
	b.connState(conns[0], http.StateClosed)
	b.connState(conns[6], http.StateNew)
	require.Empty(t, closed(), "there is room again")
	require.Len(t, b.conns, 3)
	for _, i := range []int{3, 4, 6} {
		b.connState(conns[i], http.StateHijacked)
	}
	require.Empty(t, b.conns)
	require.Zero(t, b.idle.Len())
}

// Strangers who open connections and send nothing keep nobody out.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const most = 8
	b := newBound(most, quiet())
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	srv.Config.ConnState = b.connState
	srv.Start()
	defer srv.Close()
	for range 10 * most {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 3 {
		resp, err := client.Get(srv.URL)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "ok", string(text))
	}
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.conns) <= most
	}, time.Minute, time.Millisecond)
}

// That nobody can connect is a warning, once for many; a stranger's nonsense
// is detail.
func TestAcceptErrorsAreWarnings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	srv := HTTP(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for range 50 {
		srv.ErrorLog.Print("http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 5ms")
	}
	srv.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.Positive(t, strings.Count(out.String(), "level=WARN"))
	require.Less(t, strings.Count(out.String(), "level=WARN"), 50)
	require.Equal(t, 1, strings.Count(out.String(), "level=DEBUG"))
	require.Contains(t, out.String(), "too many open files")
}
