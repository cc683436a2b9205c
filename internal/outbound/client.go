// Package outbound is the one way out: every HTTP request that the plugin makes,
// to Productboard or to a tracker, goes through its Client. It bounds time and
// size, and refuses addresses that the egress rules do not allow. It never
// follows a redirect, never retries, and keeps secrets out of errors. For every
// failure it reports the kind, and whether the request may have been carried out
// all the same.
//
// What must not live here: what a particular peer's replies mean. A peer's room
// refines the classification through Call.Refine.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"pushbutton/internal/fault"
)

// Limits that hold unless Options or a Call says otherwise.
const (
	// DefaultTimeout bounds one call, connection and body included.
	DefaultTimeout = 20 * time.Second
	// maxHeader bounds a reply's header in bytes.
	maxHeader   = 256 << 10
	maxIdle     = 1024
	perHostIdle = 32
)

// Options sets up a Client. The zero value is usable: guarded, with the
// default limits.
type Options struct {
	// Allow lists address ranges that may be reached although they are
	// private, and by plain http.
	Allow []netip.Prefix
	// Unguarded switches the egress rules off. It is meant for a base address
	// that the operator configured (Productboard's), never for a tenant's.
	Unguarded bool
	// UserAgent is sent with every request.
	UserAgent string
	// Timeout bounds one call; DefaultTimeout if zero.
	Timeout time.Duration
	// Observe, if set, is called for every call when it has ended.
	Observe func(Observation)
	// Proxy, if set, is the proxy for public addresses.
	Proxy *Proxy
	// TLS is used instead of the defaults (tests).
	TLS *tls.Config
	// Resolver finds the addresses of names; nil is the system's.
	Resolver Resolver
}

// Observation is one finished call, for metrics and the log: no address, no
// header, no body.
type Observation struct {
	Op       string
	Method   string
	Host     string
	Status   int // 0: no reply
	Duration time.Duration
	Err      error
}

// Client sends calls. It is safe for concurrent use.
type Client struct {
	pool *pool
	opts Options
	// authorities are trusted beside the system's; trust is their digest.
	authorities []*x509.Certificate
	trust       trust
}

// New returns a Client with its own connection pool. A nil *Options means all
// zero values.
func New(o *Options) *Client {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	return &Client{opts: opts, pool: newPool(opts)}
}

// Close drops idle connections.
func (c *Client) Close() { c.pool.close() }

// CheckAddress returns an error if an address could not be called now, by the
// rules for every call. It sends nothing: it is for settings that are about to
// be saved. The error is a *fault.Error: Invalid for an address that is none or
// whose host does not exist, Blocked for one that may not be reached, and
// Unavailable or Timeout if names cannot be looked up at the moment.
func (c *Client) CheckAddress(ctx context.Context, address string) error {
	const op = "check address"
	u, ferr := parseAddress(address)
	if ferr != nil {
		ferr.Op = op
		return ferr
	}
	if c.opts.Unguarded {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no address of the host within %s: %w", dialTimeout, context.DeadlineExceeded))
	defer cancel()
	_, _, err := c.pool.dialer.route(ctx, u.Hostname(), u.Scheme)
	if err == nil {
		return nil
	}
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return &fault.Error{Op: op, Kind: fault.Invalid, Err: err, Public: "There is no host of the address' name."}
	}
	return transportFault(ctx, op, err, false)
}

// Call is one request.
type Call struct {
	// Op names the operation, for errors, metrics and the log.
	Op     string
	Method string
	URL    string
	Header http.Header
	Body   []byte
	// Timeout bounds this call; the client's if zero.
	Timeout time.Duration
	// Bound is the largest reply that counts as a success; One if zero. A larger
	// one is an error, except for a call without a Bound and without Into: that
	// does not need the whole body.
	Bound Bound
	// Refine may replace the classification of a reply. It gets every reply, even
	// a 2xx (some peers answer 200 and mean an error), with the default verdict,
	// which is nil for success. It returns the final one.
	Refine func(Reply, *fault.Error) *fault.Error
	// Into, if set, is where the body of a success is decoded to, as JSON.
	Into any
}

// Reply is the answer to a Call.
type Reply struct {
	Status int
	Header http.Header
	// Body is cut where nobody needs the whole of it. A refusal's is cut at 64 KiB
	// and 4,000 values; that of a call without a Bound and without Into at the
	// bound of One.
	Body []byte
}

// Send sends a call and reads the reply. An error is always a *fault.Error;
// the reply is returned beside it where there was one.
func (c *Client) Send(ctx context.Context, call Call) (Reply, error) {
	start := time.Now()
	reply, ferr := c.send(ctx, call)
	var err error
	if ferr != nil {
		if ferr.Op == "" {
			ferr.Op = call.Op
		}
		err = ferr
	}
	if c.opts.Observe != nil {
		host := ""
		if u, perr := url.Parse(call.URL); perr == nil {
			host = u.Host
		}
		c.opts.Observe(Observation{Op: call.Op, Method: call.Method, Host: host, Status: reply.Status, Duration: time.Since(start), Err: err})
	}
	return reply, err
}

