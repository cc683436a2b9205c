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

func newAuthority(tb testing.TB, name string) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &authority{t: tb, key: key, cert: cert}
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

// rig is an internet of one machine: a resolver that the test writes, and
// two servers, one of them with TLS, which every address leads to. It notes
// what was dialled.
type rig struct {
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

func newRig(tb testing.TB, handler http.HandlerFunc, beforeStart ...func(*rig)) *rig {
	tb.Helper()
	r := &rig{authority: newAuthority(tb, "the rig's"), names: map[string][]string{"public.example": {public}}, changes: map[string][]string{}}
	noted := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, req)
		r.mu.Unlock()
		handler(rw, req)
	})
	quiet := log.New(io.Discard, "", 0)
	r.secure, r.plain = httptest.NewUnstartedServer(noted), httptest.NewUnstartedServer(noted)
	r.serve(time.Now().Add(time.Hour))
	r.secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return r.current.Load().GetConfigForClient(hello)
	}}
	r.secure.Config.ErrorLog, r.plain.Config.ErrorLog = quiet, quiet
	r.secure.EnableHTTP2 = true
	for _, prepare := range beforeStart {
		prepare(r)
	}
	r.secure.StartTLS()
	r.plain.Start()
	tb.Cleanup(r.secure.Close)
	tb.Cleanup(r.plain.Close)
	return r
}

// serve lets the server's certificates end at a time.
func (r *rig) serve(until time.Time) { r.current.Store(r.config(until)) }

// LookupNetIP implements Resolver.
func (r *rig) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookups = append(r.lookups, host)
	answer, ok := r.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if next, ok := r.changes[host]; ok {
		r.names[host] = next
	}
	var out []netip.Addr
	for _, a := range answer {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

// client makes a Client whose sockets all lead to the rig's servers; the
// guard's last word is asked as a real socket asks it.
func (r *rig) client(tb testing.TB, opts Options) *Client {
	tb.Helper()
	opts.Resolver = r
	if opts.TLS == nil {
		opts.TLS = &tls.Config{RootCAs: r.roots(), MinVersion: tls.VersionTLS12}
	}
	c := New(&opts)
	tb.Cleanup(c.Close)
	d := c.pool.dialer
	d.direct = func(ctx context.Context, network, address string) (net.Conn, error) {
		r.mu.Lock()
		r.dialled = append(r.dialled, address)
		r.mu.Unlock()
		if err := d.guard.control(ctx, network, address, nil); err != nil {
			return nil, err
		}
		server := r.secure
		if schemeOf(ctx) == "http" {
			server = r.plain
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	return c
}

func (r *rig) get(c *Client, url string) (Reply, error) {
	return c.Send(context.Background(), Call{Op: "read", Method: http.MethodGet, URL: url, Header: http.Header{"Authorization": {"Bearer canary"}}})
}

// seen returns what was dialled and requested since the last time.
func (r *rig) seen() (dialled []string, requests []*http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dialled, requests = r.dialled, r.requests
	r.dialled, r.requests, r.lookups = nil, nil, nil
	return dialled, requests
}

var errBroken = errors.New("broken")

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }
