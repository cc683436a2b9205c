package connections

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
)

// imported is one connection of each kind, as it is exported and as it has to
// be stored.
func imported(i int) (entry Entry, stored Record) {
	e := Entry{Key: numbered(i), Changed: Millis(1_764_000_000_000 + int64(i)), Record: idle(i).Record}
	r := &e.Record
	switch i % 5 {
	case 1:
		r.State, r.Failure, r.Issue = Failed, &Failure{Message: "no", Kind: "invalid"}, nil
	case 2:
		r.State, r.Issue, r.Generation, e.Changed = Initial, nil, 2, time.Time{}
	case 3: // a worker was at it
		r.State, r.Step, r.Deadline, r.Owner, r.LeaseEnd, r.RescueChecks = Progress, Open, 1_764_000_600_000, "w", 1_764_000_010_000, 3
		r.Issue, r.Intent, r.Orphans = nil, &Intent{At: 5, Sent: 1}, []Orphan{{Epoch: 1, Issue: &someIssue}}
	case 4: // waits for a credential
		r.State, r.Step, r.Parked, r.LastFailure, r.Issue = Progress, Open, 1000, &Failure{Message: "key", Kind: "auth"}, nil
	}
	want := *r
	if want.Step != Idle {
		want.Run++
		want.Owner, want.LeaseEnd, want.RescueChecks = "", 0, 0
	}
	return e, want
}

func TestImportKeepsEveryIndexAndCount(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxConnections: 10, MaxQueued: 10}) // no limit holds an import back
		const n = importPart + 105                                                               // more than one call
		_, _, err := s.Push(ctx, numbered(3), somebody)
		require.NoError(t, err)
		known, err := s.Get(ctx, numbered(3))
		require.NoError(t, err)
		entries := make([]Entry, n)
		want := make([]Record, n)
		for i := range entries {
			entries[i], want[i] = imported(i)
		}
		want[3] = known
		began, err := env.Client.Time(ctx).Result()
		require.NoError(t, err)
		twice := append(entries[:n:n], entries[0], entries[8])
		require.NoError(t, s.Import(ctx, twice))

		states, waits, looks := map[State]map[string]int64{}, map[string]bool{"integration:entity-003": false}, map[string]bool{"acme/integration:entity-003": true}
		for i, r := range want {
			got, err := s.Get(ctx, entries[i].Key)
			require.NoError(t, err)
			require.Equal(t, r, got, "%d", i)
			add := func(state State, changed int64) {
				if states[state] == nil {
					states[state] = map[string]int64{}
				}
				states[state][entries[i].Key.Entity] = changed
			}
			switch {
			case i == 3:
				add(r.State, known.Click.At)
				continue
			case entries[i].Changed.IsZero():
				add(r.State, 0)
			default:
				add(r.State, entries[i].Changed.UnixMilli())
			}
			if r.Step != Idle {
				waits[r.member(entries[i].Key)], looks[entries[i].Key.String()] = true, true
			}
			if r.Parked != 0 {
				add(parked, 0)
			}
		}
		delete(waits, "integration:entity-003")
		require.Len(t, states, 5)
		for state, members := range states {
			got := env.Client.ZRangeWithScores(ctx, indexKey("acme", "integration", state), 0, -1).Val()
			require.Len(t, got, len(members), state)
			for _, z := range got {
				changed, ok := members[fmt.Sprint(z.Member)]
				require.True(t, ok, "%s: %v", state, z.Member)
				if changed == 0 {
					require.GreaterOrEqual(t, int64(z.Score), began.UnixMilli(), "it changed now")
				} else {
					require.Equal(t, changed, int64(z.Score))
				}
			}
		}
		same := func(key string, members map[string]bool) {
			got := env.Client.ZRange(ctx, key, 0, -1).Val()
			require.Len(t, got, len(members))
			for _, m := range got {
				require.True(t, members[m], m)
			}
		}
		same(backlogKey("acme"), waits)
		for shard := range Shards {
			if shardTag(shard) == tagOf("acme") {
				same(rescueKey(shard), looks)
			}
		}
		require.Equal(t, Usage{InFlight: 1, Queued: int64(len(waits)), Connections: n}, usage(t, s))
		require.Empty(t, env.Keys(t, "*:h:*entity-00[0124-9]*"), "an import is no event of a connection")
	})
}

// member is the record's name in its tenant's backlog.
func (r Record) member(k Key) string { return k.Integration + ":" + k.Entity }

func TestImportRejectsWhatItCannotIndex(t *testing.T) {
	s := NewStore(redistest.Mini(t).Client, Timing{})
	for name, e := range map[string]Entry{
		"name":     {Key: Key{"acme", "integration", "c/d"}, Record: Record{State: Connected}},
		"no state": {Key: numbered(1)},
		"state":    {Key: numbered(1), Record: Record{State: "parked"}},
	} {
		require.ErrorIs(t, s.Import(context.Background(), []Entry{e}), fault.Invalid, name)
	}
}

// rounds counts the round trips to Redis.
type rounds struct{ n int }

func (*rounds) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *rounds) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		r.n++
		return next(ctx, cmd)
	}
}

func (r *rounds) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		r.n++
		return next(ctx, cmds)
	}
}

// Thousands that changed at one moment, as in an import from a system that
// keeps no times, must not make their later pages dearer.
func TestListOfManyOfOneMomentStaysFlat(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStore(env.Client, Timing{})
		const n, limit = 3000, 150
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = idle(i)
			entries[i].Key.Integration = "integration"
			entries[i].Changed = Millis(1_764_000_000_000)
			if i%3 == 0 {
				entries[i].Record.State = Failed
			}
			if i < 20 { // some before, some after
				entries[i].Changed = Millis(1_764_000_000_000 + int64(i-10))
			}
		}
		require.NoError(t, s.Import(ctx, entries))
		count := &rounds{}
		env.Client.AddHook(count)
		for _, q := range []Query{{}, {State: Connected}, {From: Millis(1_764_000_000_000)}} {
			q.Integration, q.Limit = "integration", limit
			seen := map[string]bool{}
			for page, i := (Page{Next: "x"}), 0; page.Next != ""; i++ {
				require.Less(t, i, n/limit+2)
				count.n = 0
				var err error
				page, err = s.List(ctx, "acme", q)
				require.NoError(t, err)
				require.LessOrEqual(t, count.n, 5, "round trips of page %d", i)
				for _, e := range page.Entries {
					require.False(t, seen[e.Key.Entity], "twice: %s", e.Key.Entity)
					seen[e.Key.Entity] = true
				}
				q.Cursor = page.Next
			}
			want := 0
			for _, e := range entries {
				if (q.State == "" || q.State == e.Record.State) && (q.From.IsZero() || !e.Changed.Before(q.From)) {
					want++
				}
			}
			require.Len(t, seen, want)
		}
	})
}
