package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
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
		for _, cursor := range []string{"x", "1", "1-", "-1-1", "1-1 ", "(1-1", "1-99999999999999999999999", "0-0"} {
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

// Denials are bounded by callers and operations, whatever is tried, and leave
// the log alone.
func TestDenials(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		l := audit.New(env.Client)
		require.NoError(t, l.Add(t.Context(), entry("kept"), "acme"))
		at := time.Now().UTC().Truncate(time.Millisecond)
		deny := func(subject, op string) {
			at = at.Add(time.Millisecond)
			e := entry(op)
			e.At, e.Subject, e.Request = at, subject, at.String()
			require.NoError(t, l.CountDenied(t.Context(), e, "acme"))
		}
		for range 3 {
			deny("jane", "op1")
		}
		deny("jane", "op2")
		deny("john", "op1")
		deny("jane", "op1")
		all, err := l.Denials(t.Context(), "acme", 0, 10)
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Equal(t, []string{"op1", "op1", "op2"}, []string{all[0].Operation, all[1].Operation, all[2].Operation}, "the latest first")
		require.Equal(t, int64(4), all[0].Count)
		require.Equal(t, 5*time.Millisecond, all[0].At.Sub(all[0].First))
		require.Equal(t, at.String(), all[0].Request)
		rest, err := l.Denials(t.Context(), "acme", 1, 1)
		require.NoError(t, err)
		require.Equal(t, all[1:2], rest)

		for i := range audit.MaxDenials + 5 {
			deny(fmt.Sprint("subject", i), "op")
		}
		require.Equal(t, int64(audit.MaxDenials), env.Client.HLen(t.Context(), "pb:{t:acme}:audit:denied").Val())
		require.Equal(t, int64(audit.MaxDenials), env.Client.ZCard(t.Context(), "pb:{t:acme}:audit:denied:order").Val())
		log, _, err := l.List(t.Context(), "acme", audit.Query{Limit: 10})
		require.NoError(t, err)
		require.Len(t, log, 1)
		require.NoError(t, l.Forget(t.Context(), "acme"))
		require.Empty(t, env.Keys(t, "*acme*"))
	})
}
