package targets

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Recipients gives, for each credential that this target sends somewhere where
// another one does not, the first such address: a scheme, host or port that
// the other's settings do not lead that credential to. Who moves a credential
// there has to know it. A nil other sends nothing.
func (t *Target) Recipients(other *Target) map[string]Address {
	known := map[string]bool{}
	if other != nil {
		for _, name := range other.opts.credentials {
			for _, a := range other.sends(name) {
				known[name+" "+origin(a.URL)] = true
			}
		}
	}
	out := map[string]Address{}
	for _, name := range t.opts.credentials {
		for _, a := range t.sends(name) {
			if _, told := out[name]; !told && !known[name+" "+origin(a.URL)] {
				out[name] = a
			}
		}
	}
	return out
}

// sends lists the addresses that a credential may be sent to.
func (t *Target) sends(credential string) []Address {
	out := slices.Clone(t.opts.reached)
	if more, ok := Ability[Addressed](t.driver); ok {
		for _, a := range more.Addresses() {
			if a.Credentials == nil || slices.Contains(a.Credentials, credential) {
				out = append(out, a)
			}
		}
	}
	return out
}

// Origin is an address' scheme, host and port in the one way to write them;
// an address that cannot be read is its own.
func (a Address) Origin() string { return origin(a.URL) }

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}
