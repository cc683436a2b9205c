package actions

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
)

func TestPushOpensOneIssue(t *testing.T) {
	r := newRig(t)
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
	r.quiet(pbapi.StateConnected)

	issues := r.tracker.Issues("demo", 10)
	require.Len(t, issues, 1)
	require.Equal(t, "Dark mode", issues[0].Title)
	require.Contains(t, issues[0].Description, "Make it **dark**.")
	require.Equal(t, []string{"entity", "put", "get"}, r.pb.calls, "no call more than needed")
	shown := r.pb.shown()
	require.Equal(t, issues[0].Key, shown.HoverLabel)
	require.Contains(t, shown.Tooltip, "Dark mode")
	require.NotEmpty(t, shown.TargetURL)
}

func TestDoubleClickIsOnePush(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	require.Equal(t, pbapi.StateProgress, r.click(pbapi.TriggerPush).State)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

func TestPushWhileConnectedShowsTheIssueAgain(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.NoError(t, r.tracker.SetStatus(r.tracker.Issues("demo", 1)[0].ID, memtarget.StatusDone))
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1, "no second issue")
	require.Equal(t, memtarget.StatusDone, r.pb.shown().Label, "its status as it is now")
	require.Equal(t, "green", r.pb.shown().Color)
}

func TestPushAfterUnlinkGetsAnIssueOfItsOwn(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.click(pbapi.TriggerPush)
		r.quiet(pbapi.StateConnected)
		require.Equal(t, pbapi.StateInitial, r.click(pbapi.TriggerUnlink).State)
		r.quiet(pbapi.StateInitial)
	}
	require.Len(t, r.tracker.Books(0, 10), 3)
}

// Whatever happens to the create, there is one issue in the end.
func TestCreateThatGoesWrong(t *testing.T) {
	after := func(f memtarget.Fault) memtarget.Fault { f.After = true; return f }
	reset := memtarget.Fault{Effect: memtarget.EffectReset}
	hold := memtarget.Fault{Effect: memtarget.EffectHold}
	status := func(code, retryAfter int) memtarget.Fault {
		return memtarget.Fault{Effect: memtarget.EffectStatus, Status: code, RetryAfter: retryAfter}
	}
	for name, faults := range map[string][]memtarget.Fault{
		"reset before":            {reset},
		"reset after":             {after(reset)},
		"time-out after":          {after(hold)},
		"500 before":              {status(500, 0)},
		"500 after":               {after(status(500, 0))},
		"502 twice":               {status(502, 0), status(502, 0)},
		"503 that names a time":   {status(503, 7)},
		"429":                     {status(429, 20)},
		"429 without a time":      {status(429, 0)},
		"garbled answer":          {after(memtarget.Fault{Effect: memtarget.EffectGarble})},
		"reset, then 500 after":   {reset, after(status(500, 0))},
		"429 more often than try": {status(429, 1), status(429, 1), status(429, 1), status(429, 1), status(429, 1), status(429, 1), status(429, 1)},
	} {
		for _, lag := range []int{0, 6} {
			t.Run(name+map[int]string{0: "", 6: ", look-up lags"}[lag], func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.settings("tracker-key", "demo", lag)
				require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: faults, LagMS: lag * 1000}))
				r.click(pbapi.TriggerPush)
				r.quiet(pbapi.StateConnected)
				require.Len(t, r.tracker.Books(0, 10), 1)
			})
		}
	}
}

