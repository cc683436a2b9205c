package connections

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

// damage are texts that no record has, for Lua or for Go.
var damage = []string{"canary", "", "null", "[]", "5", `"x"`, "{}", `{"s":"progress"}`, `{"s":5,"e":1,"r":1}`, `{"s":"progress","g":1,"e":1,"r":"1","p":"open"}`}

// breakRecord puts a text in a record's place and makes it due for the rescuer.
func breakRecord(t *testing.T, env redistest.Env, key Key, text string) {
	t.Helper()
	require.NoError(t, env.Client.HSet(t.Context(), recordsKey(key.Tenant, key.Integration), key.Entity, text).Err())
	dueNow(t, env, key)
}

func dueNow(t *testing.T, env redistest.Env, key Key) {
	t.Helper()
	require.NoError(t, env.Client.ZAdd(t.Context(), rescueKey(shardOf(key.Tenant)), redis.Z{Member: key.String()}).Err())
}

// tenantsApart are two tenants of different shards.
func tenantsApart(t *testing.T) (first, second string) {
	t.Helper()
	for i := range 100 {
		if second = fmt.Sprint("tenant", i); shardOf(second) != shardOf("acme") {
			return "acme", second
		}
	}
	t.Fatal("there is one shard")
	return "", ""
}

// Records that cannot be decoded stop nobody: what is due beside them, in the
// same shard and in others, is found by the same pass.
func TestUnreadableRecordsAreListed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env)
		mine, other := tenantsApart(t)
		var healthy []Key
		for _, tenant := range []string{mine, other} {
			for i := range 3 {
				key := Key{tenant, "healthy", fmt.Sprint("e", i)}
				_, _, err := s.Push(t.Context(), key, somebody)
				require.NoError(t, err)
				dueNow(t, env, key)
				healthy = append(healthy, key)
			}
		}
		unreadable := map[Key]bool{}
		for i, text := range damage {
			key := Key{mine, "broken", fmt.Sprint("e", i)}
			_, _, err := s.Push(t.Context(), key, somebody)
			require.NoError(t, err)
			breakRecord(t, env, key, text)
			unreadable[key] = true
		}
		foreign := Key{other, "foreign", "e"} // a key of another type in the records' place
		require.NoError(t, env.Client.Set(t.Context(), recordsKey(foreign.Tenant, foreign.Integration), "x", 0).Err())
		dueNow(t, env, foreign)
		unreadable[foreign] = true

		found, more, err := s.Rescue(t.Context())
		require.NoError(t, err)
		require.False(t, more)
		var went []Key
		marked := map[Key]bool{}
		for _, f := range found {
			if f.Unreadable {
				marked[f.Key] = true
			} else {
				went = append(went, f.Key)
			}
		}
		require.ElementsMatch(t, healthy, went)
		require.Equal(t, unreadable, marked, "each is named")
		list, err := s.UnreadableRecords(t.Context())
		require.NoError(t, err)
		require.Len(t, list, len(unreadable))
		require.False(t, list[0].Since.IsZero())
		usage, err := s.Usage(t.Context(), mine)
		require.NoError(t, err)
		require.EqualValues(t, 3, usage.InFlight, "their slots are free")
		found, _, err = s.Rescue(t.Context())
		require.NoError(t, err)
		require.Empty(t, found, "once")

		// A click says what it is; a reset begins anew; one that was mended goes on.
		first, second := Key{mine, "broken", "e0"}, Key{mine, "broken", "e1"}
		_, _, err = s.Push(t.Context(), first, somebody)
		require.ErrorIs(t, err, ErrUnreadable)
		require.Equal(t, fault.Internal, fault.KindOf(err))
		require.Contains(t, fault.From(err).Public, "Reset the button")
		_, task, err := s.Reset(t.Context(), first)
		require.NoError(t, err)
		require.NotNil(t, task)
		rec, err := s.Get(t.Context(), first)
		require.NoError(t, err)
		require.Equal(t, Initial, rec.State)
		doc, err := env.Client.HGet(t.Context(), recordsKey(mine, "healthy"), "e0").Result()
		require.NoError(t, err)
		require.NoError(t, env.Client.HSet(t.Context(), recordsKey(mine, "broken"), "e1", doc).Err())
		list, err = s.UnreadableRecords(t.Context())
		require.NoError(t, err)
		require.Len(t, list, len(unreadable)-2)
		require.Equal(t, int64(1), env.Client.ZRem(t.Context(), rescueKey(shardOf(mine)), second.String()).Val(), "it is looked at again")
	})
}

