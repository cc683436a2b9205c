package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"pushbutton/internal/targets/memtarget"
)

// calm measures clicks in quiet and busy rounds, in turn. Every other pair begins
// with the busy one, since a shared machine drifts. In a busy round the integration
// is swept without a pause. Half of the webhooks are lost, so that sweeps and
// webhooks both change buttons.
func (s *followingSystem) calm(ctx context.Context, o refreshOptions, r *report, say io.Writer) error {
	if _, err := s.clicksOf(ctx, o.clicks/4, o.rate, clicker); err != nil { // makes connections and fills caches
		return err
	}
	var took [2]map[string][]outcome
	late := map[string]int64{}
	var changed, busy float64
	for which := range took {
		took[which] = map[string][]outcome{}
	}
	for i := range 2 * o.rounds {
		which := (i + i/2) % 2 // 0 1 1 0 0 1 1 0
		begun, before := time.Now(), s.watch.connected.Load()
		rounds, err := s.eitherRound(ctx, o, which == 1)
		if err != nil {
			return err
		}
		for tenant, one := range rounds {
			took[which][tenant] = append(took[which][tenant], one.whole)
			late[tenant] += one.late
			fmt.Fprintf(say, "bench: round %d of %d, %s, %s: p50 %.1f ms, p99 %.1f\n", i+1, 2*o.rounds, [...]string{"quiet", "busy"}[which], tenant, one.whole.quantile(.5), one.whole.quantile(.99))
		}
		if which == 1 {
			busy += time.Since(begun).Seconds()
			changed += float64(s.watch.connected.Load()-before) - float64(o.clicks)
			if err := s.settle(ctx); err != nil {
				return err
			}
		}
	}
	r.compare("click to connected, of the integration whose issues change", took[0][following], took[1][following], late[following])
	r.compare("click to connected, of another tenant", took[0][neighbour], took[1][neighbour], late[neighbour])
	r.fact(fact{Name: "buttons that changed a second while others were clicked", Value: changed / busy})
	return nil
}

// eitherRound clicks once through, and has issues change meanwhile if it is busy.
func (s *followingSystem) eitherRound(ctx context.Context, o refreshOptions, busy bool) (map[string]*round, error) {
	if !busy {
		return s.clicksOf(ctx, o.clicks, o.rate, clicker)
	}
	if err := s.box.Tracker.SetHookFaults(memtarget.HookFaults{Seed: 1, Lost: .5}); err != nil {
		return nil, err
	}
	changing, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	errs := make([]error, 2)
	group.Go(func() { errs[0] = s.changeAlways(changing, o.changes) })
	group.Go(func() { errs[1] = s.sweepAlways(changing) })
	// The clicks begin once buttons change.
	err := wait(ctx, 2*time.Second)
	var rounds map[string]*round
	if err == nil {
		rounds, err = s.clicksOf(ctx, o.clicks, o.rate, clicker)
	}
	end()
	group.Wait()
	return rounds, errors.Join(err, errs[0], errs[1], s.box.Tracker.SetHookFaults(memtarget.HookFaults{}))
}

// changeAlways changes n issues at once, every second until the context ends.
func (s *followingSystem) changeAlways(ctx context.Context, n int) error {
	for ctx.Err() == nil {
		for range n {
			if err := s.change(); err != nil {
				return err
			}
		}
		_ = wait(ctx, time.Second)
	}
	return nil
}

// sweepAlways sweeps until the context ends.
func (s *followingSystem) sweepAlways(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.sweep(ctx, following); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
