package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// shelf is a Reader with issues that keeps books of what it was asked for.
type shelf struct {
	scripted
	issues map[string]Issue
	errs   map[string]error // by id, for Read
	missed error            // what Read says of every other id
	reads  []string
}

func (s *shelf) Read(_ context.Context, id string) (Issue, error) {
	s.reads = append(s.reads, id)
	if err := s.errs[id]; err != nil {
		return Issue{}, err
	}
	if i, ok := s.issues[id]; ok {
		return i, nil
	}
	return Issue{}, s.missed
}

// manyShelf is one that reads batches.
type manyShelf struct {
	shelf
	limit   int
	batches [][]string
	answer  func(ctx context.Context, n int, ids []string) ([]Issue, error)
}

func (s *manyShelf) ReadManyLimit() int { return s.limit }

func (s *manyShelf) ReadMany(ctx context.Context, ids []string) ([]Issue, error) {
	s.batches = append(s.batches, slices.Clone(ids))
	if s.answer != nil {
		return s.answer(ctx, len(s.batches)-1, ids)
	}
	return s.have(ids), nil
}

// have returns the issues in another order than asked.
func (s *manyShelf) have(ids []string) []Issue {
	var out []Issue
	for _, id := range slices.Backward(ids) {
		if i, ok := s.issues[id]; ok {
			out = append(out, i)
		}
	}
	return out
}

func gone() error {
	return &fault.Error{Kind: fault.Gone, Public: "Tracker does not have it any more."}
}

// newShelf has the issues "1" to "n".
func newShelf(n, limit int) *manyShelf {
	s := &manyShelf{shelf: shelf{issues: map[string]Issue{}, errs: map[string]error{}, missed: gone()}, limit: limit}
	for i := 1; i <= n; i++ {
		id := strconv.Itoa(i)
		s.issues[id] = Issue{ID: id, Key: "K-" + id}
	}
	return s
}

func idsTo(n int) (ids []string) {
	for i := 1; i <= n; i++ {
		ids = append(ids, strconv.Itoa(i))
	}
	return ids
}

// assertAnswers checks that there is one result for each id, and that verdict
// and error agree.
func assertAnswers(t *testing.T, ids []string, got []ReadResult) {
	t.Helper()
	require.Len(t, got, len(ids))
	for i, r := range got {
		require.Equal(t, ids[i], r.ID)
		require.Equal(t, VerdictOf(r.Issue, r.Err), r.Verdict)
		if r.Err == nil {
			require.Equal(t, r.ID, r.Issue.ID)
			continue
		}
		e := fault.From(r.Err)
		require.NotEmpty(t, e.Op)
		require.NotEmpty(t, e.Side)
		require.NotEmpty(t, e.Public)
		require.False(t, e.Unsure)
	}
}

func verdicts(got []ReadResult) []Verdict {
	out := make([]Verdict, len(got))
	for i, r := range got {
		out[i] = r.Verdict
	}
	return out
}

func TestReadManySplitsAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := newShelf(5, 2)
	s.issues["3"] = Issue{ID: "3", Key: "OTHER-9", Verdict: VerdictMoved}
	s.issues["5"] = Issue{ID: "5", Verdict: VerdictTrashed}
	var seen []Observation
	target := New(s, Options{Type: "shelf", Observe: func(o Observation) { seen = append(seen, o) }})
	ids := []string{"5", "1", "5", "2", "3", "1", "4"}
	got := target.ReadMany(t.Context(), ids)
	assertAnswers(t, ids, got)
	require.Equal(t, []Verdict{VerdictTrashed, VerdictPresent, VerdictTrashed, VerdictPresent, VerdictMoved, VerdictPresent, VerdictPresent}, verdicts(got))
	require.Equal(t, [][]string{{"5", "1"}, {"2", "3"}, {"4"}}, s.batches, "each id once")
	require.Empty(t, s.reads)
	require.Len(t, seen, 3)
	for _, o := range seen {
		require.Equal(t, OpReadMany, o.Op)
		require.Equal(t, "shelf", o.Type)
	}
	require.Empty(t, target.ReadMany(t.Context(), nil))
}