func TestWhatStopsAPush(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(r *rig)
		says    string
	}{
		"wrong key":       {func(r *rig) { r.settings("wrong-key", "demo", 0) }, "credentials"},
		"unknown project": {func(r *rig) { r.settings("tracker-key", "other", 0) }, "settings"},
		"entity gone": {func(r *rig) {
			r.pb.fail = map[string][]error{"entity": {fault.New(fault.NotFound, "get entity", "Productboard does not have this item any more.")}}
		}, "any more"},
		"tracker away": {func(r *rig) {
			_ = r.tracker.SetFaults(memtarget.Faults{Random: []memtarget.Chance{
				{On: memtarget.OpCreate, P: 1, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503}},
				{On: memtarget.OpFind, P: 1, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503}},
			}})
		}, "cannot be reached or is not working"},
		"limited beyond the deadline": {func(r *rig) {
			_ = r.tracker.SetFaults(memtarget.Faults{Random: []memtarget.Chance{
				{On: memtarget.OpCreate, P: 1, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 429, RetryAfter: 60}},
			}})
		}, "Last tried: Sandbox tracker receives too many requests"},
		"a bug": {func(r *rig) { r.target = func() (*targets.Target, error) { panic("boom") } }, "Something went wrong at this plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.arrange(r)
			r.click(pbapi.TriggerPush)
			start, told := r.clock, time.Time{}
			r.pb.onPut = func(pbapi.ConnectionState) { told = r.clock }
			r.quiet(pbapi.StateError)
			require.Contains(t, r.pb.shown().Message, c.says)
			require.NotContains(t, r.pb.shown().Message, "tracker-key")
			require.LessOrEqual(t, told.Sub(start), 10*time.Minute, "within the deadline")
			r.pb.onPut = nil
			require.Empty(t, r.tracker.Books(0, 10))

			// What was mended works at the next click.
			require.Equal(t, pbapi.StateInitial, r.click(pbapi.TriggerDismiss).State)
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{}))
			r.settings("tracker-key", "demo", 0)
			r.click(pbapi.TriggerPush)
			r.quiet(pbapi.StateConnected)
			require.Len(t, r.tracker.Books(0, 10), 1)
		})
	}
}

func TestTellingProductboardNeverRepeatsTheCreate(t *testing.T) {
	r := newRig(t)
	away := &fault.Error{Kind: fault.Unavailable, Side: fault.SideProductboard}
	limited := &fault.Error{Kind: fault.RateLimited, Side: fault.SideProductboard, RetryAfter: 2 * time.Second}
	r.pb.fail = map[string][]error{"put": {away, limited, away, away, away, away, away, away, away, away}}
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

func TestARevokedTokenIsTriedAgainUntilItIsRenewed(t *testing.T) {
	r := newRig(t)
	refused := make([]error, 30)
	for i := range refused {
		refused[i] = &fault.Error{Kind: fault.Unauthorized, Side: fault.SideProductboard}
	}
	r.pb.fail = map[string][]error{"put": refused}
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
}

func TestTellingEndsADayAfterTheClick(t *testing.T) {
	r := newRig(t)
	refused := make([]error, 5000)
	for i := range refused {
		refused[i] = &fault.Error{Kind: fault.Unavailable, Side: fault.SideProductboard}
	}
	r.pb.fail = map[string][]error{"put": refused, "get": refused}
	r.click(pbapi.TriggerPush)
	start := r.clock
	for r.step(context.Background()) {
		require.Less(t, r.clock.Sub(start), 25*time.Hour)
	}
	n, err := r.store.Unfinished(context.Background())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, connections.Connected, r.record().State)
}

func TestLateAnswerIsOverwritten(t *testing.T) {
	r := newRig(t)
	progress := r.click(pbapi.TriggerPush)
	require.True(t, r.step(context.Background()))
	require.Equal(t, pbapi.StateConnected, r.pb.shown().State)
	r.pb.write(progress) // Productboard processes the answer to the click only now
	r.quiet(pbapi.StateConnected)
	require.Equal(t, []string{"entity", "put", "get", "put", "get", "get"}, r.pb.calls)
}

// What was sent before an unlink may be carried out after it was read back.
func TestWhatArrivesAfterAnUnlinkIsOverwritten(t *testing.T) {
	for name, late := range map[string]pbapi.StateName{"the answer to the push": pbapi.StateProgress, "a PUT": pbapi.StateConnected} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			states := map[pbapi.StateName]pbapi.ConnectionState{pbapi.StateProgress: r.click(pbapi.TriggerPush)}
			r.pb.onPut = func(s pbapi.ConnectionState) {
				r.pb.onPut = nil
				states[s.State] = s
				r.click(pbapi.TriggerUnlink)
			}
			r.step(context.Background())
			r.step(context.Background()) // reads back
			r.pb.write(states[late])
			r.quiet(pbapi.StateInitial)
		})
	}
}

