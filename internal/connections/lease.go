package connections

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"pushbutton/internal/targets"
)

// Lease is one worker's right to change a record. Every method is one atomic
// transition, which returns ErrLost once another worker has the run.
type Lease struct {
	// Record is as the latest transition left it.
	Record Record
	// Now is Redis' time at the latest transition, in milliseconds.
	Now int64
	// ItemTitle is what the pushed item is called; empty while that is not known.
	// Opened and Failed keep it, cut.
	ItemTitle string

	store *Store
	key   Key
	run   int64
	owner string
	// renewed is our own monotonic time at which the latest successful
	// renewal was sent: the lease is surely ours for Timing.Lease after it.
	renewed atomic.Int64
	born    time.Time
}

// Begin takes the lease of a run. It returns nil and no error where there is
// nothing to do: the run is over, taken over, or another worker is at it.
func (s *Store) Begin(ctx context.Context, key Key, run int64) (*Lease, error) {
	return s.Resume(ctx, key, run, rand.Text())
}

// Resume is Begin for a process that another one, the owner of the lease, has
// handed the run to. The owner is in Record.Owner.
func (s *Store) Resume(ctx context.Context, key Key, run int64, owner string) (*Lease, error) {
	l := &Lease{store: s, key: key, run: run, owner: owner, born: time.Now()}
	out, err := s.do(ctx, "begin", key, arguments{Run: run, Owner: l.owner})
	if err != nil || out.verdict != vOK {
		return nil, err
	}
	l.take(out)
	return l, nil
}

func (l *Lease) take(out outcome) { l.Record, l.Now = out.record, out.now }

// Valid reports whether the lease is surely still ours by our own clock. Call it
// right before anything is sent that another worker must not send as well: a
// process that was frozen finds out here.
func (l *Lease) Valid() bool {
	return !fencing || time.Since(l.born)-time.Duration(l.renewed.Load()) < l.store.timing.Lease
}

// overrun is for how long after its deadline a push that is being opened keeps
// its lease: a create that was sent may come back.
const overrun = 20 * time.Second

// overdue reports whether a push has not been opened long after its deadline.
func overdue(rec Record, now int64) bool {
	return rec.Step == Open && rec.Deadline > 0 && now > rec.Deadline+overrun.Milliseconds()
}

// Overdue reports whether the push was to be over for so long that this run is
// not to begin anything: the run before did not come back.
func (l *Lease) Overdue() bool { return overdue(l.Record, l.Now) }

// Keep renews the lease until stop is called or it is lost; then the returned
// context ends with ErrLost as its cause. It is not renewed for a push that is
// overdue, whatever the run does; the cause is ErrOverdue. stop waits for the
// renewer's end.
func (l *Lease) Keep(ctx context.Context) (kept context.Context, stop func()) {
	kept, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(l.store.timing.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-kept.Done():
				return
			case <-tick.C:
			}
			sent := time.Since(l.born)
			// A renewal that hangs is worth nothing: the lease ends first.
			rctx, rcancel := context.WithTimeout(kept, l.store.timing.Lease/3)
			out, err := l.store.do(rctx, "renew", l.key, arguments{Run: l.run, Owner: l.owner})
			rcancel()
			switch {
			case err == nil && out.verdict == vOK && overdue(out.record, out.now):
				cancel(ErrOverdue)
				return
			case err == nil && out.verdict == vOK:
				l.renewed.Store(int64(sent))
			case err == nil || !l.Valid():
				cancel(ErrLost)
				return
			}
		}
	}()
	return kept, func() {
		cancel(context.Canceled)
		<-done
	}
}

// change runs a transition of this lease and keeps what it left.
func (l *Lease) change(ctx context.Context, op string, args arguments) (outcome, error) {
	args.Run, args.Owner = l.run, l.owner
	out, err := l.store.do(ctx, op, l.key, args)
	if err != nil {
		return out, err
	}
	switch out.verdict {
	case vOK, vQueued, vBacklog:
		l.take(out)
		return out, nil
	default:
		return out, ErrLost
	}
}

// Intend records that a create is about to be sent. Only after it has
// returned nil may the create leave.
func (l *Lease) Intend(ctx context.Context) error {
	_, err := l.change(ctx, "intend", arguments{})
	return err
}

// NotCreated records that the intended create was surely not carried out.
func (l *Lease) NotCreated(ctx context.Context) error {
	_, err := l.change(ctx, "not_created", arguments{})
	return err
}

// Opened records the issue; doing so twice is no error. With ErrLost, kept
// reports whether the record, or the run that follows, will see to the issue.
// Otherwise the push was unlinked, and the caller has to.
func (l *Lease) Opened(ctx context.Context, issue targets.Issue) (kept bool, err error) {
	out, err := l.change(ctx, "opened", arguments{Epoch: l.Record.Epoch, Issue: keptIssue(issue), Title: cut(l.ItemTitle, maxItemTitle), Note: issue.Key})
	return err == nil || out.verdict == vKept, err
}

// Gone records that the connected issue exists no more; the push goes on with
// an issue of its own.
func (l *Lease) Gone(ctx context.Context) error {
	_, err := l.change(ctx, "gone", arguments{})
	return err
}

