package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// restFor is for how long the system at rest is measured, whose cost is taken off.
const restFor = 5 * time.Second

// spent is what Redis and the worker have spent.
type spent struct {
	at     time.Time
	redis  costs
	worker time.Duration
}

func (s *followingSystem) spent(ctx context.Context) (spent, error) {
	c, err := costsOf(ctx, s.server.client)
	if err != nil {
		return spent{}, err
	}
	cpu, err := processorOf(s.worker.cmd.Process.Pid)
	return spent{time.Now(), c, cpu}, err
}

// account tells what a sweep costs that finds no issue changed, beyond the system
// at rest.
func (s *followingSystem) account(ctx context.Context, o refreshOptions, r *report, say io.Writer) error {
	fmt.Fprintf(say, "bench: a sweep over %d connections\n", o.large)
	if _, err := s.seed(ctx, largest, strangers(o.large)); err != nil {
		return err
	}
	if err := s.sweep(ctx, largest); err != nil { // warms up
		return err
	}
	idle, err := s.spent(ctx)
	if err != nil {
		return err
	}
	if err := wait(ctx, restFor); err != nil {
		return context.Cause(ctx)
	}
	before, err := s.spent(ctx)
	if err != nil {
		return err
	}
	pid := s.worker.cmd.Process.Pid
	atRest, err := resetPeak(pid)
	if err != nil {
		return err
	}
	asked := s.asked.Load()
	if err := s.sweep(ctx, largest); err != nil {
		return err
	}
	after, err := s.spent(ctx)
	if err != nil {
		return err
	}
	peak, err := peakOf(pid)
	if err != nil {
		return err
	}
	n, took := float64(o.large), after.at.Sub(before.at)
	rest := took.Seconds() / before.at.Sub(idle.at).Seconds()
	beyond := func(of func(spent) float64) float64 {
		return of(after) - of(before) - rest*(of(before)-of(idle))
	}
	r.fact(fact{Name: fmt.Sprintf("a sweep over %d connections takes", o.large), Value: took.Seconds(), Unit: "s"})
	r.fact(fact{Name: "its requests to the tracker per unchanged issue", Value: float64(s.asked.Load()-asked) / n, Goal: requestsGoal})
	r.fact(fact{Name: "its Redis commands per connection", Value: beyond(func(x spent) float64 { return float64(x.redis.commands) }) / n})
	r.fact(fact{Name: "its bytes to and from Redis per connection", Value: beyond(func(x spent) float64 { return float64(x.redis.net) }) / n})
	r.fact(fact{Name: "its processor time of Redis", Value: beyond(func(x spent) float64 { return x.redis.cpu }), Unit: "s"})
	r.fact(fact{Name: "its processor time of the worker", Value: beyond(func(x spent) float64 { return x.worker.Seconds() }), Unit: "s"})
	r.fact(fact{Name: "peak memory of the worker in it", Value: float64(peak) / (1 << 20), Unit: "MB"})
	r.fact(fact{Name: "memory of the worker before it", Value: float64(atRest) / (1 << 20), Unit: "MB"})
	return nil
}

// resetPeak has the peak of a process' memory counted anew, and returns what it
// holds now. Where the kernel does not allow it, the peak is that of its whole life.
func resetPeak(pid int) (int64, error) {
	const reset = "5"
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(reset), 0)
	return resident(pid)
}

// peakOf is the most memory that a process held, in bytes.
func peakOf(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	return kib << 10, err
}
