package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
)

func TestOwnAuthorities(t *testing.T) {
	w := newWorld(t, ok)
	stranger := newAuthority(t, "a stranger's")
	base := w.client(t, Options{TLS: &tls.Config{RootCAs: stranger.roots(), MinVersion: tls.VersionTLS12}})
	mine := base.WithAuthorities([]*x509.Certificate{w.cert})
	other := base.WithAuthorities([]*x509.Certificate{stranger.cert})
	same := base.WithAuthorities([]*x509.Certificate{w.cert})
	require.Same(t, base, base.WithAuthorities(nil))

	for range 2 { // the second time a connection of mine is there, and must serve nobody else
		_, err := w.get(mine, "https://public.example/")
		require.NoError(t, err)
		for name, c := range map[string]*Client{"base": base, "other": other} {
			_, err = w.get(c, "https://public.example/")
			require.ErrorIs(t, err, fault.Unavailable, name)
			require.False(t, fault.IsUnsure(err), "nothing was sent")
			require.Contains(t, fault.From(err).Public, "authority")
		}
	}
	_, requests := w.seen()
	require.Len(t, requests, 2)
	_, err := w.get(same, "https://public.example/")
	require.NoError(t, err)
	dialled, _ := w.seen()
	require.Empty(t, dialled, "the very same authorities may share a connection")
	_, err = w.get(mine, "https://127.0.0.1/")
	require.ErrorIs(t, err, fault.Blocked, "an authority opens no address")
}

func TestCertificatesThatAreNotValidSaySo(t *testing.T) {
	w := newWorld(t, ok)
	w.serve(time.Now().Add(-time.Hour))
	_, err := w.get(w.client(t, Options{}), "https://public.example/")
	require.ErrorIs(t, err, fault.Unavailable)
	require.Contains(t, fault.From(err).Public, "expired")
	w.serve(time.Now().Add(time.Hour))
	_, err = w.get(w.client(t, Options{}), "https://1.1.1.1/")
	require.Contains(t, fault.From(err).Public, "another name")
}

// Thousands of tenants with authorities of their own cost a bounded number of
// transports; the connections of those that go are closed.
func TestKeptAuthoritiesAreBounded(t *testing.T) {
	var open atomic.Int64
	closed := make(chan struct{}, 2*maxTrusts)
	w := newWorld(t, ok, func(w *world) {
		w.secure.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				open.Add(1)
			}
			if s == http.StateClosed {
				open.Add(-1)
				closed <- struct{}{}
			}
		}
	})
	base := w.client(t, Options{})
	var clients []*Client
	for range maxTrusts + 1 {
		clients = append(clients, base.WithAuthorities([]*x509.Certificate{w.cert, newAuthority(t, "a tenant's").cert}))
	}
	for _, c := range clients {
		_, err := w.get(c, "https://public.example/")
		require.NoError(t, err)
	}
	<-closed
	require.Equal(t, int64(maxTrusts), open.Load())
	require.Len(t, base.pool.byCA, maxTrusts)
	require.Equal(t, maxTrusts, base.pool.recent.Len())
	_, err := w.get(clients[0], "https://public.example/")
	require.NoError(t, err, "what went comes back when it is used")
}
