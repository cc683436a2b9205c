// Package redistest runs one test on every Redis a machine offers: on an
// embedded miniredis, whose time the test moves, and on a real redis-server
// where one is on the PATH. The sub-tests' names and logs say which it was.
//
// What must not live here: anything the program itself needs; only tests
// import this package.
package redistest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Env is a Redis of the test's own, empty at first and gone afterwards.
type Env struct {
	// Client is closed when the test ends.
	Client redis.UniversalClient
	// URL reaches the same server from elsewhere (redis:// or unix://, or
	// redis+cluster:// for a Cluster).
	URL string
	// Mini is the embedded server, nil on a real one.
	Mini *miniredis.Miniredis

	advance func(time.Duration)
}

// Advance moves the server's time on: what TIME returns, and what is left of each
// key's life. miniredis' TIME flows with the clock until the first
// Advance and stands still from then on. A real server's time cannot be
// moved: there Advance skips the rest of the test.
func (e Env) Advance(d time.Duration) { e.advance(d) }

// Freeze stops the server's time and returns it. A test with a clock of its own
// begins there; otherwise the two would be a millisecond apart now and then.
func (e Env) Freeze(tb testing.TB) time.Time {
	tb.Helper()
	e.Advance(0)
	now, err := e.Client.Time(context.Background()).Result()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return now
}

// Keys lists the keys that match a pattern, of every node, in order.
func (e Env) Keys(tb testing.TB, pattern string) []string {
	tb.Helper()
	var mu sync.Mutex
	var all []string
	list := func(ctx context.Context, c redis.Cmdable) error {
		keys, err := c.Keys(ctx, pattern).Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, keys...)
		return err
	}
	ctx := context.Background()
	var err error
	if cluster, ok := e.Client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return list(ctx, node) })
	} else {
		err = list(ctx, e.Client)
	}
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	slices.Sort(all)
	return all
}

// Open makes another client of the same Redis, closed when the test ends.
func (e Env) Open(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	if cluster, ok := e.Client.(*redis.ClusterClient); ok {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Options().Addrs})
		tb.Cleanup(func() { _ = c.Close() })
		return c
	}
	return client(tb, e.URL)
}

// Each runs f as a sub-test on miniredis, and as another one on a real
// redis-server with an append-only file, which is skipped where none is
// installed. With REDISTEST_CLUSTER=1 it runs on a Cluster of three nodes, and
// on nothing else.
func Each(t *testing.T, f func(t *testing.T, env Env)) {
	t.Helper()
	if os.Getenv("REDISTEST_CLUSTER") == "1" { //nolint:forbidigo // a test's own switch
		t.Run("cluster", func(t *testing.T) { f(t, Cluster(t)) })
		return
	}
	t.Run("miniredis", func(t *testing.T) { f(t, Mini(t)) })
	t.Run("redis-server", func(t *testing.T) { f(t, Real(t)) })
}

// Mini starts an embedded Redis that ends with the test.
func Mini(tb testing.TB) Env {
	tb.Helper()
	mini := miniredis.RunT(tb)
	var now time.Time
	return Env{
		Client: client(tb, "redis://"+mini.Addr()),
		URL:    "redis://" + mini.Addr(),
		Mini:   mini,
		advance: func(d time.Duration) {
			if now.IsZero() {
				now = time.Now()
			}
			now = now.Add(d)
			mini.SetTime(now)
			mini.FastForward(d)
		},
	}
}

// Real starts a redis-server that ends with the test, listening on a Unix
// socket alone and writing an append-only file (everysec). It skips the test
// where no redis-server is on the PATH.
func Real(tb testing.TB) Env {
	tb.Helper()
	dir := shortDir(tb)
	socket := filepath.Join(dir, "redis.sock")
	s := start(tb, dir, "--port", "0", "--unixsocket", socket)
	env := Env{Client: client(tb, "unix://"+socket), URL: "unix://" + socket}
	env.advance = func(time.Duration) { tb.Skip("a real server's time cannot be moved") }
	s.awaitReady(tb, env.Client)
	tb.Logf("running on %s (append-only file)", s.cmd.Path)
	return env
}

func client(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1
	// An embedded server shares its process with the tests and may be kept
	// waiting for long on a busy machine; what a silent Redis does is tested by
	// contexts and by the product's own clients.
	opts.ReadTimeout, opts.WriteTimeout = 30*time.Second, 30*time.Second
	c := redis.NewClient(opts)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
