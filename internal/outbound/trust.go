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

// Trusting gives a Client that trusts these authorities beside the system's,
// with the same rules and limits. A connection that such an authority vouched
// for serves only clients with the very same ones: it proves nothing to
// anybody else. Without any it is the Client itself.
//
// What is kept of all Clients made this way is bounded: connections of the
// sets of authorities that were not used for longest are closed.
func (c *Client) Trusting(authorities []*x509.Certificate) *Client {
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
	recent *list.List // of pooled, most recently used first
	byCA   map[trust]*list.Element
}

type pooled struct {
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

// transport makes a transport with connections of its own. It is used without
// an http.Client, which would look at redirects: they could carry the
// credential to another host, and even their refusal repeats what the server
// wrote there.
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

// of gives the transport for a set of authorities.
func (p *pool) of(t trust, authorities []*x509.Certificate) *http.Transport {
	if len(authorities) == 0 {
		return p.system
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byCA[t]; ok {
		p.recent.MoveToFront(e)
		return e.Value.(pooled).transport
	}
	made := p.transport(p.roots(authorities))
	p.byCA[t] = p.recent.PushFront(pooled{t, made})
	if oldest := p.recent.Back(); p.recent.Len() > maxTrusts {
		p.recent.Remove(oldest)
		gone := oldest.Value.(pooled)
		delete(p.byCA, gone.trust)
		gone.transport.CloseIdleConnections() // what is in use is closed when it becomes idle
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
		e.Value.(pooled).transport.CloseIdleConnections()
	}
}
