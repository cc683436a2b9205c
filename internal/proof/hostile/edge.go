package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// edge is one address for several simulators of Productboard, as the real one has
// one address for all workspaces: a call goes to its token's simulator.
type edge struct {
	url    string
	server *http.Server
	ended  chan error
}

// newEdge serves until close. by leads from an Authorization to a simulator's
// address; any other goes to rest.
func newEdge(ctx context.Context, rest string, by map[string]string) (*edge, error) {
	known := map[string]*url.URL{}
	for authorization, address := range by {
		to, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		known[authorization] = to
	}
	others, err := url.Parse(rest)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to := known[r.In.Header.Get("Authorization")]
		if to == nil {
			to = others
		}
		r.SetURL(to)
	}}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &edge{url: "http://" + ln.Addr().String(), server: &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}, ended: make(chan error, 1)}
	go func() { e.ended <- e.server.Serve(ln) }()
	return e, nil
}

func (e *edge) close() error {
	err := e.server.Close()
	if served := <-e.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
