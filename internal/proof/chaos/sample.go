package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/proof/e2e/fixture"
)

// sampleEvery is how often the processes' use of the machine is looked at.
const sampleEvery = 200 * time.Millisecond

// ticks is how many of /proc's units of processor time make a second
// (USER_HZ, 100 on every Linux that Go runs on).
const ticks = 100

// sample is a measurement of what a process uses.
type sample struct {
	At  time.Time
	RSS int64 // bytes
	CPU time.Duration
}

// take reads a process' use from /proc.
func take(pid int) (sample, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	statm, err := os.ReadFile(dir + "/statm")
	if err != nil {
		return sample{}, err
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return sample{}, err
	}
	pages := bytes.Fields(statm)
	// The second field is the name, in brackets, and may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(pages) < 2 || len(fields) < 13 {
		return sample{}, fmt.Errorf("%s does not read as expected", dir)
	}
	rss, err1 := strconv.ParseInt(string(pages[1]), 10, 64)
	user, err2 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err3 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return sample{}, fmt.Errorf("%s does not read as expected", dir)
	}
	return sample{At: time.Now(), RSS: rss * int64(os.Getpagesize()), CPU: time.Duration(user+system) * time.Second / ticks}, nil
}

// sampled takes samples of processes, by name, until stop is called.
func sampled(ctx context.Context, processes []*fixture.Plugin) (stop func() (map[string][]sample, error)) {
	ctx, cancel := context.WithCancel(ctx)
	out := map[string][]sample{}
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for failed == nil {
			for _, p := range processes {
				s, err := take(p.Pid())
				if err != nil {
					failed = err
					return
				}
				out[p.Name] = append(out[p.Name], s)
			}
			if pause(ctx, sampleEvery) != nil {
				return
			}
		}
	}()
	return func() (map[string][]sample, error) {
		cancel()
		<-done
		return out, failed
	}
}

// between are the samples of a time.
func between(all []sample, from, to time.Time) []sample {
	return slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return !within(s.At, from, to) })
}

// mostMB is the most memory that samples show, in MB.
func mostMB(all []sample) float64 {
	var most int64
	for _, s := range all {
		most = max(most, s.RSS)
	}
	return float64(most>>10) / 1024
}

// cores is how many processors were kept busy on average.
func cores(all []sample) float64 {
	if len(all) < 2 {
		return 0
	}
	first, last := all[0], all[len(all)-1]
	return float64(last.CPU-first.CPU) / float64(last.At.Sub(first.At))
}

// spoken counts the lines that a process wrote in a time: those of clicks, one
// each; those of runs whose end Redis recorded, one each; others; and those that
// did not come from its logger at all.
type spoken struct{ Clicks, Runs, Others, Foreign int }

// notTold is how a run ended whose end Redis did not record.
const notTold = "not told"

func spokenIn(raw []byte, from, to time.Time) spoken {
	var n spoken
	for text := range bytes.Lines(raw) {
		var l line
		switch {
		case json.Unmarshal(text, &l) != nil || l.Time.IsZero():
			n.Foreign++ // whenever it was
		case !within(l.Time, from, to):
		case l.Msg == msgAction || strings.HasPrefix(l.Msg, "click "):
			n.Clicks++
		case l.Msg == msgAttempt && l.Outcome != notTold:
			// Redis answered it, so the outage had not begun or was over. How many
			// there are at its edges is a matter of the load.
			n.Runs++
		default:
			n.Others++
		}
	}
	return n
}
