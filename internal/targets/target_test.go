package targets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// scripted is a driver whose every method does what the test says.
type scripted struct {
	do    func(context.Context) error
	issue Issue
	got   Draft
}

func (s *scripted) Check(ctx context.Context) error { return s.do(ctx) }
func (s *scripted) Find(ctx context.Context, _ Marker) (*Issue, error) {
	return &s.issue, s.do(ctx)
}
func (s *scripted) Create(ctx context.Context, d Draft) (Issue, error) {
	s.got = d
	return s.issue, s.do(ctx)
}
func (s *scripted) Traits() Traits { return Traits{Name: "Tracker", Limits: TextLimits{Title: 20}} }

var marker = NewMarker("i", "e", 1)

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want Outcome
	}{
		"no error":          {nil, OutcomeDone},
		"refused":           {fault.New(fault.Invalid, "create", "no"), OutcomeNotDone},
		"never sent":        {&fault.Error{Kind: fault.Unavailable}, OutcomeNotDone},
		"unsure":            {&fault.Error{Kind: fault.Unavailable, Unsure: true}, OutcomeUnknown},
		"unsure, wrapped":   {fmt.Errorf("x: %w", &fault.Error{Unsure: true}), OutcomeUnknown},
		"unreadable":        {wire.Unreadable("create", errors.New("not JSON")), OutcomeUnknown},
		"bare cancel":       {context.Canceled, OutcomeUnknown},
		"bare deadline":     {fmt.Errorf("x: %w", context.DeadlineExceeded), OutcomeUnknown},
		"nobody classified": {errors.New("what?"), OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, OutcomeOf(c.err))
		})
	}
}

func TestErrorsGetTheirFinalForm(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	for _, kind := range fault.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			target := New(&scripted{do: func(context.Context) error {
				return &fault.Error{Op: "post", Kind: kind, Err: cause, RetryAfter: 90 * time.Second}
			}}, Options{})
			_, err := target.Create(t.Context(), Draft{Marker: marker})
			e := fault.From(err)
			require.Equal(t, "create issue: post", e.Op)
			require.Equal(t, kind, e.Kind)
			require.NotEmpty(t, e.Side)
			require.ErrorIs(t, err, cause)
			require.Contains(t, e.Public, "Tracker")
			require.LessOrEqual(t, utf8.RuneCountInString(e.Public), text.MaxPublic)
			require.Regexp(t, `[Aa]sk|tell|[Pp]ush again`, e.Public, "it says what to do")
		})
	}
}

func TestADriversSentenceIsKeptAndBounded(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Tracker: Component is missing.": "Tracker: Component is missing.",
		"two\nlines":                     "two lines",
		strings.Repeat("ü", 300):         strings.Repeat("ü", 254) + "…",
		"the key s3cret-key is bad":      "the key [secret] is bad",
	} {
		target := New(&scripted{do: func(context.Context) error {
			return &fault.Error{Kind: fault.Invalid, Public: given, Ref: "s3cret-key", Err: errors.New("bad s3cret-key")}
		}}, Options{secrets: secret.NewMask("s3cret-key")})
		err := target.Check(t.Context())
		require.Equal(t, want, fault.From(err).Public)
		require.NotContains(t, err.Error(), "s3cret-key")
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			require.NotContains(t, inner.Error(), "s3cret-key")
		}
	}
}

func TestPanicOfADriver(t *testing.T) {
	t.Parallel()
	target := New(&scripted{do: func(context.Context) error { panic("out of order") }}, Options{})
	_, err := target.Create(t.Context(), Draft{Marker: marker})
	require.Equal(t, fault.Internal, fault.KindOf(err))
	require.Equal(t, OutcomeUnknown, OutcomeOf(err), "it may have been after the request")
	require.ErrorContains(t, err, "out of order")
	require.NotContains(t, fault.From(err).Public, "out of order")
	require.Equal(t, fault.Internal, fault.KindOf(target.Check(t.Context())))
}

func TestWhoseTimeoutItWas(t *testing.T) {
	t.Parallel()
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	ours := New(&scripted{do: wait}, Options{Timeout: time.Millisecond, CheckTimeout: 2 * time.Millisecond})
	_, err := ours.Create(t.Context(), Draft{Marker: marker})
	require.Equal(t, fault.Timeout, fault.KindOf(err))
	require.Equal(t, OutcomeUnknown, OutcomeOf(err))
	require.ErrorContains(t, err, `Tracker did not finish "create issue" within this plugin's limit of 1ms`)
	require.ErrorContains(t, ours.Check(t.Context()), "limit of 2ms")

	// Long enough to begin in time on a busy machine: before that nothing is sent.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = New(&scripted{do: wait}, Options{}).Create(ctx, Draft{Marker: marker})
	require.Equal(t, fault.Timeout, fault.KindOf(err))
	require.ErrorContains(t, err, "the caller's own deadline")
	require.Equal(t, OutcomeUnknown, OutcomeOf(err))

	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("shutting down"))
	_, err = ours.Create(ctx, Draft{Marker: marker})
	require.Equal(t, fault.Canceled, fault.KindOf(err))
	require.Equal(t, OutcomeNotDone, OutcomeOf(err), "nothing was sent")
	require.ErrorContains(t, err, "shutting down")
}

// quota is a Quota that remembers the longest time it was told.
type quota struct{ left time.Duration }

func (q *quota) Wait(context.Context) error {
	if q.left == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.RateLimited, RetryAfter: q.left}
}

func (q *quota) Limited(_ context.Context, d time.Duration) error {
	q.left = max(q.left, d)
	return errors.New("nobody may notice")
}

func TestARateLimitIsPassedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		left time.Duration
	}{
		"told":          {&fault.Error{Kind: fault.RateLimited, RetryAfter: 90 * time.Second}, 90 * time.Second},
		"no time told":  {&fault.Error{Kind: fault.RateLimited}, limitPause},
		"wrapped":       {fmt.Errorf("x: %w", &fault.Error{Kind: fault.RateLimited, RetryAfter: time.Minute}), time.Minute},
		"busy, no 429":  {&fault.Error{Kind: fault.Unavailable, RetryAfter: time.Minute}, 0},
		"refused":       {&fault.Error{Kind: fault.Invalid}, 0},
		"it went right": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := &quota{}
			target := New(&scripted{issue: Issue{ID: "1"}, do: func(context.Context) error { return c.err }}, Options{Quota: q})
			require.NoError(t, target.Ready(t.Context()))
			_, err := target.Create(t.Context(), Draft{Marker: marker})
			require.Equal(t, c.err == nil, err == nil)
			require.Equal(t, c.left, q.left)
			err = target.Ready(t.Context())
			if c.left == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, fault.RateLimited)
			require.Equal(t, c.left, fault.From(err).RetryAfter)
			require.Equal(t, fault.SideTracker, fault.From(err).Side)
			require.Equal(t, "Tracker", fault.From(err).Peer)
			require.Contains(t, fault.From(err).Public, "Push again in")
		})
	}
	require.NoError(t, New(&scripted{}, Options{}).Ready(t.Context()), "without a memory nobody waits")
}

func TestCreateNeedsAnID(t *testing.T) {
	t.Parallel()
	_, err := New(&scripted{do: func(context.Context) error { return nil }}, Options{}).Create(t.Context(), Draft{Marker: marker})
	require.Equal(t, OutcomeUnknown, OutcomeOf(err))
}

func TestCreateFitsTheDraft(t *testing.T) {
	t.Parallel()
	driver := &scripted{issue: Issue{ID: "7", URL: "javascript:alert(1)"}, do: func(context.Context) error { return nil }}
	var seen []Observation
	target := New(driver, Options{Type: "scripted", Observe: func(o Observation) { seen = append(seen, o) }})
	issue, err := target.Create(t.Context(), Draft{Marker: marker, Title: "  a title\nthat is longer than twenty", Link: "javascript:alert(1)",
		Labels: []string{"a", " ", "a", "b\nc"}, Reporter: "Jane\nDoe"})
	require.NoError(t, err)
	require.Equal(t, Issue{ID: "7", Key: "7"}, issue, "the key is filled, an address that is none is dropped")
	require.Equal(t, Draft{Marker: marker, Title: "a title that is lon…", Labels: []string{"a", "b c"}, Reporter: "Jane Doe"}, driver.got)
	require.Len(t, seen, 1)
	require.Equal(t, "scripted", seen[0].Type)
	require.Equal(t, OpCreate, seen[0].Op)
	require.Equal(t, OutcomeDone, seen[0].Outcome)
}

func TestAbilitiesThatAreMissing(t *testing.T) {
	t.Parallel()
	target := New(&scripted{}, Options{})
	_, able, err := target.Read(t.Context(), "1")
	require.False(t, able)
	require.NoError(t, err)
	able, err = target.Comment(t.Context(), "1", "x")
	require.False(t, able)
	require.NoError(t, err)
	able, err = target.Close(t.Context(), "1")
	require.False(t, able)
	require.NoError(t, err)
	_, able, err = target.FindAll(t.Context(), marker)
	require.False(t, able)
	require.NoError(t, err)
}

// The markers of issues that exist must be derived again after any change of
// this code.
func TestMarkerIsStable(t *testing.T) {
	t.Parallel()
	m := NewMarker("mfrggzdfmztwq2lknnwg23tpoa", "5f0c7f0e-6d0b-4b0e-9b5e-3c1d8f0a7e42", 3)
	require.Equal(t, Marker("pb-wmsnh4y3jfpspceoj3whic5h5i"), m)
	require.True(t, m.Valid())
	require.NotEqual(t, NewMarker("a", "bc", 1), NewMarker("ab", "c", 1))
	require.NotEqual(t, NewMarker("a", "b", 1), NewMarker("a", "b", 2))
	for _, bad := range []Marker{"", "PB-1", "pb_1", "pb 1", Marker(strings.Repeat("a", 65))} {
		require.False(t, bad.Valid(), bad)
	}
}

// expiring is a driver that can say when its credential ends.
type expiring struct {
	scripted
	at time.Time
}

func (e *expiring) Expires(ctx context.Context) (time.Time, error) { return e.at, e.do(ctx) }

func TestExpires(t *testing.T) {
	t.Parallel()
	_, supported, err := New(&scripted{}, Options{}).Expires(t.Context())
	require.NoError(t, err)
	require.False(t, supported)

	at := time.Date(2026, 12, 10, 12, 0, 0, 0, time.FixedZone("", 3600))
	driver := &expiring{at: at}
	driver.do = func(context.Context) error { return nil }
	got, supported, err := New(driver, Options{}).Expires(t.Context())
	require.NoError(t, err)
	require.True(t, supported)
	require.Equal(t, at.UTC(), got)

	driver.do = func(context.Context) error { return wire.Unreadable("read", errors.New("not JSON")) }
	got, supported, err = New(driver, Options{}).Expires(t.Context())
	require.True(t, supported)
	require.Zero(t, got)
	require.False(t, fault.IsUnsure(err), "a question changes nothing")
}
