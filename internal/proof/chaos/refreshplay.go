package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
	"pushbutton/internal/targets/memtarget"
)

// followed is a run with -refresh while it is played.
type followed struct {
	*world
	plan  refreshPlan
	fates *fates
	say   func(string, ...any)

	mu      sync.Mutex
	shown   map[int]string // the issue of each connected button, as last seen
	hidden  []string
	clicks  []clicked
	done    map[changeKind]int
	guesses map[int]int
	skipped int
	// windows has a lock for each integration: one thing at a time befalls a project.
	windows []sync.Mutex
}

// fates are when issues lay in the trash or were deleted. What is noted begins no
// later than in the tracker, and ends no earlier.
type fates struct {
	mu sync.Mutex
	of map[string][]fate
}

type fate struct{ From, To time.Time } // To is zero while it lasts

func (f *fates) begin(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.of[id]); n == 0 || !f.of[id][n-1].To.IsZero() {
		f.of[id] = append(f.of[id], fate{From: time.Now()})
	}
}

func (f *fates) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.of[id]); n > 0 && f.of[id][n-1].To.IsZero() {
		f.of[id][n-1].To = time.Now()
	}
}

// confirmed reports whether two readings that far apart can have found an issue
// gone by some moment.
func (f *fates) confirmed(id string, by time.Time, apart time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, last := range f.of[id] {
		to := by
		if !last.To.IsZero() && last.To.Before(by) {
			to = last.To
		}
		// Redis counts in whole milliseconds.
		if last.From.Before(by) && to.Sub(f.of[id][0].From)+2*time.Millisecond >= apart {
			return true
		}
	}
	return false
}

// look learns which issues the buttons show.
func (f *followed) look(ctx context.Context) error {
	all, err := f.sandbox.Connections(ctx, "")
	if err != nil {
		return err
	}
	shown := map[[2]string]pbfake.State{}
	for _, c := range all {
		shown[[2]string{c.IntegrationID, c.EntityID}] = c.State
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.shown)
	for n, b := range f.plan.Buttons {
		if s := shown[[2]string{f.integrations[b.Integration], f.entities[b.Entity]}]; s.Name == pbfake.StateConnected {
			f.shown[n] = path.Base(s.TargetURL)
		}
	}
	return nil
}

// lookOn looks again and again until the context ends.
func (f *followed) lookOn(ctx context.Context) {
	for pause(ctx, time.Second) == nil {
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			f.say("%v", err)
		}
	}
}

// play carries the changes out, each at its time, while strikes befall the
// processes.
func (f *followed) play(ctx context.Context) error {
	start := time.Now()
	looking, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { f.lookOn(looking) })
	if f.opts.Hooks {
		group.Go(func() { f.guess(looking) })
	}
	failed := make(chan error, 1)
	group.Go(func() { failed <- f.strikeAll(f.plan.plan)(ctx, start) })
	var deeds sync.WaitGroup
	var errs []error
	for _, c := range f.plan.Changes {
		if err := pause(ctx, time.Until(start.Add(c.At))); err != nil {
			errs = append(errs, err)
			break
		}
		deeds.Go(func() {
			err := f.perform(ctx, c)
			f.mu.Lock()
			defer f.mu.Unlock()
			switch {
			case errors.Is(err, errNothing):
				f.skipped++
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", c.Kind, err))
			default:
				f.done[c.Kind]++
			}
		})
	}
	deeds.Wait()
	err := <-failed
	stop()
	group.Wait()
	return errors.Join(append(errs, err)...)
}

// errNothing says that there was nothing to change.
var errNothing = errors.New("nothing to change")

func (f *followed) perform(ctx context.Context, c change) error {
	switch c.Kind {
	case changePush, changeUnlink:
		trigger := pbfake.Push
		if c.Kind == changeUnlink {
			trigger = pbfake.Unlink
		}
		f.click(ctx, c.Button, trigger)
		return nil
	case changeRights, changePages, changeCredential:
		return f.befall(ctx, c)
	case changeRestore, changeShow:
		return f.undo(ctx, c)
	default:
		f.mu.Lock()
		id := f.shown[c.Button]
		f.mu.Unlock()
		if id == "" {
			return errNothing
		}
		return missing(f.change(ctx, c, id))
	}
}

// missing is errNothing for an issue that was deleted meanwhile.
func missing(err error) error {
	if err != nil && strings.Contains(err.Error(), "no such issue") {
		return errNothing
	}
	return err
}

func (f *followed) click(ctx context.Context, n int, trigger pbfake.Trigger) {
	done := f.world.click(ctx, f.plan.Buttons[n], click{Button: n, Trigger: trigger})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clicks = append(f.clicks, done)
}

// change changes an issue.
func (f *followed) change(ctx context.Context, c change, id string) error {
	in := f.plan.Buttons[c.Button].Integration
	switch c.Kind {
	case changeStatus:
		return f.sandbox.ChangeIssue(ctx, id, "status", memtarget.Statuses()[c.N%len(memtarget.Statuses())])
	case changeTitle:
		return f.sandbox.ChangeIssue(ctx, id, "title", fmt.Sprintf("Renamed %d", c.N))
	case changeProject:
		return f.sandbox.ChangeIssue(ctx, id, "project", []string{project(in), archive(in)}[c.N%2])
	case changeTrash:
		f.fates.begin(id)
		return f.sandbox.ChangeIssue(ctx, id, "trashed", true)
	case changeDelete:
		f.fates.begin(id)
		return f.sandbox.DeleteIssue(ctx, id)
	case changeHide:
		f.mu.Lock()
		f.hidden = append(f.hidden, id)
		f.mu.Unlock()
		return f.sandbox.ChangeIssue(ctx, id, "hidden", true)
	default:
		return fmt.Errorf("nothing is known about %q", c.Kind)
	}
}

