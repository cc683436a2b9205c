package targets

import (
	"context"
	"errors"
	"fmt"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// OpReadMany is the operation of one batch of Target.ReadMany, as it stands in
// errors and metrics.
const OpReadMany = "read issues"

// MaxReadMany is the most ids that one call of Target.ReadMany takes.
const MaxReadMany = 1000

// maxUnread is after how many missing issues in a row, none of them readable
// and none of them gone, the others are not asked for.
const maxUnread = 3

// ManyReader is the ability to read many issues with one request. A driver that
// has it is a Reader too.
type ManyReader interface {
	// ReadMany returns those of the issues that the tracker shows, in any order,
	// each as Read would return it. It says nothing about the others: the caller
	// asks Read about them. Each id is given once, and there are at most
	// ReadManyLimit of them. An error says nothing about any of the issues.
	ReadMany(ctx context.Context, ids []string) ([]Issue, error)
	// ReadManyLimit is the most ids of one call. The result is constant.
	ReadManyLimit() int
}

// ReadManyLimit returns how many issues the tracker reads with one request: 1
// where each is a request of its own.
func (t *Target) ReadManyLimit() int {
	if driver, ok := Ability[ManyReader](t.driver); ok {
		return max(driver.ReadManyLimit(), 1)
	}
	return 1
}

// ReadResult is the result of ReadMany for one issue.
type ReadResult struct {
	ID string
	// Issue is set where Err is nil.
	Issue Issue
	// Verdict is VerdictOf(Issue, Err).
	Verdict Verdict
	Err     error
}

// ReadMany reads issues as they are now, and returns one result for each id in
// the order given. It takes at most MaxReadMany ids; an id may stand there
// twice.
//
// Where the driver is a ManyReader, batches are read, each within the time-out
// of one operation. An issue that its batch does not bring is read alone, since
// only Read knows a deleted issue from a hidden one. A failed batch leaves the
// others as they are. Nothing more is asked after a rate limit, a refused
// credential or the end of ctx: the ids that are left get that error.
func (t *Target) ReadMany(ctx context.Context, ids []string) []ReadResult {
	r := &manyReads{t: t, known: make(map[string]ReadResult, len(ids))}
	if err := t.canReadMany(ctx, len(ids)); err != nil {
		r.fail(ids, err)
	} else {
		r.read(ctx, ids)
	}
	out := make([]ReadResult, len(ids))
	for i, id := range ids {
		out[i] = r.known[id]
	}
	return out
}

func (t *Target) canReadMany(ctx context.Context, n int) error {
	if n > MaxReadMany {
		return t.run(ctx, OpReadMany, func(context.Context) error {
			return &fault.Error{Kind: fault.Internal, Err: fmt.Errorf("%d ids were given, and at most %d are taken", n, MaxReadMany)}
		})
	}
	if _, ok := Ability[Reader](t.driver); !ok {
		return t.fault(OpReadMany, &fault.Error{Kind: fault.Invalid, Err: errors.New("the driver has no Reader"),
			Public: t.traits.Name + " cannot be asked how an issue is now with these settings. Ask your admin to check the integration's settings."})
	}
	return nil
}

// manyReads is one call of Target.ReadMany.
type manyReads struct {
	t     *Target
	known map[string]ReadResult
}

func (r *manyReads) put(id string, issue Issue, err error) {
	r.known[id] = ReadResult{ID: id, Issue: issue, Verdict: VerdictOf(issue, err), Err: err}
}

func (r *manyReads) fail(ids []string, err error) {
	for _, id := range ids {
		r.put(id, Issue{}, err)
	}
}

// unknown returns each id without a result once, in the order given.
func (r *manyReads) unknown(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	var out []string
	for _, id := range ids {
		if _, ok := r.known[id]; !ok && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func (r *manyReads) read(ctx context.Context, ids []string) {
	driver, ok := Ability[ManyReader](r.t.driver)
	if !ok {
		r.readEach(ctx, r.unknown(ids), false)
		return
	}
	if err := r.readBatches(ctx, driver, r.unknown(ids)); err != nil {
		r.fail(r.unknown(ids), err)
		return
	}
	r.readEach(ctx, r.unknown(ids), true)
}

// readBatches reads ids by batches. What it leaves unknown is missing. An error
// means that nothing more is to be asked.
func (r *manyReads) readBatches(ctx context.Context, driver ManyReader, ids []string) error {
	limit := r.t.ReadManyLimit()
	for len(ids) > 0 {
		batch := ids[:min(limit, len(ids))]
		ids = ids[len(batch):]
		found, err := r.t.readBatch(ctx, driver, batch)
		if err != nil {
			r.fail(batch, err)
		}
		if endsReading(ctx, err) {
			return r.t.notAsked(err)
		}
		for id, issue := range found {
			r.put(id, issue, nil)
		}
	}
	return nil
}

// readBatch reads one batch, and returns its issues by their ids.
func (t *Target) readBatch(ctx context.Context, driver ManyReader, ids []string) (map[string]Issue, error) {
	var found map[string]Issue
	err := t.run(ctx, OpReadMany, func(ctx context.Context) error {
		answer, err := driver.ReadMany(ctx, ids)
		if fault.KindOf(err) == fault.Gone && err != nil {
			// A batch is gone if its place is: this says nothing about an issue.
			hidden := *fault.From(err)
			hidden.Kind = fault.NotFound
			return &hidden
		}
		if err != nil {
			return err
		}
		found, err = t.asked(ids, answer)
		return err
	})
	return found, err
}

// asked picks what was asked for out of a batch's answer: the first of each id.
// It is an error if the answer has issues, and none of them was asked for.
func (t *Target) asked(ids []string, answer []Issue) (map[string]Issue, error) {
	found := make(map[string]Issue, len(ids))
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	for _, issue := range answer {
		id := issue.ID
		if _, twice := found[id]; twice || !wanted[id] || text.BadID(id) != "" {
			continue
		}
		whole, err := t.issue(issue)
		if err != nil {
			continue // it is missing then, and Read reports what is wrong
		}
		found[id] = whole
	}
	if len(answer) > 0 && len(found) == 0 {
		return nil, wire.Stranger(OpReadMany, t.traits.Name, "the integration's settings", errors.New("the answer has none of the issues that were asked for"))
	}
	return found, nil
}

// readEach reads ids one by one. missing is set for those that a batch did not
// bring: if several of them in a row cannot be read, so that probably the place
// or the credential is to blame, the rest are not asked for.
func (r *manyReads) readEach(ctx context.Context, ids []string, missing bool) {
	var unread []error
	for i, id := range ids {
		issue, _, err := r.t.Read(ctx, id)
		r.put(id, issue, err)
		if endsReading(ctx, err) {
			r.fail(ids[i+1:], r.t.notAsked(err))
			return
		}
		if err == nil || VerdictOf(issue, err) == VerdictGone {
			unread = nil
			continue
		}
		if unread = append(unread, err); missing && len(unread) == maxUnread {
			r.fail(ids[i+1:], r.t.notAsked(unread...))
			return
		}
	}
}

// endsReading reports whether nothing more is to be asked after an error.
func endsReading(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	kind := fault.KindOf(err)
	return kind == fault.RateLimited || kind == fault.Unauthorized || kind == fault.Canceled || ctx.Err() != nil
}

// notAsked is the error for issues that were not asked for, because of the errors
// of others. Errors with different verdicts decide nothing about them.
func (t *Target) notAsked(why ...error) error {
	e := *fault.From(why[len(why)-1])
	for _, other := range why {
		if VerdictOf(Issue{}, other) != VerdictOf(Issue{}, &e) {
			e.Kind = fault.Unavailable
			break
		}
	}
	e.Public = "" // it may name another issue
	e.Err = fmt.Errorf("not asked for, since others could not be read: %w", errors.Join(why...))
	return t.fault(OpReadMany, &e)
}
