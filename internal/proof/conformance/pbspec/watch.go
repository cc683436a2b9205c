package pbspec

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Watch looks at every exchange that passes through its handlers and changes
// none of them. It is safe for concurrent use.
type Watch struct {
	spec *Spec

	mu         sync.Mutex
	violations []error
	seen       map[string]map[int]bool
}

// Watch starts a watch that has seen nothing.
func (s *Spec) Watch() *Watch {
	return &Watch{spec: s, seen: map[string]map[int]bool{}}
}

// API watches a server of Productboard's API.
func (w *Watch) API(next http.Handler) http.Handler { return w.handler(w.spec.api, next) }

// Callbacks watches a plugin's action endpoint.
func (w *Watch) Callbacks(next http.Handler) http.Handler { return w.handler(w.spec.callback, next) }

// Violations returns what was not as published, in the order it was seen.
func (w *Watch) Violations() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// Seen returns the statuses that each operation was answered with, by the
// operation's id. 0 stands for a connection that was broken.
func (w *Watch) Seen() map[string][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string][]int{}
	for op, statuses := range w.seen {
		out[op] = slices.Sorted(maps.Keys(statuses))
	}
	return out
}

func (w *Watch) handler(find func(*http.Request) (route, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // whoever called is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rt, err := find(r)
		if err != nil {
			w.violation("", err)
			next.ServeHTTP(rw, r)
			return
		}
		copied := r.Clone(r.Context())
		copied.Body = io.NopCloser(bytes.NewReader(body))
		in := rt.input(copied)
		if err := rt.checkRequest(r.Context(), in); err != nil {
			w.violation(rt.Operation.OperationID+" request", err)
		}

		rec := &recorder{header: rw.Header(), status: http.StatusOK}
		whole := false
		defer func() {
			if !whole {
				w.saw(rt.Operation.OperationID, 0) // the panic goes on to the server
			}
		}()
		next.ServeHTTP(rec, r)
		whole = true
		w.saw(rt.Operation.OperationID, rec.status)
		if !gateway(rec.status) {
			if err := rt.checkReply(r.Context(), in, rec.status, rw.Header(), rec.body.Bytes()); err != nil {
				w.violation(fmt.Sprintf("%s reply %d", rt.Operation.OperationID, rec.status), err)
			}
		}
		rw.WriteHeader(rec.status)
		_, _ = rw.Write(rec.body.Bytes())
	})
}

// gateway reports whether a status comes from a server in front of Productboard,
// which knows nothing of what Productboard publishes.
func gateway(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

func (w *Watch) violation(where string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Errorf("%s: %w", where, err))
}

func (w *Watch) saw(op string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[op] == nil {
		w.seen[op] = map[int]bool{}
	}
	w.seen[op][status] = true
}

// recorder keeps a reply until it was looked at.
type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.wrote = true
	return r.body.Write(p)
}
