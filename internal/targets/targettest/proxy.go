package targettest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands before a tracker and misbehaves as told.
type Proxy struct {
	URL string
	// Struck gets a value whenever a behaviour has reached its point: the
	// request was passed on if it was to be, and no answer was given yet.
	Struck chan struct{}

	forward *httputil.ReverseProxy
	mu      sync.Mutex
	match   func(*http.Request) bool
	do      Behaviour
	hits    int
}

// Behaviour is how a matched request is treated.
type Behaviour struct {
	// Pass sends the request on first; the tracker's answer is thrown away, or
	// written as Change does, which leaves its status and header.
	Pass   bool
	Change func(w io.Writer, body []byte)
	// Cut closes the connection without an answer; Hold keeps it open, without
	// an answer, until the client has gone. With neither, Status, Header and
	// Body are the answer.
	Cut, Hold bool
	Status    int
	Header    http.Header
	// Body makes the answer's body; nil for an empty one.
	Body func(*http.Request) string
}

// NewProxy starts a proxy that passes everything on.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Struck: make(chan struct{}, 1), forward: &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// On applies a behaviour to matching requests from now on.
func (p *Proxy) On(match func(*http.Request) bool, do Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.do, p.hits = match, do, 0
}

// OnNext applies a behaviour to the next matching request alone.
func (p *Proxy) OnNext(match func(*http.Request) bool, do Behaviour) {
	once := first()
	p.On(func(r *http.Request) bool { return match(r) && once(r) }, do)
}

// Off passes everything on again.
func (p *Proxy) Off() { p.On(nil, Behaviour{}) }

// Hits counts the requests that matched since On.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	hit := p.match != nil && p.match(r)
	do := p.do
	if hit {
		p.hits++
	}
	p.mu.Unlock()
	if !hit {
		p.forward.ServeHTTP(w, r)
		return
	}
	own := httptest.NewRecorder()
	if do.Pass {
		if do.Change != nil {
			r.Header.Set("Accept-Encoding", "identity")
		}
		p.forward.ServeHTTP(own, r.WithContext(context.WithoutCancel(r.Context())))
	} else {
		// Read whole, the server notices when the client goes.
		_, _ = io.Copy(io.Discard, r.Body)
	}
	select {
	case p.Struck <- struct{}{}:
	default: // nobody listens
	}
	switch {
	case do.Cut:
		panic(http.ErrAbortHandler)
	case do.Hold:
		<-r.Context().Done()
		return
	}
	if do.Change != nil {
		maps.Copy(w.Header(), own.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(own.Code)
		do.Change(w, own.Body.Bytes())
		return
	}
	maps.Copy(w.Header(), do.Header)
	w.WriteHeader(do.Status)
	if do.Body != nil {
		_, _ = io.WriteString(w, do.Body(r))
	}
}

// Any matches every request.
func Any(*http.Request) bool { return true }

// Reads matches GET requests.
func Reads(r *http.Request) bool { return r.Method == http.MethodGet }
