package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// trouble puts itself before a server: it treats a request itself, or passes
// it on to next.
type trouble func(w http.ResponseWriter, r *http.Request, next http.Handler)

// proxy stands before Redmine. The first part of a path names a way through
// it ("/slow/issues.json"), and each way can have its own trouble.
type proxy struct {
	forward http.Handler
	ln      net.Listener
	srv     *http.Server

	mu   sync.Mutex
	ways map[string]trouble
}

// newProxy starts a proxy on a free port, or on the address it is given.
func newProxy(ctx context.Context, target, address string) (*proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &proxy{ln: ln, ways: map[string]trouble{}, forward: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Header.Del("Accept-Encoding") },
		// What cannot be passed on must look like nothing but that.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	p.srv = &http.Server{Handler: p, ReadHeaderTimeout: openTimeout}
	go func() { _ = p.srv.Serve(ln) }()
	return p, nil
}

// url is the address of a way.
func (p *proxy) url(way string) string { return "http://" + p.ln.Addr().String() + "/" + way }

// on sets the trouble of a way from now on.
func (p *proxy) on(way string, t trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ways[way] = t
}

// close refuses connections from now on and breaks those that are open.
func (p *proxy) close() error { return p.srv.Close() }

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	way, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	r.URL.Path, r.URL.RawPath = "/"+rest, ""
	p.mu.Lock()
	t := p.ways[way]
	p.mu.Unlock()
	if t == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	t(w, r, p.forward)
}

// creating narrows trouble down to the creates of one item's issue, and to
// the first of them unless times is 0.
func creating(name string, times int64, do trouble) trouble {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost || r.URL.Path != "/issues.json" {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !bytes.Contains(body, []byte(strconv.Quote(name))) || times > 0 && seen.Add(1) > times {
			next.ServeHTTP(w, r)
			return
		}
		do(w, r, next)
	}
}

// inTurn puts together troubles that are narrowed down to different items.
func inTurn(troubles ...trouble) trouble {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		for _, t := range troubles {
			inner := next
			next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t(w, r, inner) })
		}
		next.ServeHTTP(w, r)
	}
}

// answer answers in the server's place.
func answer(status int, retryAfter string) trouble {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

// page answers in the server's place with a web page.
func page(status int) trouble {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><head><title>Request blocked</title></head></html>")
	}
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body) // read whole, the server notices when the client goes
	<-r.Context().Done()
}

// after has the request carried out, and then treats the answer.
func after(do trouble) trouble {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		whole := r.WithContext(context.WithoutCancel(r.Context()))
		whole.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(httptest.NewRecorder(), whole)
		r.Body = http.NoBody
		do(w, r, next)
	}
}

// cut breaks the connection.
func cut(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// otherKey makes the key a wrong one.
func otherKey(w http.ResponseWriter, r *http.Request, next http.Handler) {
	r.Header.Set("X-Redmine-Api-Key", "0123456789abcdef0123456789abcdef01234567")
	next.ServeHTTP(w, r)
}

// renamed makes the server's answers name a thing in another way.
func renamed(from, to string) trouble {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			if k != "Content-Length" {
				w.Header()[k] = v
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(bytes.ReplaceAll(rec.Body.Bytes(), []byte(from), []byte(to)))
	}
}
