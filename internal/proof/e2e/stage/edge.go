package stage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Edge stands for the internet between this machine and the plugin's public
// address: a proxy that reaches Origin alone, and speaks https there with a
// certificate of its own.
type Edge struct {
	proxy string
	roots string
}

// Edge starts one in front of a plugin.
func (s *Stage) Edge(ctx context.Context, api *Plugin) (*Edge, error) {
	origin, err := url.Parse(Origin)
	if err != nil {
		return nil, err
	}
	cert, roots, err := selfSigned(origin.Hostname())
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "roots.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	tunnels := newTunnels(ln.Addr())
	backend := &url.URL{Scheme: "http", Host: api.Listen}
	inner := &http.Server{Handler: httputil.NewSingleHostReverseProxy(backend), ReadHeaderTimeout: callTimeout}
	outer := &http.Server{Handler: tunnels.accepting(origin.Hostname() + ":443"), ReadHeaderTimeout: callTimeout}
	go func() {
		_ = inner.Serve(tls.NewListener(tunnels, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
	}()
	go func() { _ = outer.Serve(ln) }()
	s.onClose(func() error { return errors.Join(outer.Close(), inner.Close()) })
	return &Edge{proxy: "http://" + ln.Addr().String(), roots: file}, nil
}

// Settings make the plugin use the edge.
func (e *Edge) Settings() map[string]string {
	return map[string]string{"PLUGIN_OUTBOUND_PROXY": e.proxy, "SSL_CERT_FILE": e.roots}
}

// tunnels is a listener whose connections come in through CONNECT.
type tunnels struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

func newTunnels(addr net.Addr) *tunnels {
	return &tunnels{conns: make(chan net.Conn), done: make(chan struct{}), addr: addr}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

func (t *tunnels) Close() error   { t.once.Do(func() { close(t.done) }); return nil }
func (t *tunnels) Addr() net.Addr { return t.addr }

func (t *tunnels) accepting(host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.EqualFold(r.Host, host) {
			http.Error(w, "this proxy reaches "+host+" alone", http.StatusForbidden)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
			_ = conn.Close()
			return
		}
		select {
		case t.conns <- conn:
		case <-t.done:
			_ = conn.Close()
		}
	}
}

func selfSigned(host string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots, nil
}