func TestReadManyIsBounded(t *testing.T) {
	t.Parallel()
	s := newShelf(0, 100)
	ids := idsTo(MaxReadMany + 1)
	got := New(s, Options{}).ReadMany(t.Context(), ids)
	assertAnswers(t, ids, got)
	require.Equal(t, VerdictUndecided, got[0].Verdict)
	require.Equal(t, fault.Internal, fault.KindOf(got[0].Err))
	require.ErrorContains(t, got[0].Err, "1001 ids were given, and at most 1000 are taken")
	require.Empty(t, s.batches)
	require.Empty(t, s.reads)
}

func TestReadManyCutsAsReadDoes(t *testing.T) {
	t.Parallel()
	s := newShelf(1, 100)
	s.issues["1"] = Issue{ID: "1", Title: strings.Repeat(hostileText, 1000), URL: "javascript:alert(1)"}
	got := New(s, Options{}).ReadMany(t.Context(), []string{"1"})
	assertAnswers(t, []string{"1"}, got)
	require.LessOrEqual(t, utf8.RuneCountInString(got[0].Issue.Title), text.MaxIssueText)
	require.Equal(t, "1", got[0].Issue.Key)
	require.Empty(t, got[0].Issue.URL)
}

// A failed batch says nothing about the issues of another one.
func TestReadManyFailedBatch(t *testing.T) {
	t.Parallel()
	down := func(kind fault.Kind) error { return &fault.Error{Kind: kind, Err: errors.New("no")} }
	for name, c := range map[string]struct {
		err  error
		want Verdict
		rest Verdict
	}{
		"unavailable":  {down(fault.Unavailable), VerdictUndecided, VerdictPresent},
		"timeout":      {down(fault.Timeout), VerdictUndecided, VerdictPresent},
		"intermediary": {down(fault.Intermediary), VerdictIntermediary, VerdictPresent},
		"forbidden":    {down(fault.Forbidden), VerdictHidden, VerdictPresent},
		"place gone":   {down(fault.Gone), VerdictHidden, VerdictPresent},
		"nobody knows": {errors.New("what?"), VerdictUndecided, VerdictPresent},
		"rate limit":   {&fault.Error{Kind: fault.RateLimited, RetryAfter: time.Minute}, VerdictUndecided, VerdictUndecided},
		"credential":   {down(fault.Unauthorized), VerdictCredentialRefused, VerdictCredentialRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(6, 2)
			s.answer = func(_ context.Context, n int, ids []string) ([]Issue, error) {
				if n == 1 {
					return nil, c.err
				}
				return s.have(ids), nil
			}
			got := New(s, Options{}).ReadMany(t.Context(), idsTo(6))
			assertAnswers(t, idsTo(6), got)
			require.Equal(t, []Verdict{VerdictPresent, VerdictPresent, c.want, c.want, c.rest, c.rest}, verdicts(got))
			require.Empty(t, s.reads, "a failed batch is not asked for one by one")
			if c.rest != VerdictPresent {
				require.Len(t, s.batches, 2)
				require.Equal(t, fault.KindOf(c.err), fault.KindOf(got[5].Err))
				require.Equal(t, fault.From(c.err).RetryAfter, fault.From(got[5].Err).RetryAfter)
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		s := newShelf(2, 1)
		s.answer = func(_ context.Context, n int, ids []string) ([]Issue, error) {
			if n == 0 {
				panic("out of order")
			}
			return s.have(ids), nil
		}
		got := New(s, Options{}).ReadMany(t.Context(), idsTo(2))
		require.Equal(t, []Verdict{VerdictUndecided, VerdictPresent}, verdicts(got))
	})
	t.Run("time-out of each batch", func(t *testing.T) {
		s := newShelf(2, 1)
		s.answer = func(ctx context.Context, n int, ids []string) ([]Issue, error) {
			if n == 0 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return s.have(ids), nil
		}
		got := New(s, Options{Timeout: 50 * time.Millisecond}).ReadMany(t.Context(), idsTo(2))
		require.Equal(t, []Verdict{VerdictUndecided, VerdictPresent}, verdicts(got))
		require.ErrorContains(t, got[0].Err, `"read issues" within this plugin's limit`)
	})
	t.Run("the caller stops", func(t *testing.T) {
		s := newShelf(3, 1)
		ctx, stop := context.WithCancel(t.Context())
		s.answer = func(_ context.Context, _ int, ids []string) ([]Issue, error) {
			stop()
			return s.have(ids), nil
		}
		got := New(s, Options{}).ReadMany(ctx, idsTo(3))
		assertAnswers(t, idsTo(3), got)
		require.Equal(t, []Verdict{VerdictPresent, VerdictUndecided, VerdictUndecided}, verdicts(got))
		require.Len(t, s.batches, 1)
	})
}

// TestReadManyAsksForMissingOnes: only Read knows what became of an issue.
func TestReadManyAsksForMissingOnes(t *testing.T) {
	t.Parallel()
	s := newShelf(3, 2)
	s.errs["8"] = &fault.Error{Kind: fault.Forbidden}
	s.issues["9"] = Issue{ID: "9", Verdict: VerdictMoved}
	s.answer = func(_ context.Context, _ int, ids []string) ([]Issue, error) {
		return s.have(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "9" })), nil
	}
	ids := []string{"7", "1", "8", "9", "7", "2", "3"}
	got := New(s, Options{}).ReadMany(t.Context(), ids)
	assertAnswers(t, ids, got)
	require.Equal(t, []Verdict{VerdictGone, VerdictPresent, VerdictHidden, VerdictMoved, VerdictGone, VerdictPresent, VerdictPresent}, verdicts(got))
	require.Equal(t, []string{"7", "8", "9"}, s.reads)
}

