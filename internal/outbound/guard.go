package outbound

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// refused lists what a tenant's address must never lead to, beyond what
// netip.Addr itself calls private, loopback, link-local or multicast: the
// special-purpose registries of IANA for IPv4 and IPv6.
func refused() []netip.Prefix {
	ranges := []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	}
	out := make([]netip.Prefix, len(ranges))
	for i, r := range ranges {
		out[i] = netip.MustParsePrefix(r)
	}
	return out
}

// blockedError is the guard's refusal; it names the address family's reason
// for the log, not for people.
type blockedError struct{ addr, why string }

func (e *blockedError) Error() string {
	return fmt.Sprintf("egress to %s refused: %s (PLUGIN_OUTBOUND_ALLOW lists the exceptions)", e.addr, e.why)
}

type schemeKey struct{}

func withScheme(ctx context.Context, scheme string) context.Context {
	return context.WithValue(ctx, schemeKey{}, scheme)
}

// guard decides on the address that is really dialled, after the name was
// resolved: a name that changes between a check and its use gains nothing.
type guard struct {
	allow []netip.Prefix
	off   bool
}

func (g guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	if g.off {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &blockedError{addr: address, why: "not an IP address"}
	}
	scheme, _ := ctx.Value(schemeKey{}).(string)
	return g.check(ap.Addr().Unmap(), scheme)
}

func (g guard) check(addr netip.Addr, scheme string) error {
	addr = addr.WithZone("")
	for _, p := range g.allow {
		if p.Contains(addr) {
			return nil
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return &blockedError{addr: addr.String(), why: "not a public address"}
	}
	for _, p := range refused() {
		if p.Contains(addr) {
			return &blockedError{addr: addr.String(), why: "a reserved range"}
		}
	}
	if scheme != "https" {
		return &blockedError{addr: addr.String(), why: "plain http to a public address"}
	}
	return nil
}