// However long Productboard could not be asked, a wrong button is set again.
func TestAWrongButtonIsSetAgainAfterAnOutage(t *testing.T) {
	r := newRig(t)
	away := make([]error, 3*maxAsserts)
	for i := range away {
		away[i] = &fault.Error{Kind: fault.Unavailable, Side: fault.SideProductboard}
	}
	progress := r.click(pbapi.TriggerPush)
	r.step(context.Background())
	r.pb.write(progress)
	r.pb.fail = map[string][]error{"get": away}
	r.quiet(pbapi.StateConnected)
}

// Two plugins that disagree about a button do not write it for ever.
func TestAButtonThatIsOverwrittenAgainAndAgainIsLeft(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	puts := 0
	r.pb.onPut = func(pbapi.ConnectionState) { puts++ }
	for range 200 {
		if !r.step(context.Background()) {
			break
		}
		r.pb.write(pbapi.ConnectionState{State: pbapi.StateInitial})
	}
	require.Empty(t, r.queue)
	require.Greater(t, puts, maxAsserts)
	require.Less(t, puts, 2*maxAsserts)
}

// Productboard's own error is dismissed, and our answer to that is lost.
func TestDismissOfAnErrorThatIsNotOursIsReadBack(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	r.click(pbapi.TriggerDismiss)
	r.pb.write(pbapi.ConnectionState{State: pbapi.StateError, Message: "Something went wrong."})
	r.quiet(pbapi.StateConnected)
}

// Clicks come faster than issues of unlinked pushes are treated.
func TestEveryUnlinkedIssueIsTreated(t *testing.T) {
	r := newRig(t)
	r.in.OnUnlink = tenants.UnlinkClose
	const rounds = 10
	for range rounds {
		r.click(pbapi.TriggerPush)
		r.step(context.Background())
		r.queue = nil
		r.click(pbapi.TriggerUnlink)
	}
	r.quiet(pbapi.StateInitial)
	issues := r.tracker.Issues("demo", 0)
	require.Len(t, issues, rounds)
	for _, i := range issues {
		require.Equal(t, memtarget.StatusDone, i.Status, i.Key)
	}
}

// The day in which Productboard is told begins with the latest click.
func TestAnUnlinkOfAnOldPushIsReadBackAsLong(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	connected := r.pb.shown()
	r.advance(48 * time.Hour)
	r.click(pbapi.TriggerUnlink)
	r.pb.write(connected)
	away := &fault.Error{Kind: fault.Unavailable, Side: fault.SideProductboard}
	r.pb.fail = map[string][]error{"get": {away, away}, "put": {away, away}}
	r.quiet(pbapi.StateInitial)
}

func TestProductboardRefusesWhatTheButtonShows(t *testing.T) {
	r := newRig(t)
	r.pb.fail = map[string][]error{"put": {fault.New(fault.Invalid, "put connection", "")}}
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateError)
	require.Contains(t, r.pb.shown().Message, "exists")
	r.click(pbapi.TriggerPush)
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

func TestUnlinkInFlight(t *testing.T) {
	for policy, wantStatus := range map[tenants.OnUnlink]string{
		tenants.UnlinkLeave: memtarget.StatusOpen, tenants.UnlinkComment: memtarget.StatusOpen, tenants.UnlinkClose: memtarget.StatusDone,
	} {
		for name, hook := range map[string]func(r *rig, unlink func()){
			"while the entity is loaded": func(r *rig, unlink func()) { r.pb.onGet = unlink },
			"while the button is set":    func(r *rig, unlink func()) { r.pb.onPut = func(pbapi.ConnectionState) { unlink() } },
			"after the create was lost": func(r *rig, unlink func()) {
				_ = r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{{Effect: memtarget.EffectReset, After: true}}})
			},
		} {
			t.Run(string(policy)+" "+name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.in.OnUnlink = policy
				unlinked := false
				unlink := func() {
					if !unlinked {
						unlinked = true
						r.click(pbapi.TriggerUnlink)
					}
				}
				hook(r, unlink)
				r.click(pbapi.TriggerPush)
				r.step(context.Background())
				unlink()
				r.quiet(pbapi.StateInitial)
				books := r.tracker.Books(0, 10)
				require.LessOrEqual(t, len(books), 1)
				for _, b := range books {
					issue, ok := r.tracker.Issue(b.IssueID)
					require.True(t, ok)
					require.Equal(t, wantStatus, issue.Status)
					require.Equal(t, policy != tenants.UnlinkLeave, len(issue.Comments) > 0)
				}
			})
		}
	}
}

