package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

// wire counts the commands that are sent to Redis, and can hold them up or
// make them fail.
type wire struct {
	sent atomic.Int64
	hold atomic.Pointer[gate]
	down atomic.Bool
}

// gate stops the first command that comes to it until it is opened.
type gate struct{ reached, opened chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

func (w *wire) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (w *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		w.sent.Add(1)
		if w.down.Load() {
			cmd.SetErr(errors.New("connection refused"))
			return cmd.Err()
		}
		err := next(ctx, cmd)
		if g := w.hold.Swap(nil); g != nil { // after the read: what it read may be old by now
			close(g.reached)
			<-g.opened
		}
		return err
	}
}

func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

type rig struct {
	wire  *wire
	clock *clock
	store *tenants.Store // counts and caches
	other *tenants.Store // another process
	cache *tenants.Cache
	in    tenants.Integration
}

func newRig(t *testing.T, env redistest.Env) *rig {
	t.Helper()
	r := &rig{wire: &wire{}, clock: &clock{}}
	r.clock.ms.Store(time.Now().UnixMilli())
	counted := env.Open(t)
	counted.AddHook(r.wire)
	r.store = tenants.NewStore(counted, keyring(t, "k1"))
	r.other = open(t, env, "acme")
	r.cache = tenants.NewCache(r.store, &tenants.CacheOptions{Now: r.clock.now, Max: 4})
	in := integration("A")
	in.ProductboardID = "pb"
	var err error
	r.in, err = r.other.Tenant("acme").Create(t.Context(), in)
	require.NoError(t, err)
	return r
}

// trips runs f and returns how often Redis was asked.
func (r *rig) trips(f func()) int {
	before := r.wire.sent.Load()
	f()
	return int(r.wire.sent.Load() - before)
}

func (r *rig) read(t *testing.T) tenants.Integration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a read that never ends must fail the test, not hang it
	defer cancel()
	in, err := r.cache.ByID(ctx, r.in.ID)
	assert.NoError(t, err)
	return in
}

func TestCacheRoundTrips(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.read(t) // the connection's own hello is not counted below
		r.clock.advance(5 * time.Second)
		require.Equal(t, 1, r.trips(func() { r.read(t) }), "a known integration is refreshed in one")
		require.Zero(t, r.trips(func() {
			for range 100 {
				require.Equal(t, r.in, r.read(t))
			}
		}))
		require.Zero(t, r.trips(func() {
			_, err := r.cache.ByID(t.Context(), "not-an-id")
			require.ErrorIs(t, err, fault.NotFound)
		}), "what cannot be an id is not asked for")
		fresh, err := r.other.Tenant("acme").Create(t.Context(), integration("B"))
		require.NoError(t, err)
		require.Equal(t, 2, r.trips(func() {
			_, err := r.cache.ByID(t.Context(), fresh.ID)
			require.NoError(t, err)
		}), "the first read ever takes two")
	})
}

func TestCacheSeesChanges(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		in := r.read(t)

		in.ButtonLabel = "own"
		in, err := r.store.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, "own", r.read(t).ButtonLabel, "a change of this process shows at once")

		in.ButtonLabel = "other"
		in, err = r.other.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		r.clock.advance(5*time.Second - time.Millisecond)
		require.Equal(t, "own", r.read(t).ButtonLabel)
		r.clock.advance(time.Millisecond)
		require.Equal(t, "other", r.read(t).ButtonLabel, "one of another process after the TTL")

		require.NoError(t, r.store.Tenant("acme").Delete(t.Context(), in.ID, in.Version))
		_, err = r.cache.ByID(t.Context(), in.ID)
		require.ErrorIs(t, err, fault.NotFound)
	})
}

// The probe reads an integration before its id at Productboard is known; the
// first click may follow at once.
func TestCacheReadsWhatIsBeingRegisteredEachTime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		in, err := r.other.Tenant("acme").Create(t.Context(), integration("B"))
		require.NoError(t, err)
		got, err := r.cache.ByID(t.Context(), in.ID)
		require.NoError(t, err)
		require.Empty(t, got.ProductboardID)
		in.ProductboardID = "pb-2"
		_, err = r.other.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		got, err = r.cache.ByID(t.Context(), in.ID)
		require.NoError(t, err)
		require.Equal(t, "pb-2", got.ProductboardID)
	})
}

