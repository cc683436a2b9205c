package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// foreignPages is how many pages a proxy of somebody else can answer with.
const foreignPages = 4

// trackerProxy stands before the tracker. It counts requests by project, and
// answers for a while with pages that are not the tracker's.
type trackerProxy struct {
	URL string
	srv *http.Server

	mu      sync.Mutex
	calls   map[string]int
	foreign map[string]func(http.ResponseWriter)
}

func newTrackerProxy(ctx context.Context, target string) (*trackerProxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p := &trackerProxy{URL: "http://" + ln.Addr().String(), calls: map[string]int{}, foreign: map[string]func(http.ResponseWriter){}}
	p.srv = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page := p.note(r.URL.Path); page != nil {
			page(w)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = p.srv.Serve(ln) }()
	return p, nil
}

func (p *trackerProxy) close() error { return p.srv.Close() }

// note counts a request, and returns the page that it gets instead of an answer.
func (p *trackerProxy) note(path string) func(http.ResponseWriter) {
	_, rest, _ := strings.Cut(path, "/api/projects/")
	name, what, _ := strings.Cut(rest, "/")
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasPrefix(what, "issues") { // and not the project's webhooks
		p.calls[name]++
	}
	return p.foreign[name]
}

// requests is how many about issues a project has had.
func (p *trackerProxy) requests(project string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[project]
}

// strange has a project's requests answered by somebody else; nil ends it.
func (p *trackerProxy) strange(project string, page func(http.ResponseWriter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.foreign[project] = page
}

// foreignPage returns one of the pages that stand in a tracker's place.
func foreignPage(n int) func(http.ResponseWriter) {
	page := func(status int, kind, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	return []func(http.ResponseWriter){
		page(http.StatusNotFound, "text/html", "<html><h1>404 Not Found</h1><hr>nginx</html>"),
		page(http.StatusNotFound, "application/json", `{"message":"no Route matched with those values"}`),
		page(http.StatusOK, "text/html", "<html><form>Sign in</form></html>"),
		page(http.StatusGone, "text/html", "<html>This site has moved.</html>"),
	}[n%foreignPages]
}
