package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

const (
	// senders is how many inputs are sent at a time.
	senders = 4
	// limitedPause is between two inputs of a sender that was told to slow down.
	limitedPause = 50 * time.Millisecond
	// quiet is how long the innocent tenant clicks alone first.
	quiet = 5 * time.Second
	// maxP99 is what the innocent tenant's answers may take, in ms, or maxRatio
	// times what they take alone if that is more.
	maxP99, maxRatio = 250.0, 3.0
	// maxRecord is what a connection may take in Redis with its history, beside
	// maxBase of all, and maxRest everything else of a tenant, in bytes.
	maxRecord, maxBase, maxRest = 4096, 64 << 10, 24 << 20
	// overtime is how long after its deadline a push may be open.
	overtime = time.Minute
)

// play runs one seed.
func play(ctx context.Context, o options, say func(string, ...any), stderr io.Writer) (r *report, err error) {
	h, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.fixture.WriteTails(stderr, 10)
		}
		err = errors.Join(err, h.close(o.Keep))
	}()
	r = &report{Seed: o.Seed}
	clicking, stop := context.WithCancel(ctx)
	clicked := make(chan struct{})
	go func() {
		defer close(clicked)
		h.innocent.click(clicking)
	}()
	defer stop()
	if err := pause(ctx, quiet); err != nil {
		return nil, err
	}
	alone := h.innocent.read()
	r.QuietP99, r.Clicks = p99(alone), len(alone)
	var all []float64
	for i, k := range kinds() {
		if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, k.name) {
			continue
		}
		of, err := h.phase(ctx, o, k, rand.New(rand.NewPCG(o.Seed, uint64(i))), r)
		if err != nil {
			return nil, err
		}
		took := h.innocent.read()
		of.P99 = p99(took)
		all = append(all, took...)
		r.Kinds = append(r.Kinds, of)
		say("seed %d: %s: %d inputs, answers %v, worst %.0f ms, peak %v MB; innocent p99 %.1f ms", o.Seed, k.name, of.Inputs, of.Answers, of.WorstMs, of.PeakMB, of.P99)
	}
	stop()
	<-clicked
	r.P99 = p99(append(all, h.innocent.read()...))
	r.Clicks += len(all)
	if most := max(maxP99, maxRatio*r.QuietP99); r.P99 > most {
		r.add(slow, "p99 of the innocent tenant's clicks is %.1f ms, more than %.1f", r.P99, most)
	}
	for _, w := range h.innocent.wrong {
		r.add(slow, "a click of the innocent tenant: %s", w)
	}
	return r, h.judge(ctx, r)
}

// phase sends inputs of one kind.
func (h *house) phase(ctx context.Context, o options, k kind, seed *rand.Rand, r *report) (kindReport, error) {
	of := kindReport{Kind: k.name, Answers: map[int]int64{}, PeakMB: map[string]float64{}}
	for _, p := range h.processes() {
		if err := resetPeak(p); err != nil {
			return of, err
		}
	}
	if k.begin != nil {
		k.begin(h)
	}
	var mu sync.Mutex
	sctx, cancel := context.WithTimeout(ctx, o.phase())
	defer cancel()
	var all sync.WaitGroup
	for range senders {
		own := rand.New(rand.NewPCG(seed.Uint64(), seed.Uint64()))
		all.Go(func() {
			for sctx.Err() == nil {
				begun := time.Now()
				status, err := k.send(ctx, h, own)
				ms := float64(time.Since(begun).Milliseconds())
				mu.Lock()
				of.Inputs++
				of.WorstMs = max(of.WorstMs, ms)
				if status > 0 {
					of.Answers[status]++
				}
				if status == http.StatusInternalServerError || err != nil && ctx.Err() == nil {
					r.add(broken, "%s: status %d after %.0f ms: %v", k.name, status, ms, err)
				}
				mu.Unlock()
				if h.gone() != "" {
					return
				}
				if status == http.StatusTooManyRequests && pause(sctx, limitedPause) != nil {
					return
				}
			}
		})
	}
	all.Wait()
	if k.end != nil {
		k.end(h)
	}
	for _, p := range h.processes() {
		peak, err := peakMB(p)
		if err != nil || exited(p) {
			r.add(died, "%s ended during %s", p.Name, k.name)
			return of, ctx.Err()
		}
		of.PeakMB[p.Name] = peak
		if peak > shipped {
			r.add(grown, "%s had %.0f MB during %s, more than %d", p.Name, peak, k.name, shipped)
		}
	}
	return of, ctx.Err()
}

