package batching

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
)

// hold counts what is sent, and keeps it back while it is asked to.
type hold struct {
	mu      sync.Mutex
	reached chan struct{} // told of each single command that is kept back
	opened  chan struct{}
	singles atomic.Int64
	batches atomic.Int64
	largest atomic.Int64
}

func newHold() *hold {
	return &hold{reached: make(chan struct{}, maxSending), opened: make(chan struct{})}
}

func (h *hold) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *hold) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" {
			h.singles.Add(1)
			select {
			case <-h.opened:
			case h.reached <- struct{}{}:
				<-h.opened
			}
		}
		return next(ctx, cmd)
	}
}

func (h *hold) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "evalsha" {
			return next(ctx, cmds) // how a connection begins
		}
		h.batches.Add(1)
		h.mu.Lock()
		h.largest.Store(max(h.largest.Load(), int64(len(cmds))))
		h.mu.Unlock()
		return next(ctx, cmds)
	}
}

const count = `if ARGV[1] == 'bad' then return redis.error_reply('BAD one') end
redis.call('INCR', KEYS[1]) return ARGV[1]`

// bench is a client that has as many batches under way as it may, until they are
// let go.
func bench(t *testing.T, env redistest.Env) (*Client, *hold, *redis.Script, func()) {
	t.Helper()
	h := newHold()
	rdb := env.Open(t)
	script := redis.NewScript(count)
	require.NoError(t, script.Load(t.Context(), rdb).Err())
	rdb.AddHook(h)
	c, ok := Scripts(rdb).(*Client)
	require.True(t, ok)
	var first sync.WaitGroup
	for range maxSending {
		first.Go(func() { _ = script.Run(context.Background(), c, []string{"n"}, "first").Err() })
		<-h.reached
	}
	return c, h, script, func() { close(h.opened); first.Wait() }
}

// queued waits until so many wait for a batch.
func queued(c *Client, n int) {
	for {
		c.mu.Lock()
		waiting := len(c.waiting)
		c.mu.Unlock()
		if waiting >= n {
			return
		}
	}
}

func TestScriptsThatComeTogetherTravelTogether(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		c, h, script, open := bench(t, env)
		var group sync.WaitGroup
		replies := make([]*redis.Cmd, 2*most)
		for i := range replies {
			word := fmt.Sprint(i)
			if i%10 == 3 {
				word = "bad"
			}
			group.Go(func() { replies[i] = script.Run(t.Context(), c, []string{"n"}, word) })
		}
		queued(c, len(replies))
		open()
		group.Wait()
		bad := 0
		for i, r := range replies {
			if i%10 == 3 {
				require.ErrorContains(t, r.Err(), "BAD one", "an error is its own script's alone")
				bad++
				continue
			}
			require.NoError(t, r.Err())
			require.Equal(t, fmt.Sprint(i), r.Val())
		}
		require.EqualValues(t, maxSending, h.singles.Load())
		require.EqualValues(t, 2, h.batches.Load())
		require.EqualValues(t, most, h.largest.Load())
		n, err := c.Get(t.Context(), "n").Int()
		require.NoError(t, err)
		require.Equal(t, maxSending+len(replies)-bad, n, "each was carried out once")
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Zero(t, c.sending, "none is under way any more")
		require.Empty(t, c.waiting)
	})
}

func TestWithoutOthersAScriptGoesAlone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		c, h, script, open := bench(t, env)
		open()
		for i := range 10 {
			require.NoError(t, script.Run(t.Context(), c, []string{"n"}, i).Err())
		}
		require.Zero(t, h.batches.Load())
	})
}

func TestACallerMayGiveUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		c, _, script, open := bench(t, env)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- script.Run(ctx, c, []string{"gone"}, "x").Err() }()
		stays := make(chan error)
		queued(c, 1)
		go func() { stays <- script.Run(context.Background(), c, []string{"stays"}, "x").Err() }()
		queued(c, 2)
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled, "it does not wait for the batch")
		open()
		require.NoError(t, <-stays, "the others do")
		require.ErrorIs(t, c.Get(t.Context(), "gone").Err(), redis.Nil, "what nobody waits for is not sent")
	})
}

// A server that was restarted knows no scripts.
func TestAnUnknownScriptIsSent(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		c, _, _, open := bench(t, env)
		other := redis.NewScript(`return 'other ' .. ARGV[1]`)
		var group sync.WaitGroup
		var failed atomic.Int64
		for range 5 {
			group.Go(func() {
				if got, err := other.Run(t.Context(), c, nil, "x").Text(); err != nil || got != "other x" {
					failed.Add(1)
				}
			})
		}
		queued(c, 5)
		open()
		group.Wait()
		require.Zero(t, failed.Load())
	})
}

func TestAClusterIsLeftAlone(t *testing.T) {
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	t.Cleanup(func() { _ = cluster.Close() })
	require.Same(t, cluster, Scripts(cluster))
}