func (c *Client) send(ctx context.Context, call Call) (Reply, *fault.Error) {
	timeout := call.Timeout
	if timeout <= 0 {
		timeout = c.opts.Timeout
	}
	// The cause distinguishes our own limit for this call from the caller's.
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()

	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, ferr := c.request(ctx, call)
	if ferr != nil {
		return Reply{}, ferr
	}
	if err := checkFence(ctx); err != nil {
		return Reply{}, fault.Wrap(fault.Canceled, call.Op, err)
	}
	resp, err := c.pool.of(c.trust, c.authorities).RoundTrip(req)
	if err != nil {
		return Reply{}, transportFault(ctx, call.Op, err, connected.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	return c.receive(ctx, call, resp)
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, *fault.Error) {
	u, ferr := parseAddress(call.URL)
	if ferr != nil {
		return nil, ferr
	}
	req, err := http.NewRequestWithContext(withScheme(ctx, u.Scheme), call.Method, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return nil, &fault.Error{Op: call.Op, Kind: fault.Invalid, Err: errors.New("the request cannot be built")}
	}
	req.URL.Host, req.Host = u.Host, u.Host
	maps.Copy(req.Header, call.Header)
	if c.opts.UserAgent != "" {
		req.Header.Set("User-Agent", c.opts.UserAgent)
	}
	if len(call.Body) > 0 {
		// The length stands in the header, so that a request whose body is held
		// back is not carried out.
		req.GetBody = func() (io.ReadCloser, error) { return &fencedBody{ctx: ctx, rest: bytes.NewReader(call.Body)}, nil }
		req.Body, _ = req.GetBody()
	}
	return req, nil
}

// fencedBody checks the fence once more before its first byte is sent: a process
// may have been frozen while it connected.
type fencedBody struct {
	ctx   context.Context
	rest  *bytes.Reader
	begun bool
}

func (b *fencedBody) Read(p []byte) (int, error) {
	if !b.begun {
		if err := checkFence(b.ctx); err != nil {
			return 0, err
		}
		b.begun = true
	}
	return b.rest.Read(p)
}

func (b *fencedBody) Close() error { return nil }

type fenceKey struct{}

// WithFence makes every call under the context run a check first, and send
// nothing if that returns an error. A worker checks whether its lease is still
// its own, so that a process that was frozen for a while does not repeat a
// request of another process.
func WithFence(ctx context.Context, fence func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, fence)
}

func checkFence(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if fence, ok := ctx.Value(fenceKey{}).(func() error); ok {
		return fence()
	}
	return nil
}

// transportFault classifies a call without a whole reply. Before there was a
// connection, the request cannot have been carried out; afterwards it can.
func transportFault(ctx context.Context, op string, err error, connected bool) *fault.Error {
	if blocked, ok := errors.AsType[*blockedError](err); ok {
		return &fault.Error{Op: op, Kind: fault.Blocked, Err: blocked, Public: blocked.public}
	}
	if ferr := proxyFault(op, err); ferr != nil {
		return ferr
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault.Error{Op: op, Kind: fault.Unavailable, Err: untrusted, Public: publicCertificate(untrusted)}
	}
	kind := fault.Unavailable
	if cause := context.Cause(ctx); cause != nil {
		err = cause
		if errors.Is(ctx.Err(), context.Canceled) {
			kind = fault.Canceled // whatever the cause is made of
		}
	}
	var nerr net.Error
	if errors.As(err, &nerr) && nerr.Timeout() {
		kind = fault.Timeout
	}
	ferr := fault.Wrap(kind, op, err)
	ferr.Unsure = connected
	return ferr
}

// publicCertificate returns the sentence about a server's certificate. Waiting
// does not help, so people have to know what is wrong.
func publicCertificate(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "The server's certificate is signed by an authority that is not known here. Ask your admin to add the authority's certificate to the tenant's."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "The server's certificate has expired, or is not valid yet. Tell the people who run the server."
	case errors.As(err, new(x509.HostnameError)):
		return "The server's certificate is for another name than the address has. Ask your admin to check the address."
	}
	return "The server's certificate is not valid. Tell the people who run the server."
}

// proxyFault classifies a failure of the operator's proxy, which reached no peer.
// It returns nil for any other failure. Proxies answer 403 for addresses that
// their rules do not allow.
func proxyFault(op string, err error) *fault.Error {
	var perr *proxyError
	if !errors.As(err, &perr) {
		return nil
	}
	ferr := &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.SidePlugin, Err: perr,
		Public: "The proxy through which this plugin reaches out refuses or does not answer. Tell the plugin's operator."}
	if perr.status == http.StatusForbidden {
		ferr.Kind = fault.Blocked
		ferr.Public = "The proxy through which this plugin reaches out does not allow the address."
	}
	return ferr
}