func (h *house) processes() []*fixture.Plugin { return []*fixture.Plugin{h.api, h.worker} }

// gone names a process that has ended.
func (h *house) gone() string {
	for _, p := range h.processes() {
		if exited(p) {
			return p.Name
		}
	}
	return ""
}

func exited(p *fixture.Plugin) bool {
	select {
	case <-p.Exited():
		return true
	default:
		return false
	}
}

// judge looks at what is left when every push had its time.
func (h *house) judge(ctx context.Context, r *report) error {
	if name := h.gone(); name != "" {
		return nil // and the rest follows from that
	}
	var open []string
	for until := time.Now().Add(deadline + overtime); ; {
		var err error
		if open, err = h.open(ctx); err != nil {
			return err
		}
		if len(open) == 0 || time.Now().After(until) {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	for _, what := range open {
		r.add(stuck, "%s is in progress %s after the last click", what, deadline+overtime)
	}
	buttons, err := h.quiet.Connections(ctx, h.innocent.integration)
	if err != nil {
		return err
	}
	connected := 0
	for _, b := range buttons {
		if b.State.Name == pbfake.StateConnected {
			connected++
		}
	}
	if connected != h.innocent.next {
		r.add(starved, "%d of the innocent tenant's %d pushes are connected", connected, h.innocent.next)
	}
	return h.weigh(ctx, r)
}

// open names the buttons that are in progress.
func (h *house) open(ctx context.Context) ([]string, error) {
	var out []string
	for name, c := range h.columns {
		buttons, err := c.at.Connections(ctx, c.id)
		if err != nil {
			return nil, err
		}
		for _, b := range buttons {
			if b.State.Name == pbfake.StateProgress {
				out = append(out, name+" "+b.EntityID)
			}
		}
	}
	return out, nil
}

// weigh holds what the hostile tenant has in Redis against its quota.
func (h *house) weigh(ctx context.Context, r *report) error {
	rdb := h.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	records := int64(0)
	for _, ids := range h.pushed {
		records += int64(len(ids))
	}
	keys := rdb.Scan(ctx, 0, "*"+hostileTenant+"*", 1000).Iterator()
	for keys.Next(ctx) {
		n, err := rdb.MemoryUsage(ctx, keys.Val(), 0).Result()
		switch {
		case err != nil: // it has expired
		case strings.Contains(keys.Val(), "}:c:"), strings.Contains(keys.Val(), "}:h:"):
			r.RecordBytes += n
		default:
			r.RestBytes += n
		}
	}
	if err := keys.Err(); err != nil {
		return err
	}
	if most := records*maxRecord + maxBase; r.RecordBytes > most {
		r.add(quota, "%d connections of the hostile tenant have %d bytes in Redis, more than %d", records, r.RecordBytes, most)
	}
	if r.RestBytes > maxRest {
		r.add(quota, "the hostile tenant has %d bytes in Redis beside its connections, more than %d", r.RestBytes, maxRest)
	}
	return nil
}

func resetPeak(p *fixture.Plugin) error {
	return os.WriteFile("/proc/"+strconv.Itoa(p.Pid())+"/clear_refs", []byte("5"), 0o600)
}

// peakMB is the most memory that was resident since resetPeak, in MB.
func peakMB(p *fixture.Plugin) (float64, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid()) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return math.Round(kb / 1024), nil
		}
	}
	return 0, errors.New("no VmHWM in /proc")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
