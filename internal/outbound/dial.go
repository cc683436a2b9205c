package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	// dialTimeout bounds finding a host's addresses and connecting to it.
	dialTimeout = 5 * time.Second
	// stagger is how long one address is tried before the next is tried as
	// well (RFC 8305, section 5).
	stagger = 250 * time.Millisecond
	// maxTries bounds the addresses of one host that are tried.
	maxTries = 8
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialer connects to hosts. It finds the addresses, has the guard check every
// one, and dials exactly those, so that a name that changes meanwhile gains
// nothing.
type dialer struct {
	guard guard
	proxy *Proxy
	// tls authenticates a proxy that is reached by TLS: by the system's
	// authorities, never by a tenant's.
	tls *tls.Config
	// direct dials peers, toProxy the proxy, whose address is the operator's.
	direct, toProxy dialFunc
}

func newDialer(opts Options) *dialer {
	g := newGuard(opts)
	plain := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	guarded := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: g.control}
	return &dialer{guard: g, proxy: opts.Proxy, tls: tlsConfig(opts), direct: guarded.DialContext, toProxy: plain.DialContext}
}

// dial is the transport's DialContext.
func (d *dialer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address to dial: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no connection within %s: %w", dialTimeout, context.DeadlineExceeded))
	defer cancel()
	addrs, proxied, err := d.route(ctx, host, schemeOf(ctx))
	var conn net.Conn
	switch {
	case err != nil:
	case proxied:
		conn, err = d.proxy.connect(ctx, d.toProxy, d.tls, net.JoinHostPort(host, port))
	default:
		conn, err = d.dialAny(ctx, addrs, port)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.As(err, new(*blockedError)) && !errors.As(err, new(*proxyError)) {
			return nil, cause
		}
		return nil, err
	}
	return conn, nil
}

// route returns how to reach a host: by these addresses, or through the proxy.
// Plain http and addresses that the operator allows are reached directly. A
// proxy gets the name, after all of its addresses were checked here. An unguarded
// host is not checked, and the proxy may know more names than this machine.
func (d *dialer) route(ctx context.Context, host, scheme string) (addrs []netip.Addr, proxied bool, err error) {
	addrs, err = d.guard.resolve(ctx, host)
	proxied = d.proxy != nil && scheme == "https" && !d.allAllowed(addrs)
	if proxied && d.guard.off {
		return nil, true, nil
	}
	if err == nil {
		err = d.guard.checkAll(addrs, scheme)
	}
	return addrs, proxied && err == nil, err
}

func (d *dialer) allAllowed(addrs []netip.Addr) bool {
	for _, a := range addrs {
		if !d.guard.allowed(a) {
			return false
		}
	}
	return len(addrs) > 0
}

// dialResult is the outcome of one try.
type dialResult struct {
	conn net.Conn
	err  error
}

// dialAny connects to one of a host's addresses. Each gets a head start on the
// next, so that a broken IPv6 costs a moment and not the whole time.
func (d *dialer) dialAny(ctx context.Context, addrs []netip.Addr, port string) (net.Conn, error) {
	addrs = alternate(addrs)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialResult)
	try := func(addr netip.Addr) {
		conn, err := d.direct(ctx, "tcp", net.JoinHostPort(addr.String(), port))
		select {
		case results <- dialResult{conn, err}:
		case <-ctx.Done(): // another was faster
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	var errs []error
	begun := 0
	next := time.NewTimer(0)
	defer next.Stop()
	for len(errs) < len(addrs) {
		select {
		case <-next.C:
			if begun < len(addrs) {
				go try(addrs[begun])
				begun++
				next.Reset(stagger)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			errs = append(errs, r.err)
			next.Reset(0)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, errors.Join(errs...)
}

// alternate orders addresses so that their families alternate, beginning with
// the one that the resolver prefers.
func alternate(addrs []netip.Addr) []netip.Addr {
	var same, other []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			same = append(same, a)
		} else {
			other = append(other, a)
		}
	}
	out := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(same), len(other)) {
		if i < len(same) {
			out = append(out, same[i])
		}
		if i < len(other) {
			out = append(out, other[i])
		}
	}
	return out[:min(len(out), maxTries)]
}