// Failed records that the push has failed for good; Productboard is told
// next.
func (l *Lease) Failed(ctx context.Context, f Failure) error {
	_, err := l.change(ctx, "failed", arguments{Failure: &f, Title: cut(l.ItemTitle, maxItemTitle), Note: f.note()})
	return err
}

// Settled records that Productboard was told; the task to queue reads back.
func (l *Lease) Settled(ctx context.Context) (*Task, error) {
	out, err := l.change(ctx, "settled", arguments{})
	return out.task(l.key), err
}

// Verified records that the button shows what it should. The task to queue,
// if any, is about orphans.
func (l *Lease) Verified(ctx context.Context) (*Task, error) {
	out, err := l.change(ctx, "verified", arguments{})
	return out.task(l.key), err
}

// Unverified records that nobody tries any longer to have the button show what it
// should. A reading of the issue will. The task is as that of Verified.
func (l *Lease) Unverified(ctx context.Context) (*Task, error) {
	out, err := l.change(ctx, "verified", arguments{Unsure: true})
	return out.task(l.key), err
}

// Deduplicated records that duplicates of this push's issue were looked for and
// that keep is the one to show. The task to queue goes on with it: to show another
// issue than before, or to look once more after delay. Without a task the
// caller goes on.
func (l *Lease) Deduplicated(ctx context.Context, keep targets.Issue, delay time.Duration) (*Task, error) {
	out, err := l.change(ctx, "deduplicated", arguments{Issue: keptIssue(keep), Delay: delay.Milliseconds(), Note: keep.Key})
	return out.task(l.key), err
}

// CleanedUp records that the orphan of an epoch was treated.
func (l *Lease) CleanedUp(ctx context.Context, epoch int) error {
	_, err := l.change(ctx, "cleaned_up", arguments{Epoch: epoch})
	return err
}

// Requeue hands the run back, to go on after delay. Counted tries are
// bounded, others (a rate limit, a shutdown) only by the deadline.
func (l *Lease) Requeue(ctx context.Context, delay time.Duration, counted bool, why Failure) (*Task, error) {
	out, err := l.change(ctx, "hand_back", arguments{Delay: delay.Milliseconds(), Counted: counted, Failure: &why, Note: why.note()})
	return out.task(l.key), err
}

// RequeueBMPOnly is Requeue, counted, after a create that may have failed because of
// its characters: see Intent.BMPOnly.
func (l *Lease) RequeueBMPOnly(ctx context.Context, delay time.Duration, why Failure) (*Task, error) {
	out, err := l.change(ctx, "hand_back", arguments{Delay: delay.Milliseconds(), Counted: true, BMPOnly: true, Failure: &why, Note: why.note()})
	return out.task(l.key), err
}

// Postpone is Requeue, not counted, for a run that did nothing yet: what was known
// of lost workers stays known.
func (l *Lease) Postpone(ctx context.Context, delay time.Duration, why Failure) (*Task, error) {
	out, err := l.change(ctx, "hand_back", arguments{Delay: delay.Milliseconds(), Keep: true, Failure: &why, Note: why.note()})
	return out.task(l.key), err
}

// Limited is Requeue, not counted, where the tracker takes no calls for a while:
// until closed has passed, no run of the integration that would call it leaves
// the backlog. Runs in flight find out by themselves.
func (l *Lease) Limited(ctx context.Context, delay, closed time.Duration, why Failure) (*Task, error) {
	out, err := l.change(ctx, "hand_back", arguments{Delay: delay.Milliseconds(), Closed: max(closed.Milliseconds(), 1), Failure: &why, Note: why.note()})
	return out.task(l.key), err
}

// Park hands the run back to wait for a credential. It begins again after delay
// at the latest. The push's time stands still until it begins again.
func (l *Lease) Park(ctx context.Context, delay time.Duration, why Failure) (*Task, error) {
	out, err := l.change(ctx, "park", arguments{Delay: delay.Milliseconds(), Failure: &why, Note: why.note()})
	return out.task(l.key), err
}

// Lost reports whether err means that the lease is gone.
func Lost(err error) bool { return errors.Is(err, ErrLost) }

// WouldBeOverdue reports whether the deadline passes within a wait.
func (l *Lease) WouldBeOverdue(wait time.Duration) bool {
	return l.Record.Deadline > 0 && l.Now+wait.Milliseconds() >= l.Record.Deadline
}

// SinceIntent is how long ago the latest create was about to be sent.
func (l *Lease) SinceIntent() time.Duration {
	if l.Record.Intent == nil {
		return 0
	}
	return time.Duration(l.Now-l.Record.Intent.At) * time.Millisecond
}

// Fence returns ErrLost once the lease is no longer surely ours.
func (l *Lease) Fence() error {
	if l.Valid() {
		return nil
	}
	return ErrLost
}

// Forget removes the record: its integration exists no more, nobody can be
// told anything. The task to queue is another record's.
func (l *Lease) Forget(ctx context.Context) (*Task, error) {
	out, err := l.change(ctx, "forget", arguments{})
	return out.task(l.key), err
}
