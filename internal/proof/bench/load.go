package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// parallel is how many requests are under way at once in a closed loop,
// and the most there can be in an open one.
const parallel = 64

// contestant is a handler on loopback that acknowledges.
type contestant struct {
	url    string
	next   func() (body []byte, header http.Header)
	client *http.Client
	server *http.Server // nil where another process serves
	other  int          // id of that process
	done   []func()
}

func serve(handler http.Handler, path string) (*contestant, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // ends with close
	if err != nil {
		return nil, err
	}
	c := against("http://" + ln.Addr().String() + path)
	c.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	go func() { _ = c.server.Serve(ln) }()
	return c, nil
}

// against is a contestant at an address; it is clicked as ours is.
func against(url string) *contestant {
	return &contestant{url: url,
		next:   func() ([]byte, http.Header) { return notification(), headers() },
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: parallel, MaxConnsPerHost: parallel}}}
}

func (c *contestant) close() {
	if c.server != nil {
		_ = c.server.Close()
	}
	c.client.CloseIdleConnections()
	for _, f := range c.done {
		f()
	}
}

// call sends one request and reports whether it was acknowledged.
func (c *contestant) call(ctx context.Context) bool {
	body, header := c.next()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, newReader(body))
	if err != nil {
		return false
	}
	req.Header = header
	resp, err := c.client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// outcome is the result of one round; latencies are in milliseconds.
type outcome struct {
	latencies []float64
	failed    int64
	took      time.Duration
}

func (o outcome) perSecond() float64 { return float64(len(o.latencies)) / o.took.Seconds() }

func (o outcome) quantile(q float64) float64 {
	if len(o.latencies) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(o.latencies))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func closedLoop(ctx context.Context, c *contestant, d time.Duration) outcome {
	var out outcome
	var mu sync.Mutex
	var group sync.WaitGroup
	start := time.Now()
	for range parallel {
		group.Go(func() {
			var mine []float64
			for time.Since(start) < d && ctx.Err() == nil {
				sent := time.Now()
				if !c.call(ctx) {
					atomic.AddInt64(&out.failed, 1)
					continue
				}
				mine = append(mine, ms(time.Since(sent)))
			}
			mu.Lock()
			out.latencies = append(out.latencies, mine...)
			mu.Unlock()
		})
	}
	group.Wait()
	out.took = time.Since(start)
	return out
}

// openLoop sends at a fixed rate whatever the answers do; a request's latency
// begins when it was due, so that a slow answer is not hidden by requests that
// were never sent (coordinated omission).
func openLoop(ctx context.Context, c *contestant, rate int, d time.Duration) outcome {
	var out outcome
	var mu sync.Mutex
	var group sync.WaitGroup
	start := time.Now()
	every := time.Second / time.Duration(rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range int(d / every) {
		due := start.Add(time.Duration(i) * every)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return out
		case <-timer.C:
		}
		group.Go(func() {
			ok := c.call(ctx)
			took := ms(time.Since(due))
			mu.Lock()
			defer mu.Unlock()
			if ok {
				out.latencies = append(out.latencies, took)
			} else {
				out.failed++
			}
		})
	}
	group.Wait()
	out.took = time.Since(start)
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
