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
	t.Parallel()
	r := newRig(t, ok)
	stranger := newAuthority(t, "a stranger's")
	base := r.client(t, Options{TLS: &tls.Config{RootCAs: stranger.roots(), MinVersion: tls.VersionTLS12}})
	mine := base.WithAuthorities([]*x509.Certificate{r.cert})
	other := base.WithAuthorities([]*x509.Certificate{stranger.cert})
	same := base.WithAuthorities([]*x509.Certificate{r.cert})
	require.Same(t, base, base.WithAuthorities(nil))

	for range 2 { // the second time a connection of mine is there, and must serve nobody else
		_, err := r.get(mine, "https://public.example/")
		require.NoError(t, err)
		for name, c := range map[string]*Client{"base": base, "other": other} {
			_, err = r.get(c, "https://public.example/")
			require.ErrorIs(t, err, fault.Unavailable, name)
			require.False(t, fault.IsUnsure(err), "nothing was sent")
			require.Contains(t, fault.From(err).Public, "authority")
		}
	}
	_, requests := r.seen()
	require.Len(t, requests, 2)
	_, err := r.get(same, "https://public.example/")
	require.NoError(t, err)
	dialled, _ := r.seen()
	require.Empty(t, dialled, "the very same authorities may share a connection")
	_, err = r.get(mine, "https://127.0.0.1/")
	require.ErrorIs(t, err, fault.Blocked, "an authority opens no address")
}

func TestCertificatesThatAreNotValidSaySo(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	r.serve(time.Now().Add(-time.Hour))
	_, err := r.get(r.client(t, Options{}), "https://public.example/")
	require.ErrorIs(t, err, fault.Unavailable)
	require.Contains(t, fault.From(err).Public, "expired")
	r.serve(time.Now().Add(time.Hour))
	_, err = r.get(r.client(t, Options{}), "https://1.1.1.1/")
	require.Contains(t, fault.From(err).Public, "another name")
}

// Thousands of tenants with authorities of their own cost a bounded number of
// transports; the connections of those that go are closed.
func TestKeptAuthoritiesAreBounded(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	closed := make(chan struct{}, 2*maxTrusts)
	r := newRig(t, ok, func(r *rig) {
		r.secure.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				open.Add(1)
			}
			if s == http.StateClosed {
				open.Add(-1)
				closed <- struct{}{}
			}
		}
	})
	base := r.client(t, Options{})
	var clients []*Client
	for range maxTrusts + 1 {
		clients = append(clients, base.WithAuthorities([]*x509.Certificate{r.cert, newAuthority(t, "a tenant's").cert}))
	}
	for _, c := range clients {
		_, err := r.get(c, "https://public.example/")
		require.NoError(t, err)
	}
	<-closed
	require.Equal(t, int64(maxTrusts), open.Load())
	require.Len(t, base.pool.byCA, maxTrusts)
	require.Equal(t, maxTrusts, base.pool.recent.Len())
	_, err := r.get(clients[0], "https://public.example/")
	require.NoError(t, err, "what went comes back when it is used")
}
