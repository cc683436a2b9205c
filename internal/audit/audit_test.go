package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/audit"
	"pushbutton/internal/fault"
	"pushbutton/internal/redistest"
)

func entry(op string) audit.Entry {
	return audit.Entry{At: time.Now().UTC().Truncate(time.Millisecond), Request: "r", Subject: "jane", Token: "t", Role: "admin", Operation: op, Path: "/x", Tenant: "acme"}
}

func TestLogs(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		l := audit.New(env.Client)
		for i := range 5 {
			open, err := l.Begin(t.Context(), entry(fmt.Sprint("op", i)), "acme", audit.Deployment)
			require.NoError(t, err)
			require.NoError(t, open.End(t.Context(), audit.Done, "int", "/made"))
		}
		all, next, err := l.List(t.Context(), "acme", audit.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Len(t, all, 5)
		require.Equal(t, "op4", all[0].Operation, "the latest first")
		require.Equal(t, audit.Entry{At: all[0].At, Request: "r", Subject: "jane", Token: "t", Role: "admin", Operation: "op4", Path: "/x", Tenant: "acme",
			Integration: "int", Created: "/made", Outcome: audit.Done}, all[0])

		var paged []audit.Entry
		for q := (audit.Query{Limit: 2}); ; {
			page, next, err := l.List(t.Context(), audit.Deployment, q)
			require.NoError(t, err)
			paged = append(paged, page...)
			if q.Cursor = next; next == "" {
				break
			}
		}
		require.Equal(t, all, paged, "in both logs, page by page")
		other, _, err := l.List(t.Context(), "other", audit.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, other)

		none, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 10, To: time.Now().Add(-time.Hour)})
		require.NoError(t, err)
		require.Empty(t, none)
		some, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 10, From: time.Now().Add(-time.Hour)})
		require.NoError(t, err)
		require.Len(t, some, 5)
		for _, cursor := range []string{"x", "1", "1-", "-1-1", "1-1 ", "(1-1", "1-99999999999999999999999"} {
			_, _, err = l.List(t.Context(), "acme", audit.Query{Limit: 10, Cursor: cursor})
			require.ErrorIs(t, err, fault.Invalid, cursor)
		}

		require.NoError(t, l.Forget(t.Context(), "acme"))
		gone, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, gone)
		require.Error(t, l.Forget(t.Context(), audit.Deployment))
	})
}

// What a process began that died is in the log all the same.
func TestADeadProcessLeavesAnEntry(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		l := audit.New(env.Client)
		_, err := l.Begin(t.Context(), entry("fresh"), "acme")
		require.NoError(t, err)
		old := entry("old")
		old.At = old.At.Add(-time.Hour)
		_, err = l.Begin(t.Context(), old, "acme")
		require.NoError(t, err)
		for range 2 {
			found, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 10})
			require.NoError(t, err)
			require.Len(t, found, 1, "once, and not what is still under way")
			require.Equal(t, "old", found[0].Operation)
			require.Equal(t, audit.Unknown, found[0].Outcome)
		}
	})
}

func TestALogIsBounded(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		l := audit.New(env.Client)
		big := entry("op")
		big.Path = strings.Repeat("x", 10_000)
		require.NoError(t, l.Add(t.Context(), big, "acme"))
		found, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 1})
		require.NoError(t, err)
		require.Len(t, found[0].Path, 512)

		require.Greater(t, env.Client.TTL(t.Context(), "pb:{t:acme}:audit").Val(), 390*24*time.Hour)
		env.Advance(audit.MaxAge + time.Hour)
		require.NoError(t, l.Add(t.Context(), entry("later"), "acme"))
		found, _, err = l.List(t.Context(), "acme", audit.Query{Limit: 10})
		require.NoError(t, err)
		require.Len(t, found, 1, "what is too old is gone")
	})
}

// The count is bounded as well; Redis drops whole blocks, so some more stay.
func TestALogKeepsTheLatest(t *testing.T) {
	if testing.Short() {
		t.Skip("adds 12,000 entries")
	}
	env := redistest.Real(t)
	l := audit.New(env.Client)
	for range audit.MaxEntries + 2000 {
		require.NoError(t, l.Add(t.Context(), entry("op"), "acme"))
	}
	n := env.Client.XLen(t.Context(), "pb:{t:acme}:audit").Val()
	require.GreaterOrEqual(t, n, int64(audit.MaxEntries))
	require.Less(t, n, int64(audit.MaxEntries+1000))
}
