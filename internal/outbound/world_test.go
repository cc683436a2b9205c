package outbound

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority issues certificates for whatever name it is asked for.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{t: t, key: key, cert: cert}
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// config is a server's until a time: a certificate for each name, and for addresses one
// with all that the tests use.
func (a *authority) config(until time.Time) *tls.Config {
	one := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until}
		if hello.ServerName != "" {
			tmpl.DNSNames = []string{hello.ServerName}
		} else {
			for _, ip := range []string{"93.184.216.34", "10.20.3.4", "127.0.0.1", "2606:4700::1111", "64:ff9b::a14:304", "64:ff9b::5db8:d822", "fd00:1::7"} {
				tmpl.IPAddresses = append(tmpl.IPAddresses, net.ParseIP(ip))
			}
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, a.key.Public(), a.key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}, err
	}}
	// httptest has a certificate of its own, which this leaves out.
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return one, nil }}
}

// world is an internet of one machine: a resolver that the test writes, and
// two servers, one of them with TLS, which every address leads to. It notes
// what was dialled.
type world struct {
	*authority
	secure, plain *httptest.Server
	current       atomic.Pointer[tls.Config]

	mu       sync.Mutex
	names    map[string][]string
	changes  map[string][]string // answers after the first
	lookups  []string
	dialled  []string
	requests []*http.Request
}

const public = "93.184.216.34"

func newWorld(t testing.TB, handler http.HandlerFunc, beforeStart ...func(*world)) *world {
	w := &world{authority: newAuthority(t, "the world's"), names: map[string][]string{"public.example": {public}}, changes: map[string][]string{}}
	noted := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r)
		w.mu.Unlock()
		handler(rw, r)
	})
	quiet := log.New(io.Discard, "", 0)
	w.secure, w.plain = httptest.NewUnstartedServer(noted), httptest.NewUnstartedServer(noted)
	w.serve(time.Now().Add(time.Hour))
	w.secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return w.current.Load().GetConfigForClient(hello)
	}}
	w.secure.Config.ErrorLog, w.plain.Config.ErrorLog = quiet, quiet
	w.secure.EnableHTTP2 = true
	for _, prepare := range beforeStart {
		prepare(w)
	}
	w.secure.StartTLS()
	w.plain.Start()
	t.Cleanup(w.secure.Close)
	t.Cleanup(w.plain.Close)
	return w
}

// serve lets the server's certificates end at a time.
func (w *world) serve(until time.Time) { w.current.Store(w.config(until)) }

// LookupNetIP implements Resolver.
func (w *world) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups = append(w.lookups, host)
	answer, ok := w.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if next, ok := w.changes[host]; ok {
		w.names[host] = next
	}
	var out []netip.Addr
	for _, a := range answer {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

// client makes a Client whose sockets all lead to the world's servers; the
// guard's last word is asked as a real socket asks it.
func (w *world) client(t testing.TB, opts Options) *Client {
	opts.Resolver = w
	if opts.TLS == nil {
		opts.TLS = &tls.Config{RootCAs: w.roots(), MinVersion: tls.VersionTLS12}
	}
	c := New(opts)
	t.Cleanup(c.Close)
	d := c.pool.dialer
	d.direct = func(ctx context.Context, network, address string) (net.Conn, error) {
		w.mu.Lock()
		w.dialled = append(w.dialled, address)
		w.mu.Unlock()
		if err := d.guard.control(ctx, network, address, nil); err != nil {
			return nil, err
		}
		server := w.secure
		if schemeOf(ctx) == "http" {
			server = w.plain
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	return c
}

func (w *world) get(c *Client, url string) (Reply, error) {
	return c.Send(context.Background(), Call{Op: "read", Method: http.MethodGet, URL: url, Header: http.Header{"Authorization": {"Bearer canary"}}})
}

// seen gives what was dialled and asked since the last time.
func (w *world) seen() (dialled []string, requests []*http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dialled, requests = w.dialled, w.requests
	w.dialled, w.requests, w.lookups = nil, nil, nil
	return dialled, requests
}

var errBroken = errors.New("broken")

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }
