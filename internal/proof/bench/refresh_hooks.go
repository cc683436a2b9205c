package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"pushbutton/internal/refresh"
	"pushbutton/internal/targets/memtarget"
)

const (
	// tellEvery is how often an issue changes whose webhook is timed.
	tellEvery = 200 * time.Millisecond
	// lostAtOnce is how many webhooks are lost together, and lostRounds how often at
	// least.
	lostAtOnce, lostRounds = 10, 3
)

// tell measures the way of a change from the tracker's webhook to the button.
// No sweep is under way.
func (s *followingSystem) tell(ctx context.Context, o refreshOptions, r *report, say io.Writer) error {
	fmt.Fprintf(say, "bench: %d webhooks\n", o.told)
	var ours outcome
	var mu sync.Mutex
	var group sync.WaitGroup
	arrivedAt, late := map[string]time.Time{}, 0
	for range o.told {
		b, began, arrived, err := s.expectChange()
		if err != nil {
			return err
		}
		group.Go(func() {
			took, tooLate := awaitArrival(ctx, arrived, began)
			mu.Lock()
			defer mu.Unlock()
			arrivedAt[b.issue] = began.Add(took)
			if tooLate {
				late++
			}
		})
		if err := wait(ctx, tellEvery); err != nil {
			group.Wait()
			return context.Cause(ctx)
		}
	}
	group.Wait()
	sent := map[string]time.Time{}
	for _, d := range s.box.Tracker.Deliveries(0, 0) {
		if d.Kind == "" && d.Try == 1 {
			sent[d.Issue] = d.SentAt // the last one counts
		}
	}
	for issue, at := range arrivedAt {
		ours.latencies = append(ours.latencies, ms(at.Sub(sent[issue])))
	}
	r.fact(fact{Name: "webhook to button, from when the tracker sends it, p50", Value: ours.quantile(.5), Unit: "ms"})
	r.fact(fact{Name: "the same, p99", Value: ours.quantile(.99), Unit: "ms"})
	if late > 0 {
		return fmt.Errorf("%d of %d buttons did not follow their webhook within %s", late, o.told, patience)
	}
	return s.atRest(ctx)
}

// lose has all webhooks lost, and measures how soon a worker that sweeps by itself
// makes the buttons right, and sees that the webhook is silent.
func (s *followingSystem) lose(ctx context.Context, _ refreshOptions, r *report, say io.Writer) error {
	if err := s.worker.stop(); err != nil {
		return err
	}
	var err error
	if s.worker, err = s.program.with("PLUGIN_REFRESH="+lostPeriod.String()).start(ctx, "worker", workerSlots); err != nil {
		return err
	}
	if err := s.box.Tracker.SetHookFaults(memtarget.HookFaults{Lost: 1}); err != nil {
		return err
	}
	if err := s.sweep(ctx, following); err != nil { // the next ones come by themselves
		return err
	}
	p := s.place(following)
	if err := s.hints.Forget(ctx, p.tenant, p.integration); err != nil { // what sweeps missed before
		return err
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	silent := make(chan silence, 1)
	go func() { silent <- s.awaitSilence(watching) }()
	var right []float64
	var seen *silence
	for seen == nil || len(right) < lostRounds {
		took, err := s.loseSome(ctx)
		if err != nil {
			return err
		}
		right = append(right, took.Seconds())
		fmt.Fprintf(say, "bench: %d of %d webhooks lost: all buttons right after %.1f s\n", lostAtOnce, lostAtOnce, took.Seconds())
		select {
		case is := <-silent:
			if is.err != nil {
				return is.err
			}
			seen = &is
		default:
		}
	}
	r.fact(fact{Name: fmt.Sprintf("%d of %d webhooks lost, a sweep every %s: all buttons right after, median", lostAtOnce, lostAtOnce, lostPeriod), Value: median(right), Unit: "s"})
	r.fact(fact{Name: "the same, longest", Value: maximum(right), Unit: "s"})
	r.fact(fact{Name: "sweeps until the webhook counts as silent", Value: float64(seen.sweeps)})
	r.fact(fact{Name: "time until the webhook counts as silent", Value: seen.took.Seconds(), Unit: "s"})
	return nil
}

func maximum(v []float64) float64 {
	out := 0.0
	for _, one := range v {
		out = max(out, one)
	}
	return out
}

// loseSome changes issues at once, and returns how long the last button took.
func (s *followingSystem) loseSome(ctx context.Context) (time.Duration, error) {
	var waiting []<-chan time.Time
	var began time.Time
	for i := range lostAtOnce {
		_, at, arrived, err := s.expectChange()
		if err != nil {
			return 0, err
		}
		if i == 0 {
			began = at
		}
		waiting = append(waiting, arrived)
	}
	last := time.Duration(0)
	for _, arrived := range waiting {
		took, late := awaitArrival(ctx, arrived, began)
		if late {
			return 0, fmt.Errorf("a button whose webhook was lost was not right within %s", patience)
		}
		last = max(last, took)
	}
	return last, nil
}

// silence is how many sweeps and how much time it took to see that a webhook is
// silent.
type silence struct {
	sweeps int
	took   time.Duration
	err    error
}

func (s *followingSystem) awaitSilence(ctx context.Context) (out silence) {
	p := s.place(following)
	begun := time.Now()
	is, err := s.schedule.Status(ctx, p.tenant, p.integration)
	for at := is.Ended; err == nil; {
		if at, err = s.swept(ctx, following, at); err != nil {
			break
		}
		out.sweeps++
		var health []refresh.Health
		if health, err = s.hints.Health(ctx, p.tenant, []string{p.integration}); err == nil && health[0].Silent() {
			out.took = time.Since(begun)
			return out
		}
	}
	out.err = err
	return out
}
