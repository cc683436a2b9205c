package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

// connectProxy tunnels every CONNECT to one server, or answers as it is told.
type connectProxy struct {
	ln     net.Listener
	to     string
	answer string // instead of a tunnel

	heard chan struct{} // told when silence begins

	mu    sync.Mutex
	asked []*http.Request
}

func newConnectProxy(t *testing.T, to string, config *tls.Config) *connectProxy {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	p := &connectProxy{ln: ln, to: to, heard: make(chan struct{})}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	return p
}

func (p *connectProxy) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, req)
	answer := p.answer
	p.mu.Unlock()
	if answer == "silence" {
		p.heard <- struct{}{}
		_, _ = io.Copy(io.Discard, conn) // until the other side gives up
		return
	}
	if answer != "" {
		_, _ = io.WriteString(conn, answer)
		return
	}
	back, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(back, conn); _ = back.Close() }()
	_, _ = io.Copy(conn, back)
}

func (p *connectProxy) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

func parseProxy(t *testing.T, url string) *Proxy {
	t.Helper()
	p, err := ParseProxy(secret.New(url))
	require.NoError(t, err)
	return p
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, ok)
			r.names["loop.example"] = []string{"127.0.0.1"}
			r.names["redmine.lan"] = []string{"10.20.3.4"}
			r.names["rebind.example"], r.changes["rebind.example"] = []string{"127.0.0.1"}, []string{public}
			var config *tls.Config
			if scheme == "https" {
				config = r.config(time.Now().Add(time.Hour))
			}
			proxy := newConnectProxy(t, r.secure.Listener.Addr().String(), config)
			opts := Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}, Proxy: parseProxy(t, scheme+"://me:p%40ss@"+proxy.ln.Addr().String())}
			c := r.client(t, opts)

			for range 2 {
				_, err := r.get(c, "https://public.example/")
				require.NoError(t, err)
			}
			asked := proxy.seen()
			require.Len(t, asked, 1, "the tunnel is kept")
			require.Equal(t, http.MethodConnect, asked[0].Method)
			require.Equal(t, "public.example:443", asked[0].Host, "proxies decide by name")
			require.Equal(t, "Basic bWU6cEBzcw==", asked[0].Header.Get("Proxy-Authorization"))
			require.Empty(t, asked[0].Header.Get("Authorization"))
			dialled, requests := r.seen()
			require.Empty(t, dialled, "only the proxy was dialled")
			for _, r := range requests {
				require.Empty(t, r.Header.Get("Proxy-Authorization"))
			}

			for _, address := range []string{"http://redmine.lan:3000/", "https://redmine.lan/"} {
				_, err := r.get(c, address)
				require.NoError(t, err)
				require.Empty(t, proxy.seen(), "%s: what is allowed is reached directly", address)
			}
			for _, address := range []string{"https://loop.example/", "https://rebind.example/", "https://" + proxy.ln.Addr().String() + "/", "http://public.example/", "https://[64:ff9b::7f00:1]/"} {
				_, err := r.get(c, address)
				require.ErrorIs(t, err, fault.Blocked, address)
				require.Empty(t, proxy.seen(), "%s: the proxy is not asked for what the guard refuses", address)
			}
			_, err := r.get(c, "https://gone.example/")
			require.ErrorIs(t, err, fault.Unavailable, "a name that cannot be checked")
			require.Empty(t, proxy.seen())

			opts.Unguarded = true
			own := r.client(t, opts)
			_, err = r.get(own, "https://gone.example/")
			require.NoError(t, err, "the operator's own address: the proxy may know names that this machine does not")
			require.Len(t, proxy.seen(), 1)
			_, err = r.get(own, "http://127.0.0.1/")
			require.NoError(t, err)
			require.Empty(t, proxy.seen())
		})
	}
}

func TestProxyThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	proxy := newConnectProxy(t, r.secure.Listener.Addr().String(), nil)
	url := "http://me:canary@" + proxy.ln.Addr().String()
	c := r.client(t, Options{Proxy: parseProxy(t, url)})
	for answer, want := range map[string]fault.Kind{
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\ncanary": fault.Unavailable,
		"HTTP/1.1 502 canary\r\nContent-Length: 0\r\n\r\n":                              fault.Unavailable,
		"HTTP/1.1 403 Forbidden\r\n\r\nBasic bWU6Y2FuYXJ5":                              fault.Blocked,
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n":                     fault.Unavailable,
		"HTTP/1.1 200 OK\r\n\r\nmore":                                                   fault.Unavailable,
		"garbage\r\n\r\n":                                                               fault.Unavailable,
	} {
		proxy.answer = answer
		_, err := r.get(c, "https://public.example/")
		require.ErrorIs(t, err, want, answer)
		e := fault.From(err)
		require.Equal(t, fault.SidePlugin, e.Side)
		require.Contains(t, e.Public, "proxy")
		require.False(t, e.Unsure, "nothing has reached the peer")
		for _, text := range []string{err.Error(), e.Public} {
			require.NotContains(t, text, "canary")
			require.NotContains(t, text, "bWU6")
		}
	}
	proxy.answer = "silence"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Send(ctx, Call{Op: "read", Method: http.MethodGet, URL: "https://public.example/"})
		done <- err
	}()
	<-proxy.heard
	cancel()
	require.ErrorIs(t, <-done, fault.Canceled)

	_ = proxy.ln.Close()
	_, err := r.get(c, "https://public.example/")
	require.ErrorIs(t, err, fault.Unavailable)
	require.Contains(t, fault.From(err).Public, "proxy")
	require.NotContains(t, err.Error(), "canary")
}

func TestParseProxy(t *testing.T) {
	t.Parallel()
	p := parseProxy(t, "https://proxy.lan")
	require.Equal(t, "443", p.port)
	require.True(t, p.secure)
	require.True(t, p.auth.Empty())
	require.Equal(t, "80", parseProxy(t, "http://proxy.lan/").port)
	for _, bad := range []string{"", "proxy.lan:3128", "socks5://canary@h", "http://", "http://:80", "http://h/canary", "http://h?canary", "http://h#canary", "http://canary:%zz@h"} {
		_, err := ParseProxy(secret.New(bad))
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "canary")
	}
}