// In a backlog, among what waits for a credential, in a list and in a deletion
// they stop nobody either.
func TestUnreadableRecordsStopNoOthers(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		for i, text := range damage {
			s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1})
			tenant := fmt.Sprint("tenant", i)
			key := func(e string) Key { return Key{tenant, "in", e} }
			click := func(e string) *Task {
				_, w, err := s.Push(t.Context(), key(e), somebody)
				require.NoError(t, err)
				return w
			}
			first := click("a")
			require.Nil(t, click("b"), "it waits in the backlog")
			require.Nil(t, click("c"))
			require.NoError(t, env.Client.HSet(t.Context(), recordsKey(tenant, "in"), "b", text).Err())
			next, err := begin(t, s, first).Forget(t.Context())
			require.NoError(t, err, "%q", text)
			require.NotNil(t, next)
			require.Equal(t, key("c"), next.Key, "the slot goes to the one behind it")

			page, err := s.List(t.Context(), tenant, Query{Integration: "in", Limit: 10})
			require.NoError(t, err)
			require.NotEmpty(t, page.Entries)
			require.Equal(t, key("c"), page.Entries[0].Key)
			dueNow(t, env, key("b"))
			_, _, err = s.Rescue(t.Context())
			require.NoError(t, err)
			list, err := s.UnreadableRecords(t.Context())
			require.NoError(t, err)
			require.Equal(t, key("b"), list[0].Key)

			_, err = begin(t, s, next).Park(t.Context(), 0, Failure{Kind: fault.Unauthorized.String()})
			require.NoError(t, err)
			require.NoError(t, env.Client.ZAdd(t.Context(), indexKey(tenant, "in", parked), redis.Z{Member: "b"}).Err())
			task, _, err := s.Wake(t.Context(), tenant, "in", 10)
			require.NoError(t, err)
			require.Len(t, task, 1)

			require.NoError(t, s.DeleteIntegration(t.Context(), tenant, "in", nil))
			left := env.Keys(t, "*"+tenant+"/*")
			require.Empty(t, left)
			usage, err := s.Usage(t.Context(), tenant)
			require.NoError(t, err)
			require.Zero(t, usage.Connections)
			require.Zero(t, usage.InFlight+usage.Queued)
			list, err = s.UnreadableRecords(t.Context())
			require.NoError(t, err)
			require.Empty(t, list)
		}
	})
}

// A record that is begun anew leaves nothing in the index of issues, wherever its
// entry is.
func TestABeginAnewLeavesNoIndexEntry(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := t.Context()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1000, PushesPerSecond: 1_000_000})
		key := func(n int) Key {
			return Key{"acme", someKey.Integration, fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
		}
		named := Key{"acme", someKey.Integration, "e1"}
		var entries []Entry
		for n := range 400 {
			entries = append(entries, Entry{Key: key(n), Record: Record{State: Connected, Generation: 1, Epoch: 1, Run: 1, Issue: &targets.Issue{ID: strconv.Itoa(n % 300), Key: "K"}}})
		}
		entries = append(entries, Entry{Key: named, Record: Record{State: Connected, Generation: 1, Epoch: 1, Run: 1, Issue: &targets.Issue{ID: "7", Key: "K"}}})
		require.NoError(t, s.Import(ctx, entries))
		for _, k := range []Key{key(7), key(250), named} {
			require.NoError(t, env.Client.HSet(ctx, recordsKey("acme", someKey.Integration), k.Entity, "?").Err())
			_, _, err := s.Reset(ctx, k)
			require.NoError(t, err)
		}
		for issue, want := range map[string][]Key{"7": {key(307)}, "250": {}, "8": {key(8), key(308)}} {
			got, err := s.ByIssue(ctx, "acme", someKey.Integration, issue)
			require.NoError(t, err)
			require.ElementsMatch(t, want, got, issue)
		}
	})
}
