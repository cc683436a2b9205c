package connections

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets"
)

// reading returns a tracker's answer about the issue of a connection as it is now.
func reading(t *testing.T, s *Store, verdict targets.Verdict, change func(*targets.Issue)) Reading {
	t.Helper()
	rec, err := s.Get(context.Background(), someKey)
	require.NoError(t, err)
	issue := *rec.Issue
	if change != nil {
		change(&issue)
	}
	return Reading{Entry: Entry{Key: someKey, Record: rec}, Verdict: verdict, Issue: issue}
}

func observe(t *testing.T, s *Store, r Reading, reset bool) *Task {
	t.Helper()
	tasks, err := s.Observe(context.Background(), []Reading{r}, reset)
	require.NoError(t, err)
	if len(tasks) == 0 {
		return nil
	}
	require.Len(t, tasks, 1)
	return tasks[0]
}

func TestObserveChangesTheButton(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx, s := context.Background(), open(t, env)
		connect(t, s)
		require.Nil(t, observe(t, s, reading(t, s, targets.VerdictPresent, nil), false), "equal is no call")
		before, err := s.Get(ctx, someKey)
		require.NoError(t, err)

		changed := reading(t, s, targets.VerdictMoved, func(i *targets.Issue) {
			i.Key, i.URL, i.Title, i.Status, i.Progress = "#9", "https://tracker.example/issues/9", "Renamed", "Closed", targets.Done
		})
		task := observe(t, s, changed, false)
		require.NotNil(t, task)
		rec, err := s.Get(ctx, someKey)
		require.NoError(t, err)
		require.Equal(t, Connected, rec.State)
		require.Equal(t, Settle, rec.Step)
		require.Equal(t, before.Generation, rec.Generation, "a refresh is no click")
		require.Equal(t, "Closed", Button(rec).Label)
		require.Equal(t, "green", Button(rec).Color)
		require.Equal(t, "#9", Button(rec).HoverLabel)
		require.Equal(t, someIssue.Title, rec.ItemTitle(), "people look for what they pushed")

		require.Nil(t, observe(t, s, changed, false), "not while the button is being set")
		task, err = begin(t, s, task).Settled(ctx)
		require.NoError(t, err)
		_, err = begin(t, s, task).Verified(ctx)
		require.NoError(t, err)
		require.Nil(t, observe(t, s, reading(t, s, targets.VerdictPresent, nil), false))
	})
}

func TestAClickIsNewerThanAReading(t *testing.T) {
	ctx, env := context.Background(), redistest.Mini(t)
	s := open(t, env)
	connect(t, s)
	closed := reading(t, s, targets.VerdictPresent, func(i *targets.Issue) { i.Status = "Closed" })
	gone := reading(t, s, targets.VerdictGone, nil)
	_, w, err := s.Unlink(ctx, someKey)
	require.NoError(t, err)
	for _, r := range []Reading{closed, gone} {
		require.Nil(t, observe(t, s, r, true))
	}
	l := begin(t, s, w)
	w, err = l.Verified(ctx)
	require.NoError(t, err)
	_, err = begin(t, s, w).Verified(ctx)
	require.NoError(t, err)
	_, w, err = s.Link(ctx, someKey, targets.Issue{ID: "8", Key: "#8"})
	require.NoError(t, err)
	w, err = begin(t, s, w).Settled(ctx)
	require.NoError(t, err)
	_, err = begin(t, s, w).Verified(ctx)
	require.NoError(t, err)
	require.Nil(t, observe(t, s, closed, false), "it is about another issue")
	rec, err := s.Get(ctx, someKey)
	require.NoError(t, err)
	require.Equal(t, "8", rec.Issue.ID)
}

func TestDeletedNeedsTwoReadings(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		const confirm = 200 * time.Millisecond
		ctx, s := context.Background(), NewStore(env.Client, Timing{ConfirmDeleted: confirm})
		connect(t, s)
		require.Nil(t, observe(t, s, reading(t, s, targets.VerdictGone, nil), false))
		require.Nil(t, observe(t, s, reading(t, s, targets.VerdictGone, nil), false), "too soon after the first")
		rec, err := s.Get(ctx, someKey)
		require.NoError(t, err)
		require.Equal(t, seenGone, rec.Missing.Verdict)
		require.Equal(t, "New", Button(rec).Label)

		env.Advance(confirm)
		task := observe(t, s, reading(t, s, targets.VerdictTrashed, nil), false)
		require.NotNil(t, task)
		rec, err = s.Get(ctx, someKey)
		require.NoError(t, err)
		require.True(t, rec.Deleted())
		require.Equal(t, "Deleted", Button(rec).Label)
		require.Equal(t, "gray", Button(rec).Color)
		require.Contains(t, Button(rec).Tooltip, "#7")
		require.NoError(t, Button(rec).Validate())
		require.Equal(t, 1, rec.Epoch, "no second issue without a click")
		task, err = begin(t, s, task).Settled(ctx)
		require.NoError(t, err)
		_, err = begin(t, s, task).Verified(ctx)
		require.NoError(t, err)
		require.Nil(t, observe(t, s, reading(t, s, targets.VerdictHidden, nil), false))

		task = observe(t, s, reading(t, s, targets.VerdictPresent, nil), false)
		require.NotNil(t, task, "restored")
		rec, err = s.Get(ctx, someKey)
		require.NoError(t, err)
		require.Nil(t, rec.Missing)
		require.Equal(t, "New", Button(rec).Label)
	})
}

