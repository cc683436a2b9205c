package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tracker is the hostile tenant's: it answers well until it is told to answer
// as the grammar of a seed says.
type tracker struct {
	url     string
	server  *http.Server
	made    atomic.Int64
	hostile atomic.Bool

	mu   sync.Mutex
	rand *rand.Rand
}

func newTracker(ctx context.Context, seed uint64) (*tracker, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tracker{url: "http://" + ln.Addr().String(), rand: rand.New(rand.NewPCG(seed, 0x7ac))}
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.server.Serve(ln) }()
	return t, nil
}

func (t *tracker) close() error { return t.server.Close() }

// ServeHTTP answers every request alike: with an issue, or with what a tracker
// should not send.
func (t *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 64<<20))
	if !t.hostile.Load() {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"%d","title":"made","state":"open"}`, t.made.Add(1))
		return
	}
	t.mu.Lock()
	answer := t.answer()
	t.mu.Unlock()
	answer(w)
}

// answer is one that the seed makes up.
func (t *tracker) answer() func(w http.ResponseWriter) {
	r := t.rand
	status := pick(r, 200, 200, 200, 201, 201, 201, 201, pick(r, 400, 403, 404, 409, 422, 429, 500, 503))
	text := t.text()
	switch r.IntN(20) {
	case 0:
		return func(w http.ResponseWriter) { packed(w, status, "application/json", text) }
	case 1:
		return func(w http.ResponseWriter) { packed(w, status, "text/html", text) }
	case 2: // twice
		return func(w http.ResponseWriter) { packed(w, status, "application/json", packedTwice(text)) }
	case 3: // drips until the client has had enough
		return func(w http.ResponseWriter) { drip(w) }
	case 4: // a header as long as Go's client takes
		return func(w http.ResponseWriter) {
			w.Header().Set("X-Request-Id", strings.Repeat("\x1b[31m"[1:], 100_000))
			w.WriteHeader(status)
		}
	case 5:
		return func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
			w.WriteHeader(302)
		}
	default:
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write(text)
		}
	}
}

// text is a body: many values, deep ones, or few that are long.
func (t *tracker) text() []byte {
	r := t.rand
	n := pick(r, 10, 1000, 200_000, 1_400_000, 1_400_000)
	long := strings.Repeat(pick(r, "x", `\u001b[31m`, `\u202e`, "é", `\u0000`), pick(r, 300, 20_000, 650_000))
	switch r.IntN(12) {
	case 0:
		return []byte("[" + strings.Repeat("{},", n) + "{}]")
	case 1:
		return []byte(`{"id":"7","issues":[` + strings.Repeat("{},", n) + "{}]}")
	case 2:
		return []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
	case 3:
		return []byte(strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n))
	case 4:
		return []byte(`{"id":"7","title":"` + long + `","state":"` + long + `"}`)
	case 5:
		return []byte(`{"id":"` + long + `"}`)
	case 6:
		return []byte(`{"error":{"message":"` + long + `"}}`)
	case 7:
		return []byte(`{"id":"7","url":"https://user:password@tracker.example/` + long + `","title":"` + long + `"}`)
	case 8, 9, 10:
		return []byte(`{"id":"7","title":"x","labels":[` + strings.Repeat("{},", n) + `{}]}`)
	default:
		return bytes.Repeat([]byte{byte(r.IntN(256)), byte(r.IntN(256)), '{'}, n)
	}
}

func packed(w http.ResponseWriter, status int, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, _ = z.Write(text)
	_ = z.Close()
}

func packedTwice(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Bytes()
}

// drip writes a byte now and then. It ends with the connection, and after 20 s.
func drip(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 200 {
		<-tick.C
		if _, err := io.WriteString(w, " "); err != nil || c.Flush() != nil {
			return
		}
	}
}

// pick is one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
