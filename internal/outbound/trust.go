package outbound

import (
	"container/list"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// MaxCA bounds a tenant's certificates, in bytes of PEM.
	MaxCA = 64 << 10
	// maxCACerts bounds their number.
	maxCACerts = 20
	// maxTrusts bounds the sets of authorities whose connections are kept.
	maxTrusts = 64
)

// ParseCA reads certificates of authorities in PEM form. Its errors repeat
// nothing of the text.
func ParseCA(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxCA {
		return nil, fmt.Errorf("has more than %d bytes", MaxCA)
	}
	var certs []*x509.Certificate
	rest := []byte(strings.TrimSpace(text))
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("is not a list of certificates in PEM form")
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("block %d is not a certificate (a key does not belong here)", len(certs)+1)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", len(certs)+1)
		}
		if certs = append(certs, cert); len(certs) > maxCACerts {
			return nil, fmt.Errorf("has more than %d certificates", maxCACerts)
		}
	}
	if len(certs) == 0 {
		return nil, errors.New("has no certificate")
	}
	return certs, nil
}

// Trusting gives a Client that trusts the authorities of ca (PEM, see ParseCA)
// beside the system's, with the same rules and limits. A connection that such
// an authority vouched for serves only clients with the very same ones: it
// proves nothing to anybody else. An empty ca gives the Client itself.
//
// What is kept of all Clients made this way is bounded: connections of the
// sets of authorities that were not used for longest are closed.
func (c *Client) Trusting(ca string) (*Client, error) {
	if strings.TrimSpace(ca) == "" {
		return c, nil
	}
	if _, err := ParseCA(ca); err != nil {
		return nil, err
	}
	own := *c
	own.ca, own.trust = ca, sha256.Sum256([]byte(ca))
	return &own, nil
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
func (p *pool) of(t trust, ca string) (*http.Transport, error) {
	if ca == "" {
		return p.system, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byCA[t]; ok {
		p.recent.MoveToFront(e)
		return e.Value.(pooled).transport, nil
	}
	roots, err := p.roots(ca)
	if err != nil {
		return nil, err
	}
	made := p.transport(roots)
	p.byCA[t] = p.recent.PushFront(pooled{t, made})
	if oldest := p.recent.Back(); p.recent.Len() > maxTrusts {
		p.recent.Remove(oldest)
		gone := oldest.Value.(pooled)
		delete(p.byCA, gone.trust)
		gone.transport.CloseIdleConnections() // what is in use is closed when it becomes idle
	}
	return made, nil
}

func (p *pool) roots(ca string) (*x509.CertPool, error) {
	certs, err := ParseCA(ca)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any
	}
	if p.opts.TLS != nil && p.opts.TLS.RootCAs != nil {
		roots = p.opts.TLS.RootCAs.Clone()
	}
	for _, cert := range certs {
		roots.AddCert(cert)
	}
	return roots, nil
}

func (p *pool) close() {
	p.system.CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.recent.Front(); e != nil; e = e.Next() {
		e.Value.(pooled).transport.CloseIdleConnections()
	}
}