func TestCacheRemembersTheMissingBriefly(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.read(t)
		in := integration("late")
		miss := func() { _, err := r.cache.ByID(t.Context(), in.ID); require.ErrorIs(t, err, fault.NotFound) }
		require.Equal(t, 1, r.trips(miss))
		require.Zero(t, r.trips(miss))
		_, err := r.other.Tenant("acme").Create(t.Context(), in)
		require.NoError(t, err)
		r.clock.advance(500 * time.Millisecond)
		_, err = r.cache.ByID(t.Context(), in.ID)
		require.NoError(t, err)

		for range 100 { // guesses
			_, err = r.cache.ByID(t.Context(), tenants.NewID())
			require.ErrorIs(t, err, fault.NotFound)
		}
		require.Zero(t, r.trips(func() { r.read(t) }), "guesses do not push out what is known")
	})
}

func TestCacheServesStaleWhileRedisIsAway(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.read(t)
		r.wire.down.Store(true)
		r.clock.advance(59 * time.Second)
		require.Equal(t, 1, r.trips(func() { require.Equal(t, r.in, r.read(t)) }))
		require.Zero(t, r.trips(func() { require.Equal(t, r.in, r.read(t)) }), "not every click waits for a Redis that is away")
		r.clock.advance(time.Second)
		_, err := r.cache.ByID(t.Context(), r.in.ID)
		require.ErrorIs(t, err, fault.Unavailable, "after a minute it is too old")
		r.wire.down.Store(false)
		require.Equal(t, r.in, r.read(t))
	})
}

func TestCacheReadsOnceForManyCallers(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.read(t)
		r.clock.advance(5 * time.Second)
		g := newGate()
		r.wire.hold.Store(g)
		var wg sync.WaitGroup
		trips := r.trips(func() {
			wg.Go(func() { r.read(t) })
			<-g.reached
			for range 20 {
				wg.Go(func() { r.read(t) })
			}
			close(g.opened)
			wg.Wait()
		})
		require.Equal(t, 1, trips)
	})
}

func TestCacheDoesNotKeepAReadThatAChangeOvertook(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		in := r.read(t)
		r.clock.advance(5 * time.Second)
		g := newGate()
		r.wire.hold.Store(g)
		done := make(chan tenants.Integration)
		go func() {
			got, _ := r.cache.ByID(context.WithoutCancel(t.Context()), in.ID)
			done <- got
		}()
		<-g.reached // the old record has been read, but not kept yet
		in.ButtonLabel = "new"
		_, err := r.store.Tenant("acme").Update(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, "new", r.read(t).ButtonLabel, "a caller after the change does not join the old read")
		close(g.opened)
		require.Equal(t, "Push", (<-done).ButtonLabel)
		require.Equal(t, "new", r.read(t).ButtonLabel)
	})
}

func TestCacheCallerMayGiveUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		g := newGate()
		r.wire.hold.Store(g)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := r.cache.ByID(ctx, r.in.ID); done <- err }()
		<-g.reached
		cancel()
		require.ErrorIs(t, <-done, fault.Canceled)
		close(g.opened)
		require.Equal(t, r.in, r.read(t), "the read went on for the others")
	})
}

func TestCacheIsBounded(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env) // room for 4
		r.read(t)
		for i := range 3 {
			in := integration(fmt.Sprint("more", i))
			in.ProductboardID = "pb"
			in, err := r.other.Tenant("acme").Create(t.Context(), in)
			require.NoError(t, err)
			_, err = r.cache.ByID(t.Context(), in.ID)
			require.NoError(t, err)
		}
		require.Zero(t, r.trips(func() { r.read(t) }), "four have room")
		var last tenants.Integration
		for i := range 4 {
			in := integration(fmt.Sprint("even more", i))
			in.ProductboardID = "pb"
			in, err := r.other.Tenant("acme").Create(t.Context(), in)
			require.NoError(t, err)
			last, err = r.cache.ByID(t.Context(), in.ID)
			require.NoError(t, err)
		}
		require.Equal(t, 1, r.trips(func() { r.read(t) }), "the least recently used one made room")
		require.Zero(t, r.trips(func() { _, _ = r.cache.ByID(t.Context(), last.ID) }))
	})
}