func TestDeletedMayResetTheButton(t *testing.T) {
	env := redistest.Mini(t)
	s := NewStore(env.Client, Timing{ConfirmDeleted: time.Second})
	connect(t, s)
	observe(t, s, reading(t, s, targets.VerdictTrashed, nil), true)
	env.Advance(time.Second)
	require.NotNil(t, observe(t, s, reading(t, s, targets.VerdictTrashed, nil), true))
	rec, err := s.Get(context.Background(), someKey)
	require.NoError(t, err)
	require.Equal(t, Initial, rec.State)
	require.Nil(t, rec.Issue)
	require.Equal(t, 2, rec.Epoch)
}

// What does not say that the tracker deleted the issue never makes a button say
// so, however often and long it is read.
func TestOnlyADeletionIsShownAsOne(t *testing.T) {
	for _, verdict := range []targets.Verdict{targets.VerdictHidden, targets.VerdictIntermediary, targets.VerdictCredentialRefused, targets.VerdictUndecided} {
		t.Run(verdict.String(), func(t *testing.T) {
			env := redistest.Mini(t)
			s := NewStore(env.Client, Timing{ConfirmDeleted: time.Second})
			connect(t, s)
			for range 4 {
				require.Nil(t, observe(t, s, reading(t, s, verdict, nil), true))
				env.Advance(time.Hour)
			}
			require.Nil(t, observe(t, s, reading(t, s, targets.VerdictGone, nil), true), "it is the first that says so")
			rec, err := s.Get(context.Background(), someKey)
			require.NoError(t, err)
			require.Equal(t, "New", Button(rec).Label)
			require.Nil(t, observe(t, s, reading(t, s, targets.VerdictPresent, nil), true), "nothing to show, but it is there")
			rec, err = s.Get(context.Background(), someKey)
			require.NoError(t, err)
			require.Nil(t, rec.Missing)
		})
	}
}

// The index has each button that shows an issue under that issue, and no other,
// whatever made it so.
func TestIndexOfIssues(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 10_000, MaxQueued: 100_000, PushesPerSecond: 1_000_000})
		const buttons, issues, integration = 600, 400, "abcdefghijklmnopqrstuvwxyz"
		rng := rand.New(rand.NewPCG(1, 2))
		want := map[string]string{} // entity -> issue
		var entries []Entry
		for n := range buttons {
			entity := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
			entries = append(entries, Entry{Key: Key{"acme", integration, entity},
				Record: Record{State: Connected, Generation: 1, Epoch: 1, Run: 1, Issue: &targets.Issue{ID: strconv.Itoa(n % issues)}}})
			want[entity] = strconv.Itoa(n % issues)
		}
		require.NoError(t, s.Import(ctx, entries))
		for range 300 {
			e := entries[rng.IntN(buttons)]
			switch rng.IntN(4) {
			case 0:
				_, _, err := s.Unlink(ctx, e.Key)
				require.NoError(t, err)
				delete(want, e.Key.Entity)
			case 1:
				_, _, err := s.Reset(ctx, e.Key)
				require.NoError(t, err)
				delete(want, e.Key.Entity)
			default:
				issue := strconv.Itoa(rng.IntN(issues))
				_, _, err := s.Link(ctx, e.Key, targets.Issue{ID: issue})
				require.NoError(t, err)
				want[e.Key.Entity] = issue
			}
		}
		byIssue := map[string][]string{}
		for entity, issue := range want {
			byIssue[issue] = append(byIssue[issue], entity)
		}
		for n := range issues {
			keys, err := s.ByIssue(ctx, "acme", integration, strconv.Itoa(n))
			require.NoError(t, err)
			var got []string
			for _, k := range keys {
				got = append(got, k.Entity)
			}
			slices.Sort(got)
			slices.Sort(byIssue[strconv.Itoa(n)])
			require.Equal(t, byIssue[strconv.Itoa(n)], got, "issue %d", n)
		}
		require.NoError(t, s.DeleteIntegration(ctx, "acme", integration, nil))
		left, err := env.Client.Keys(ctx, "pb:*:i:*").Result()
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func TestIndexTakesTwentyButtonsOfOneIssue(t *testing.T) {
	ctx, env := context.Background(), redistest.Mini(t)
	s := NewStoreWith(env.Client, Timing{}, TenantLimits{MaxInFlight: 1000, PushesPerSecond: 1_000_000})
	key := func(n int) Key { return Key{"acme", someKey.Integration, "e" + strconv.Itoa(n)} }
	for n := range 22 {
		_, _, err := s.Link(ctx, key(n), someIssue)
		require.NoError(t, err)
	}
	keys, err := s.ByIssue(ctx, "acme", someKey.Integration, someIssue.ID)
	require.NoError(t, err)
	require.Len(t, keys, 20)
	for n := range 22 {
		_, _, err := s.Unlink(ctx, key(n))
		require.NoError(t, err)
	}
	keys, err = s.ByIssue(ctx, "acme", someKey.Integration, someIssue.ID)
	require.NoError(t, err)
	require.Empty(t, keys)
}