// TestReadManyStopsAsking: after three issues in a row that cannot be read, the
// place is to blame.
func TestReadManyStopsAsking(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		errs []fault.Kind // of the ids from 1 on; the others are hidden
		want Verdict      // of those that were not asked for
		read int
	}{
		"hidden":           {nil, VerdictHidden, 3},
		"in front":         {[]fault.Kind{fault.Intermediary, fault.Intermediary, fault.Intermediary}, VerdictIntermediary, 3},
		"down":             {[]fault.Kind{fault.Unavailable, fault.Timeout, fault.Unavailable}, VerdictUndecided, 3},
		"some of each":     {[]fault.Kind{fault.Intermediary, fault.Unavailable, fault.Forbidden}, VerdictUndecided, 3},
		"gone in between":  {[]fault.Kind{fault.Forbidden, fault.Forbidden, fault.Gone}, VerdictHidden, 6},
		"refused at once":  {[]fault.Kind{fault.Unauthorized}, VerdictCredentialRefused, 1},
		"limited at once":  {[]fault.Kind{fault.Gone, fault.RateLimited}, VerdictUndecided, 2},
		"all of them gone": {slices.Repeat([]fault.Kind{fault.Gone}, 10), VerdictGone, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(0, 4)
			s.missed = &fault.Error{Kind: fault.Forbidden, Public: "Tracker does not show issue #1."}
			for i, kind := range c.errs {
				s.errs[strconv.Itoa(i+1)] = &fault.Error{Kind: kind, Public: "Tracker: a sentence about issue #1."}
			}
			got := New(s, Options{}).ReadMany(t.Context(), idsTo(10))
			assertAnswers(t, idsTo(10), got)
			require.Len(t, s.batches, 3)
			require.Len(t, s.reads, c.read)
			require.Equal(t, c.want, got[9].Verdict)
			if c.read < 10 {
				require.NotContains(t, fault.From(got[9].Err).Public, "#1", "it is about another issue")
				require.ErrorContains(t, got[9].Err, "not asked for")
			}
		})
	}
}

