package refresh

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/breaker"
	"pushbutton/internal/targets"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// reader reads the issues of one integration.
type reader struct {
	*engine
	in     tenants.Integration
	target *targets.Target
	// present says that an issue of this sweep was there.
	present bool
	// changed are issues that are there and were found changed.
	changed []string
	// wait is when to ask again after a stop, where that is known.
	wait time.Duration
}

// entries reads the issues of entries and has the records take what it found.
// stopped is why the sweep cannot go on, in the words of whoever said so. An
// error means that Redis could not be used.
func (r *reader) entries(ctx context.Context, entries []connections.Entry) (stopped string, err error) {
	size := min(r.target.ReadManyLimit(), most)
	if size == 1 {
		size = single
	}
	for len(entries) > 0 && stopped == "" {
		batch := entries[:min(size, len(entries))]
		entries = entries[len(batch):]
		began := time.Now()
		if stopped, err = r.batch(ctx, batch); err != nil {
			return "", err
		}
		// Half of the time is the tracker's own: its rate limit is there for
		// pushes too.
		if err := r.pause(ctx, time.Since(began)); err != nil {
			return "", err
		}
	}
	return stopped, nil
}

// batch reads issues with one request, where the tracker can.
func (r *reader) batch(ctx context.Context, batch []connections.Entry) (stopped string, err error) {
	if err := r.target.Ready(ctx); err != nil {
		return r.stop(err), nil // a push has met the tracker's rate limit
	}
	pass, open := r.ask(ctx)
	if open {
		r.wait = pass.Wait
		return r.target.Traits().Name + " has not been working for a while", nil
	}
	if r.opts.Memory != nil {
		held, end := r.opts.Memory.Begin(ctx, r.in.Tenant)
		defer end()
		ctx = held
	}
	readings, stopped := r.read(ctx, batch, pass)
	return stopped, r.observe(ctx, readings)
}

// stop is why the tracker cannot be read, for people.
func (r *reader) stop(err error) string {
	ferr := fault.From(err)
	r.wait = ferr.RetryAfter
	return ferr.Public
}

// read asks the tracker about a batch. An issue that several buttons show is
// asked about once.
func (r *reader) read(ctx context.Context, batch []connections.Entry, pass breaker.Pass) (readings []connections.Reading, stopped string) {
	ids := make([]string, len(batch))
	for i, e := range batch {
		ids[i] = e.Record.Issue.ID
	}
	counts := map[targets.Verdict]int{}
	var refused, other error
	for i, result := range r.target.ReadMany(ctx, ids) {
		counts[result.Verdict]++
		switch result.Verdict {
		case targets.VerdictPresent, targets.VerdictMoved:
			r.present = true
		case targets.VerdictCredentialRefused:
			refused = result.Err
		case targets.VerdictIntermediary, targets.VerdictUndecided:
			other = result.Err
		case targets.VerdictTrashed, targets.VerdictGone, targets.VerdictHidden:
		}
		readings = append(readings, connections.Reading{Entry: batch[i], Verdict: result.Verdict, Issue: result.Issue})
	}
	for verdict, n := range counts {
		if r.opts.Read != nil {
			r.opts.Read(r.in.Target.Type, verdict.String(), n)
		}
	}
	unread := counts[targets.VerdictIntermediary]+counts[targets.VerdictUndecided] == len(batch)
	if !unread {
		other = nil
	}
	r.tell(ctx, pass, batch[0], other)
	switch hidden := counts[targets.VerdictHidden]; {
	case refused != nil:
		return nil, r.refused(ctx, refused)
	case hidden == len(batch) && hidden > 2 && !r.present:
		// Nobody hides all of an integration's issues one by one: the account has
		// lost its place.
		return nil, "the tracker shows the account none of the issues: check its rights to the project"
	case other != nil:
		return nil, r.stop(other)
	default:
		return readings, ""
	}
}

// refused marks the integration, so that its pushes wait and its admin is told.
func (r *reader) refused(ctx context.Context, err error) string {
	reason := fault.From(err).Public
	marked, merr := r.reconnects.NeedReconnect(ctx, r.in, fault.SideTracker, reason)
	if merr == nil && marked {
		r.log.WarnContext(ctx, "needs reconnect", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeySide, string(fault.SideTracker), telemetry.KeyReason, reason)
		if r.opts.NeedsReconnect != nil {
			r.opts.NeedsReconnect(fault.SideTracker)
		}
	}
	return reason
}

// observe has the records take readings, a few at a time: a change takes a slot
// of the tenant, and clicks go first.
func (r *reader) observe(ctx context.Context, readings []connections.Reading) error {
	for len(readings) > 0 {
		part := readings[:min(maxChanges, len(readings))]
		readings = readings[len(part):]
		tasks, err := r.records.Observe(ctx, part, r.in.Refresh.ResetDeleted)
		var answered redis.Error
		switch {
		case errors.As(err, &answered):
			// One record is broken. The others must not wait for it.
			r.log.WarnContext(ctx, "reading not recorded", telemetry.KeyTenant, r.in.Tenant, telemetry.KeyIntegration, r.in.ID, telemetry.KeyError, err)
		case err != nil:
			return err
		}
		if len(tasks) == 0 {
			continue
		}
		r.note(part, tasks)
		if r.opts.Changed != nil {
			r.opts.Changed(r.in.Target.Type, len(tasks))
		}
		for _, task := range tasks {
			if err := r.queue.Enqueue(ctx, *task); err != nil {
				r.log.WarnContext(ctx, "run recorded but not queued", task.Key.LogAttr(), telemetry.KeyError, err)
			}
		}
		if err := r.giveWay(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note remembers the issues whose change a webhook should have told. Of a deletion
// or a move not all trackers tell. A link or a key can differ from the answer to
// the push without any event.
func (r *reader) note(part []connections.Reading, tasks []*connections.Task) {
	for _, reading := range part {
		was, is := reading.Entry.Record.Issue, reading.Issue
		if reading.Verdict != targets.VerdictPresent || was == nil || was.Status == is.Status && was.Progress == is.Progress && was.Title == is.Title {
			continue
		}
		if slices.ContainsFunc(tasks, func(t *connections.Task) bool { return t.Key == reading.Entry.Key }) {
			r.changed = append(r.changed, was.ID)
		}
	}
}

// giveWay waits while more of the tenant's runs are under way than the sweep
// itself brings.
func (r *reader) giveWay(ctx context.Context) error {
	for range busyLooks {
		usage, err := r.records.Usage(ctx, r.in.Tenant)
		if err != nil {
			return err
		}
		if usage.InFlight <= maxChanges {
			return nil
		}
		if err := r.pause(ctx, busyWait); err != nil {
			return err
		}
	}
	return nil
}
