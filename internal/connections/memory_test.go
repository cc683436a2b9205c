package connections

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

// maxIdleBytes is what an idle connection may cost in Redis when its history
// has expired.
const maxIdleBytes = 645

// TestMemoryOfAConnection measures on a real redis-server what connections
// cost there: all of its memory, with the indexes.
func TestMemoryOfAConnection(t *testing.T) {
	env := redistest.Real(t)
	ctx := context.Background()
	s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1000, PushesPerSecond: 1_000_000})
	require.NoError(t, s.Import(ctx, nil))
	for _, script := range s.scripts {
		require.NoError(t, script.Load(ctx, env.Client).Err())
	}
	const n = 10_000
	before := used(t, env.Client)
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = idle(i)
	}
	require.NoError(t, s.Import(ctx, entries))
	bytes := (used(t, env.Client) - before) / n
	t.Logf("%d idle connections: %d bytes each", n, bytes)
	require.LessOrEqual(t, bytes, int64(maxIdleBytes))

	const pushes = 500
	require.NoError(t, s.DeleteIntegration(ctx, "acme", memoryIntegration, nil))
	for i := range pushes {
		key := entries[i].Key
		_, w, err := s.Push(ctx, key, Person{Name: "Jane Margaret Doe", Email: "jane.doe@acme-corporation.example"})
		require.NoError(t, err)
		l := begin(t, s, w)
		require.NoError(t, l.Intend(ctx))
		_, err = l.Opened(ctx, *entries[i].Record.Issue)
		require.NoError(t, err)
		w, err = l.Settled(ctx)
		require.NoError(t, err)
		_, err = begin(t, s, w).Verified(ctx)
		require.NoError(t, err)
	}
	with := used(t, env.Client)
	require.NoError(t, dropHistories(ctx, env.Client))
	t.Logf("the history of a push, until it expires: %d bytes", (with-used(t, env.Client))/pushes)
	rec, err := s.Get(ctx, entries[0].Key)
	require.NoError(t, err)
	require.Equal(t, Idle, rec.Step)
}

var memoryIntegration = strings.Repeat("q", 26)

// idle is a connection as it is long after a push.
func idle(i int) Entry {
	number := strconv.Itoa(10_000 + i)
	return Entry{
		Key: Key{"acme", memoryIntegration, uuid.NewSHA1(uuid.Nil, []byte(number)).String()}, Changed: time.UnixMilli(1_764_000_000_000 + int64(i)),
		Record: Record{State: Connected, Generation: 1, Epoch: 1, Run: 3,
			Click: Click{At: 1_764_000_000_000 + int64(i), Name: "Jane Margaret Doe", Email: "jane.doe@acme-corporation.example"},
			Issue: &targets.Issue{ID: number, Key: "PROJ-" + number, URL: "https://acme-corporation.atlassian.net/browse/PROJ-" + number,
				Title: fmt.Sprintf("Customers can export report %d as a spreadsheet", i), Status: "To Do", Progress: targets.Open}},
	}
}

func dropHistories(ctx context.Context, rdb redis.UniversalClient) error {
	scan := rdb.Scan(ctx, 0, "pb:{push-*}:h:*", 1000).Iterator()
	var keys []string
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil || len(keys) == 0 {
		return err
	}
	return rdb.Del(ctx, keys...).Err()
}

// used is what Redis keeps, without what is on its way: the buffers of clients
// and of the append-only file come and go, and have been 800 kB here.
func used(t *testing.T, rdb redis.UniversalClient) int64 {
	t.Helper()
	info, err := rdb.Info(context.Background(), "memory").Result()
	require.NoError(t, err)
	number := func(name string) int64 {
		_, rest, ok := strings.Cut(info, name+":")
		require.True(t, ok, name)
		text, _, _ := strings.Cut(rest, "\r")
		n, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		return n
	}
	return number("used_memory") - number("mem_clients_normal") - number("mem_aof_buffer")
}