// TestReadManyAnswers: a batch's answer need not be what was asked for.
func TestReadManyAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer []Issue
		want   []Verdict
		reads  []string
	}{
		"nothing":          {nil, []Verdict{VerdictPresent, VerdictPresent}, []string{"1", "2"}},
		"another one too":  {[]Issue{{ID: "3"}, {ID: "1"}, {ID: "2"}}, []Verdict{VerdictPresent, VerdictPresent}, nil},
		"twice":            {[]Issue{{ID: "1", Verdict: VerdictMoved}, {ID: "1"}, {ID: "2"}}, []Verdict{VerdictMoved, VerdictPresent}, nil},
		"without an id":    {[]Issue{{Key: "K-1"}, {ID: "2"}}, []Verdict{VerdictPresent, VerdictPresent}, []string{"1"}},
		"without any id":   {[]Issue{{Key: "K-1"}, {Key: "K-2"}}, []Verdict{VerdictIntermediary, VerdictIntermediary}, nil},
		"only other ones":  {[]Issue{{ID: "3"}, {ID: "4"}}, []Verdict{VerdictIntermediary, VerdictIntermediary}, nil},
		"an id nobody has": {[]Issue{{ID: "1\x00"}, {ID: "2"}}, []Verdict{VerdictPresent, VerdictPresent}, []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(2, 100)
			s.answer = func(context.Context, int, []string) ([]Issue, error) { return c.answer, nil }
			got := New(s, Options{}).ReadMany(t.Context(), []string{"1", "2"})
			assertAnswers(t, []string{"1", "2"}, got)
			require.Equal(t, c.want, verdicts(got))
			require.Equal(t, c.reads, s.reads)
			if c.want[0] == VerdictIntermediary {
				require.Contains(t, fault.From(got[0].Err).Public, "does not answer as Tracker does")
			}
		})
	}
}

func TestReadManyWithoutBatches(t *testing.T) {
	t.Parallel()
	s := &newShelf(4, 0).shelf
	s.missed = &fault.Error{Kind: fault.Forbidden}
	ids := []string{"9", "8", "7", "6", "1", "9", "2"}
	got := New(s, Options{}).ReadMany(t.Context(), ids)
	assertAnswers(t, ids, got)
	hidden := VerdictHidden
	require.Equal(t, []Verdict{hidden, hidden, hidden, hidden, VerdictPresent, hidden, VerdictPresent}, verdicts(got), "each was asked for")
	require.Equal(t, []string{"9", "8", "7", "6", "1", "2"}, s.reads)

	for kind, want := range map[fault.Kind]Verdict{fault.RateLimited: VerdictUndecided, fault.Unauthorized: VerdictCredentialRefused} {
		s.reads, s.errs["2"] = nil, &fault.Error{Kind: kind}
		got := New(s, Options{}).ReadMany(t.Context(), idsTo(4))
		assertAnswers(t, idsTo(4), got)
		require.Equal(t, []Verdict{VerdictPresent, want, want, want}, verdicts(got))
		require.Equal(t, []string{"1", "2"}, s.reads)
	}
}

func TestReadManyWithoutReader(t *testing.T) {
	t.Parallel()
	got := New(&scripted{do: func(context.Context) error { return nil }}, Options{}).ReadMany(t.Context(), idsTo(2))
	assertAnswers(t, idsTo(2), got)
	for _, r := range got {
		require.Equal(t, VerdictUndecided, r.Verdict)
		require.Contains(t, fault.From(r.Err).Public, "Tracker cannot be asked how an issue is now")
	}
}

func TestReadManySharesARateLimit(t *testing.T) {
	t.Parallel()
	q := &quota{}
	s := newShelf(1, 1)
	s.answer = func(context.Context, int, []string) ([]Issue, error) {
		return nil, fmt.Errorf("x: %w", &fault.Error{Kind: fault.RateLimited, RetryAfter: time.Minute})
	}
	New(s, Options{Quota: q}).ReadMany(t.Context(), idsTo(1))
	require.Equal(t, time.Minute, q.left)
}
