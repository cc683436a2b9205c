package vendors

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Spec is an API that a vendor publishes.
type Spec interface {
	// Request holds a request against it, and returns what it is called and what
	// will hold the reply against it.
	Request(r *http.Request, body []byte) (op string, reply Reply, err error)
}

// Reply holds a reply against what was published for its request.
type Reply func(status int, h http.Header, body []byte) error

// maxViolations bounds what is kept: the first say what is wrong.
const maxViolations = 20

// Watch looks at every exchange with a server and changes none.
type Watch struct {
	spec Spec

	mu         sync.Mutex
	violations []error
	seen       map[string]int
}

// NewWatch starts a watch that has seen nothing.
func NewWatch(spec Spec) *Watch { return &Watch{spec: spec, seen: map[string]int{}} }

// Front starts a server that passes everything on to address, and returns its
// address. It is targettest.Harness.Watch. What is not as published fails t.
func (w *Watch) Front(t *testing.T, address string) string {
	t.Helper()
	handler, err := w.Handler(address)
	if err != nil {
		t.Fatalf("watch %s: %v", address, err)
	}
	front := httptest.NewServer(handler)
	t.Cleanup(func() {
		front.Close()
		for _, v := range w.take() {
			t.Errorf("not as published: %v", v)
		}
	})
	return front.URL
}

// Seen counts the exchanges of each operation.
func (w *Watch) Seen() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

// Violations returns what was not as published and has failed no test yet.
func (w *Watch) Violations() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

func (w *Watch) take() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.violations
	w.violations = nil
	return out
}

func (w *Watch) violation(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, err)
	}
}

// Handler passes everything on to address.
func (w *Watch) Handler(address string) (http.Handler, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	type replyKey struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the fake writes addresses of its own
		},
		ModifyResponse: func(resp *http.Response) error {
			check, _ := resp.Request.Context().Value(replyKey{}).(func(*http.Response) error)
			if check == nil {
				return nil
			}
			return check(resp)
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // a broken connection stays one
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // whoever called is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		copied := r.Clone(r.Context())
		copied.Body = io.NopCloser(bytes.NewReader(body))
		op, reply, err := w.spec.Request(copied, body)
		if err != nil {
			w.violation(fmt.Errorf("request %s %s %s: %w", r.Method, r.URL.Path, op, err))
		}
		w.mu.Lock()
		w.seen[op]++
		w.mu.Unlock()
		if reply != nil {
			r = r.WithContext(context.WithValue(r.Context(), replyKey{}, func(resp *http.Response) error {
				raw, err := io.ReadAll(resp.Body)
				if err != nil {
					return err
				}
				resp.Body = io.NopCloser(bytes.NewReader(raw))
				if err := reply(resp.StatusCode, resp.Header, raw); err != nil {
					w.violation(fmt.Errorf("reply %d to %s %s %s: %w", resp.StatusCode, r.Method, r.URL.Path, op, err))
				}
				return nil
			}))
		}
		proxy.ServeHTTP(rw, r)
	}), nil
}
