package outbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// maxAddresses bounds the addresses of one name.
const maxAddresses = 64

// specialRanges lists what a tenant's address must never lead to, beyond what
// netip.Addr itself calls private, loopback, link-local or multicast. These are
// the special-purpose registries of IANA (RFC 6890 and its successors) and
// Azure's metadata service, the only one with a public address. Of IPv6 only the
// ranges within 2000::/3 need a line; see public.
func specialRanges() []netip.Prefix {
	return prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func prefixes(ranges ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(ranges))
	for i, r := range ranges {
		out[i] = netip.MustParsePrefix(r)
	}
	return out
}

// carrier is a range of IPv6 addresses that lead to the IPv4 address in them.
type carrier struct {
	prefix netip.Prefix
	at     int  // of the IPv4 address, in bytes
	xor    byte // its bytes are hidden with this
	// alone is set where the network turns it into plain IPv4: then only the inner
	// address counts.
	alone bool
}

func carriers() []carrier {
	p := netip.MustParsePrefix
	return []carrier{
		{prefix: p("64:ff9b::/96"), at: 12, alone: true}, // NAT64, RFC 6052
		{prefix: p("64:ff9b:1::/48"), at: 12},            // NAT64 of a site, RFC 8215
		{prefix: p("::/96"), at: 12},                     // IPv4-compatible, RFC 4291
		{prefix: p("::ffff:0:0:0/96"), at: 12},           // IPv4-translated, RFC 2765
		{prefix: p("2002::/16"), at: 2},                  // 6to4, RFC 3056
		{prefix: p("2001::/32"), at: 4},                  // Teredo's server, RFC 4380
		{prefix: p("2001::/32"), at: 12, xor: 0xff},      // Teredo's client
	}
}

// blockedError is the guard's refusal. It has the address and the reason for the
// log, and a sentence for people that does not disclose the address that a name
// in the operator's network resolves to.
type blockedError struct{ addr, why, public string }

func (e *blockedError) Error() string {
	return fmt.Sprintf("egress to %s refused: %s (PLUGIN_OUTBOUND_ALLOW lists the exceptions)", e.addr, e.why)
}

const (
	publicPrivate = "The address is in a private network that this plugin may not reach."
	publicPlain   = "The address must start with https://: plain http is for private networks that the plugin's operator allows."
)

// Resolver finds the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// guard decides which addresses may be reached.
type guard struct {
	allow    []netip.Prefix
	off      bool
	resolver Resolver
	special  []netip.Prefix
	carriers []carrier
}

func newGuard(opts Options) guard {
	g := guard{allow: opts.Allow, off: opts.Unguarded, resolver: opts.Resolver, special: specialRanges(), carriers: carriers()}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	return g
}

// resolve returns every address of a host that is in its canonical form.
func (g guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	addrs, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 || len(addrs) > maxAddresses {
		return nil, &net.DNSError{Err: fmt.Sprintf("%d addresses", len(addrs)), Name: host, IsNotFound: len(addrs) == 0}
	}
	return addrs, nil
}

// checkAll refuses a host if one of its addresses may not be reached. Which one
// is dialled is chance, and a check must mean the same as a request.
func (g guard) checkAll(addrs []netip.Addr, scheme string) error {
	for _, addr := range addrs {
		if err := g.check(addr, scheme); err != nil {
			return err
		}
	}
	return nil
}

// check checks one address. An IPv4 address that an IPv6 address leads to counts
// as if it had been given.
func (g guard) check(addr netip.Addr, scheme string) error {
	if g.off {
		return nil
	}
	addr = addr.WithZone("").Unmap()
	for _, inner := range g.within(addr) {
		if err := g.judge(inner.addr, scheme); err != nil || inner.alone {
			return err
		}
	}
	return g.judge(addr, scheme)
}

func (g guard) judge(addr netip.Addr, scheme string) error {
	switch {
	case g.allowed(addr):
		return nil
	case !g.public(addr):
		return &blockedError{addr: addr.String(), why: "not a public address", public: publicPrivate}
	case scheme != "https":
		return &blockedError{addr: addr.String(), why: "plain http to a public address", public: publicPlain}
	}
	return nil
}

func (g guard) allowed(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// public reports whether an address belongs to the public internet. IANA assigns
// IPv6 addresses only from 2000::/3.
func (g guard) public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	if first := addr.As16()[0]; addr.Is6() && first&0xe0 != 0x20 {
		return false
	}
	return !slices.ContainsFunc(g.special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// innerAddr is an IPv4 address that an IPv6 address leads to.
type innerAddr struct {
	addr  netip.Addr
	alone bool
}

// within lists the IPv4 addresses that an IPv6 address leads to.
func (g guard) within(addr netip.Addr) []innerAddr {
	if !addr.Is6() || addr.IsLoopback() || addr.IsUnspecified() {
		return nil
	}
	raw := addr.As16()
	at := func(i int, xor byte) netip.Addr {
		return netip.AddrFrom4([4]byte{raw[i] ^ xor, raw[i+1] ^ xor, raw[i+2] ^ xor, raw[i+3] ^ xor})
	}
	var out []innerAddr
	for _, c := range g.carriers {
		if c.prefix.Contains(addr) {
			out = append(out, innerAddr{at(c.at, c.xor), c.alone})
		}
	}
	// ISATAP (RFC 5214) has no range of its own: any network may hold it.
	if raw[8]&^0x02 == 0 && raw[9] == 0 && raw[10] == 0x5e && raw[11] == 0xfe {
		out = append(out, innerAddr{addr: at(12, 0)})
	}
	return out
}

type schemeKey struct{}

func withScheme(ctx context.Context, scheme string) context.Context {
	return context.WithValue(ctx, schemeKey{}, scheme)
}

func schemeOf(ctx context.Context) string {
	scheme, _ := ctx.Value(schemeKey{}).(string)
	return scheme
}

// control checks the socket itself, as the last step: no address is dialled that
// check refuses, whatever led to it.
func (g guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &blockedError{addr: address, why: "not an IP address", public: publicPrivate}
	}
	return g.check(ap.Addr(), schemeOf(ctx))
}
