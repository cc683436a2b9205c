package connections

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachTransitionHasAScriptOfWhatItNeeds(t *testing.T) {
	s := NewStore(nil, Timing{})
	texts := link(transitionsLua, s.constants())
	require.Len(t, texts, strings.Count(transitionsLua, "\nops['"), "none was overlooked")
	for op, text := range texts {
		require.Contains(t, text, "\nops['"+op+"'] = function()", op)
		require.LessOrEqual(t, strings.Count(text, "] = function()"), 2, op)
		require.NotContains(t, text, "K.", "%s: each constant has its value", op)
		require.Equal(t, op == "push", strings.Contains(text, "-- only push"), op)
	}
	require.NotContains(t, texts["renew"], "local function pass_slots")
	require.Contains(t, texts["limits"], "local function pass_slots", "what it calls")
	require.Contains(t, texts["limits"], "local function may_begin", "what that calls")
	require.Contains(t, texts["retry"], "ops['push'] = function()", "another transition")
}

// The first push has a short way of its own, which must not be a way to
// somewhere else.
func TestTheShortWayOfAFirstPushEndsWhereTheLongOneDoes(t *testing.T) {
	long := luaSection.ReplaceAllString(transitionsLua, "")
	require.NotEqual(t, transitionsLua, long)
	for name, limits := range map[string]TenantLimits{
		"room for all":        {},
		"one at once":         {MaxInFlight: 1},
		"one may wait":        {MaxInFlight: 1, MaxQueued: 1},
		"two connections":     {MaxConnections: 2},
		"one a second":        {PushesPerSecond: 1},
		"one a second, alone": {PushesPerSecond: 1, MaxInFlight: 1, MaxQueued: 1},
	} {
		t.Run(name, func(t *testing.T) {
			type result struct {
				records []Record
				tasks   []*Task
				errs    []string
				redis   *plainRedis
				noted   []string
			}
			run := func(text string) (r result) {
				text = withoutIndex(text)
				s := NewStoreWith(nil, Timing{}, limits)
				s.scripts = scripts(text, s.constants())
				r.redis = newPlainRedis(t, link(text, s.constants()))
				r.redis.now, r.redis.noted, s.rdb = 1_700_000_000_000, &r.noted, r.redis
				for _, own := range []bool{false, true} { // limits of the tenant's own, too
					if own {
						require.NoError(t, s.SetLimits(context.Background(), "acme", TenantLimits{MaxInFlight: 3, PushesPerSecond: 2, MaxConnections: 6}))
					}
					for _, entity := range []string{"a", "b", "a", "c", "d", "e", "f", "g"} {
						r.redis.now += 7
						if own {
							entity += "2"
						}
						rec, task, err := s.Push(context.Background(), Key{"acme", "i", entity}, Person{Name: "Jo \"é\"\n", Email: "jo@example.com"})
						r.records, r.tasks = append(r.records, rec), append(r.tasks, task)
						if err != nil {
							r.errs = append(r.errs, entity+" "+err.Error())
						}
					}
				}
				return r
			}
			short, want := run(transitionsLua), run(long)
			require.Equal(t, want.records, short.records)
			require.Equal(t, want.tasks, short.tasks)
			require.Equal(t, want.errs, short.errs)
			require.Equal(t, want.noted, short.noted)
			require.Equal(t, want.redis.sets, short.redis.sets)
			require.Equal(t, want.redis.announced, short.redis.announced)
			require.Len(t, short.redis.hashes, len(want.redis.hashes))
			for key, fields := range want.redis.hashes {
				require.Len(t, short.redis.hashes[key], len(fields), key)
				for field, value := range fields {
					if strings.HasPrefix(value, "{") {
						require.JSONEq(t, value, short.redis.hashes[key][field], key)
					} else {
						require.Equal(t, value, short.redis.hashes[key][field], key+" "+field)
					}
				}
			}
		})
	}
}