func TestFencedWorkerSendsNothing(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.pb.onGet = func() {
		r.pb.onGet = nil
		r.advance(11 * time.Second) // frozen for longer than its lease, here
		found, _, err := r.store.Rescue(context.Background())
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.NoError(t, r.Enqueue(context.Background(), found[0].Task))
	}
	r.quiet(pbapi.StateConnected)
	require.Len(t, r.tracker.Books(0, 10), 1)
}

func TestShutdownHandsTheRunBackAtOnce(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	r.pb.onGet = func() { r.pb.onGet = nil; cancel() }
	r.pb.fail = map[string][]error{"entity": {fault.Wrap(fault.Unavailable, "get entity", context.Canceled)}}
	r.click(pbapi.TriggerPush)
	r.step(ctx)
	require.Len(t, r.queue, 1)
	require.Zero(t, r.queue[0].Delay)
	require.Zero(t, r.record().Attempts, "a shutdown is not the push's fault")
	r.quiet(pbapi.StateConnected)
}

func TestDeletedIntegrationLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	r.inGone = true
	r.drain()
	_, err := r.store.Get(context.Background(), r.key())
	require.ErrorIs(t, err, fault.NotFound)
}

func TestRedisAwayIsTheQueuesBusiness(t *testing.T) {
	r := newRig(t)
	r.click(pbapi.TriggerPush)
	w := r.queue[0].Task
	r.env.Mini.SetError("LOADING")
	require.Error(t, r.perform.Perform(context.Background(), w.Key, w.Run))
	r.env.Mini.SetError("")
	r.quiet(pbapi.StateConnected)
}

// A push that can no longer say itself that it failed (its context has ended,
// its integration cannot be read) is still told as failed.
func TestOpenThatNeverGetsFar(t *testing.T) {
	r := newRig(t)
	r.perform.integrations = unreadable{}
	r.click(pbapi.TriggerPush)
	for range maxAttempts {
		require.True(t, r.step(context.Background()))
	}
	require.Equal(t, connections.Settle, r.record().Step)
	r.perform.integrations = r
	r.quiet(pbapi.StateError)
}

type unreadable struct{}

func (unreadable) ByID(context.Context, string) (tenants.Integration, error) {
	return tenants.Integration{}, &fault.Error{Kind: fault.Internal, Err: errors.New("the record cannot be decoded")}
}

// A create that left a frozen process very late makes a second issue. It is
// found, the oldest stays, the other is closed.
func TestDuplicateIsFoundAndClosed(t *testing.T) {
	for name, before := range map[string]bool{"the late one is older": true, "the late one is younger": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			closed := 0
			r.perform.opts.Duplicate = func(string) { closed++ }
			require.NoError(t, r.tracker.SetFaults(memtarget.Faults{Next: []memtarget.Fault{{Effect: memtarget.EffectReset}}}))
			r.click(pbapi.TriggerPush)
			require.True(t, r.step(context.Background()))
			require.NotNil(t, r.record().Intent)
			if before {
				// It appears after the look-up found nothing and before the second
				// create.
				gets := 0
				r.pb.onGet = func() {
					if gets++; len(r.tracker.Books(0, 10)) == 0 {
						r.createBehindOurBack(r.record().Marker(r.key()))
					}
				}
			}
			for r.record().State != connections.Connected {
				require.True(t, r.step(context.Background()))
			}
			if !before {
				r.createBehindOurBack(r.record().Marker(r.key()))
			}
			r.quiet(pbapi.StateConnected)
			issues := r.tracker.Marked("demo", string(r.record().Marker(r.key())))
			require.Len(t, issues, 2)
			require.Equal(t, 1, closed, "counted once")
			require.Equal(t, memtarget.StatusOpen, issues[0].Status, "the oldest stays")
			require.Equal(t, issues[0].Key, r.pb.shown().HoverLabel, "and is shown")
			require.Equal(t, memtarget.StatusDone, issues[1].Status)
			require.Len(t, issues[1].Comments, 1)
			require.Zero(t, r.record().Recreated, "looked for twice, then no more")
		})
	}
}
