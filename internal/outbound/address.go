package outbound

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"pushbutton/internal/fault"
)

// parseAddress reads the address of a request. Its host becomes canonical here,
// once for all code that reads it: Go's HTTP/1 and HTTP/2 treat names that are
// not ASCII differently, and loop over them. An address that it refuses is
// fault.Invalid, with a sentence for people.
func parseAddress(raw string) (*url.URL, *fault.Error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, &fault.Error{Kind: fault.Invalid, Public: "The address is not a valid http or https URL."}
	case u.User != nil:
		return nil, &fault.Error{Kind: fault.Invalid, Public: "The address must not hold a user name or password."}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, &fault.Error{Kind: fault.Invalid, Public: "The address has no port between 1 and 65535."}
		}
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Err: err, Public: "The address names no host that can exist: " + err.Error() + "."}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u, nil
}

// canonicalHost returns the one form of a host that is looked up: an IP address
// as it is usually written, a name in lower case and punycode without a trailing
// dot. It refuses numbers in any other form (2130706433, 0x7f.1, 0177.0.0.1), as
// the URL standard does for hosts that end in a number: what they mean depends
// on the resolver.
func canonicalHost(host string) (string, error) {
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", errors.New("the name is not valid")
		}
		host = ascii
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits, hex := strings.CutPrefix(last, "0x")
	if last == "" || strings.Trim(last, "0123456789") == "" || (hex && strings.Trim(digits, "0123456789abcdef") == "") {
		return "", errors.New("it is a number that is no IP address in its usual form")
	}
	return host, nil
}
