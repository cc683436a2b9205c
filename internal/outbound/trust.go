package outbound

import (
	"container/list"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
	"time"
)

// maxTrusts bounds the sets of authorities whose connections are kept.
const maxTrusts = 64

// WithAuthorities returns a Client that trusts these authorities beside the
// system's, with the same rules and limits. A connection that such an authority
// authenticated serves only clients with exactly the same authorities. Without
// any it returns the Client itself.
//
// The pool is bounded: it closes the connections of the sets of authorities that
// were not used for longest.
func (c *Client) WithAuthorities(authorities []*x509.Certificate) *Client {
	if len(authorities) == 0 {
		return c
	}
	digest := sha256.New()
	for _, cert := range authorities {
		sum := sha256.Sum256(cert.Raw)
		digest.Write(sum[:])
	}
	own := *c
	own.authorities = authorities
	digest.Sum(own.trust[:0])
	return &own
}

type trust = [sha256.Size]byte

// pool keeps the transports: one for the system's authorities, and a bounded
// number for sets of them.
type pool struct {
	opts   Options
	dialer *dialer
	system *http.Transport

	mu     sync.Mutex
	recent *list.List // of poolEntry, most recently used first
	byCA   map[trust]*list.Element
}

// poolEntry is the transport for one set of authorities.
type poolEntry struct {
	trust     trust
	transport *http.Transport
}

func newPool(opts Options) *pool {
	p := &pool{opts: opts, dialer: newDialer(opts), recent: list.New(), byCA: map[trust]*list.Element{}}
	p.system = p.transport(nil)
	return p
}

func tlsConfig(opts Options) *tls.Config {
	if opts.TLS != nil {
		return opts.TLS.Clone()
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

// transport returns a transport with connections of its own. It is used without
// an http.Client, which would handle redirects: they could carry the credential
// to another host, and even their refusal repeats what the server wrote there.
func (p *pool) transport(roots *x509.CertPool) *http.Transport {
	config := tlsConfig(p.opts)
	if roots != nil {
		config.RootCAs = roots
	}
	return &http.Transport{
		DialContext:            p.dialer.dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    perHostIdle,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// of returns the transport for a set of authorities.
func (p *pool) of(t trust, authorities []*x509.Certificate) *http.Transport {
	if len(authorities) == 0 {
		return p.system
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byCA[t]; ok {
		p.recent.MoveToFront(e)
		return e.Value.(poolEntry).transport
	}
	made := p.transport(p.roots(authorities))
	p.byCA[t] = p.recent.PushFront(poolEntry{t, made})
	if oldest := p.recent.Back(); p.recent.Len() > maxTrusts {
		p.recent.Remove(oldest)
		gone := oldest.Value.(poolEntry)
		delete(p.byCA, gone.trust)
		gone.transport.CloseIdleConnections() // a connection in use is closed when it becomes idle
	}
	return made
}

func (p *pool) roots(authorities []*x509.Certificate) *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any
	}
	if p.opts.TLS != nil && p.opts.TLS.RootCAs != nil {
		roots = p.opts.TLS.RootCAs.Clone()
	}
	for _, cert := range authorities {
		roots.AddCert(cert)
	}
	return roots
}

func (p *pool) close() {
	p.system.CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.recent.Front(); e != nil; e = e.Next() {
		e.Value.(poolEntry).transport.CloseIdleConnections()
	}
}