// undo restores an issue from the trash, or shows a hidden one.
func (f *followed) undo(ctx context.Context, c change) error {
	if c.Kind == changeShow {
		f.mu.Lock()
		if len(f.hidden) == 0 {
			f.mu.Unlock()
			return errNothing
		}
		n := c.N % len(f.hidden)
		id := f.hidden[n]
		f.hidden = slices.Delete(f.hidden, n, n+1)
		f.mu.Unlock()
		return missing(f.sandbox.ChangeIssue(ctx, id, "hidden", false))
	}
	id := f.fates.pick(c.N)
	if id == "" {
		return errNothing
	}
	err := f.sandbox.ChangeIssue(ctx, id, "trashed", false)
	if err == nil {
		f.fates.end(id)
	}
	return missing(err)
}

// pick returns an issue that is in the trash or deleted.
func (f *fates) pick(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id, all := range f.of {
		if all[len(all)-1].To.IsZero() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	return ids[n%len(ids)]
}

// befall has something befall a whole project for a while.
func (f *followed) befall(ctx context.Context, c change) error {
	in := f.plan.Buttons[c.Button].Integration
	if !f.windows[in].TryLock() {
		return errNothing // something else befalls it
	}
	defer f.windows[in].Unlock()
	if c.Kind == changePages {
		f.proxy.strange(project(in), foreignPage(c.N))
		defer f.proxy.strange(project(in), nil)
		return pause(ctx, c.For)
	}
	closed := []string{project(in)} // the archive still knows the key
	if c.Kind == changeCredential {
		closed = append(closed, archive(in))
	}
	for _, name := range closed {
		if err := f.sandbox.RemoveKey(ctx, name, f.key(in)); err != nil {
			return err
		}
	}
	err := pause(ctx, c.For)
	for _, name := range closed {
		err = errors.Join(err, f.sandbox.AddProject(ctx, name, f.key(in)))
	}
	if c.Kind == changeCredential && err == nil {
		f.repair(ctx)
	}
	return err
}

// repair declares everything again, as an admin does who has repaired a
// credential. It may fail while Redis is away; the end of the run repairs again.
func (f *followed) repair(ctx context.Context) {
	if err := f.apply(ctx); err != nil && ctx.Err() == nil {
		f.say("not repaired yet: %.200v", err)
	}
}

// refreshFaults are what goes wrong at both sides all the while.
func (f *followed) refreshFaults(ctx context.Context) error {
	slow := memtarget.Fault{Effect: memtarget.EffectSlow, DelayMS: 700}
	err := f.sandbox.SetTrackerFaults(ctx, memtarget.Faults{Seed: f.opts.Seed, Random: []memtarget.Chance{
		{On: memtarget.OpOther, P: 0.4, Fault: slow},
		{On: memtarget.OpOther, P: 0.03, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 503}},
		{On: memtarget.OpOther, P: 0.03, Fault: memtarget.Fault{Effect: memtarget.EffectReset}},
		{On: memtarget.OpFind, P: 0.03, Fault: memtarget.Fault{Effect: memtarget.EffectStatus, Status: 500}},
	}})
	if f.opts.Hooks {
		err = errors.Join(err, f.sandbox.SetHookFaults(ctx, memtarget.HookFaults{Seed: f.opts.Seed, Lost: 0.2, Doubled: 0.15, Late: 0.1, DelayMS: 4000,
			Reordered: 0.1, Replayed: 0.15, Forged: 0.2}))
	}
	for _, fault := range []fixture.Fault{
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultLost, Probability: 0.05},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 503, Probability: 0.02},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDropAfter, Probability: 0.02},
		{Class: pbfake.ClassConnectionGet, Kind: pbfake.FaultStatus, Status: 500, Probability: 0.02},
	} {
		err = errors.Join(err, f.sandbox.SetFault(ctx, fault))
	}
	return err
}

// reveal shows all hidden issues again.
func (f *followed) reveal(ctx context.Context) error {
	var err error
	for _, id := range f.hidden {
		if cerr := missing(f.sandbox.ChangeIssue(ctx, id, "hidden", false)); !errors.Is(cerr, errNothing) {
			err = errors.Join(err, cerr)
		}
	}
	return err
}

// heal ends all that goes wrong. What was thrown away, deleted or hidden stays so.
func (f *followed) heal(ctx context.Context) error {
	err := errors.Join(f.sandbox.SetTrackerFaults(ctx, memtarget.Faults{}), f.sandbox.ClearFaults(ctx))
	if f.opts.Hooks {
		err = errors.Join(err, f.sandbox.SetHookFaults(ctx, memtarget.HookFaults{}))
	}
	return errors.Join(err, f.apply(ctx))
}
