package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// OnlyHosts serves requests to addresses, to names of this machine (localhost)
// and to the given names, and refuses all others. Otherwise a web page whose name
// is made to lead here (DNS rebinding) could send requests through the browser
// that shows it.
func OnlyHosts(next http.Handler, names ...string) http.Handler {
	known := map[string]bool{"localhost": true}
	for _, name := range names {
		if name = plainHost(name); name != "" { // ":8080" names nobody
			known[name] = true
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := plainHost(r.Host)
		if _, err := netip.ParseAddr(host); err != nil && !known[host] && !strings.HasSuffix(host, ".localhost") {
			http.Error(w, "This is for localhost, an address, or the name that it was told to listen on (--listen).", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// plainHost returns a host without its port, in the form that is compared.
func plainHost(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
