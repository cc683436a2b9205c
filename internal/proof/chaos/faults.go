package main

import (
	"context"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
	"pushbutton/internal/targets/memtarget"
)

// lookUpLag is how long the tracker does not find what it has made.
const lookUpLag = 5 * time.Second

// trackerFaults returns the faults that the tracker has all the while.
func trackerFaults(seed uint64) memtarget.Faults {
	status := func(code, retryAfter int) memtarget.Fault {
		return memtarget.Fault{Effect: memtarget.EffectStatus, Status: code, RetryAfter: retryAfter}
	}
	after := func(f memtarget.Fault) memtarget.Fault { f.After = true; return f }
	reset := memtarget.Fault{Effect: memtarget.EffectReset}
	hold := memtarget.Fault{Effect: memtarget.EffectHold}
	slow := func(ms int) memtarget.Fault { return memtarget.Fault{Effect: memtarget.EffectSlow, DelayMS: ms} }
	return memtarget.Faults{LagMS: int(lookUpLag.Milliseconds()), Seed: seed, Random: []memtarget.Chance{
		{On: memtarget.OpCreate, P: 0.02, Fault: after(hold)},
		{On: memtarget.OpCreate, P: 0.06, Fault: after(reset)},
		{On: memtarget.OpCreate, P: 0.03, Fault: after(status(500, 0))},
		{On: memtarget.OpCreate, P: 0.02, Fault: memtarget.Fault{Effect: memtarget.EffectGarble, After: true}},
		{On: memtarget.OpCreate, P: 0.01, Fault: hold},
		{On: memtarget.OpCreate, P: 0.03, Fault: reset},
		{On: memtarget.OpCreate, P: 0.03, Fault: status(500, 0)},
		{On: memtarget.OpCreate, P: 0.02, Fault: status(502, 0)},
		{On: memtarget.OpCreate, P: 0.02, Fault: status(503, 0)},
		{On: memtarget.OpCreate, P: 0.02, Fault: status(503, 1)},
		{On: memtarget.OpCreate, P: 0.03, Fault: status(429, 1)},
		{On: memtarget.OpCreate, P: 0.10, Fault: slow(1500)},
		{On: memtarget.OpFind, P: 0.04, Fault: status(500, 0)},
		{On: memtarget.OpFind, P: 0.03, Fault: status(429, 1)},
		{On: memtarget.OpFind, P: 0.03, Fault: reset},
		{On: memtarget.OpFind, P: 0.05, Fault: slow(1000)},
		{On: memtarget.OpOther, P: 0.03, Fault: status(500, 0)},
		{On: memtarget.OpOther, P: 0.03, Fault: reset},
		{On: memtarget.OpOther, P: 0.05, Fault: slow(800)},
	}}
}

// productboardFaults returns the faults that Productboard has all the while.
func productboardFaults() []fixture.Fault {
	return []fixture.Fault{
		{Class: pbfake.ClassEntityRead, Kind: pbfake.FaultStatus, Status: 500, Probability: 0.02},
		{Class: pbfake.ClassEntityRead, Kind: pbfake.FaultStatus, Status: 429, RetryAfterMS: 1000, Probability: 0.01},
		{Class: pbfake.ClassEntityRead, Kind: pbfake.FaultDropBefore, Probability: 0.02},
		{Class: pbfake.ClassEntityRead, Kind: pbfake.FaultDelay, DelayMS: 900, Probability: 0.20},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultLost, Probability: 0.05},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 500, Probability: 0.02},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 503, Probability: 0.02},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultStatus, Status: 429, RetryAfterMS: 1000, Probability: 0.01},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDropBefore, Probability: 0.02},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDropAfter, Probability: 0.02},
		{Class: pbfake.ClassConnectionPut, Kind: pbfake.FaultDelay, DelayMS: 1500, Probability: 0.05},
		{Class: pbfake.ClassConnectionGet, Kind: pbfake.FaultStatus, Status: 500, Probability: 0.02},
		{Class: pbfake.ClassConnectionGet, Kind: pbfake.FaultDropBefore, Probability: 0.02},
		{Class: pbfake.ClassCallback, Kind: pbfake.FaultLateAnswer, DelayMS: 3000, Probability: 0.05},
		{Class: pbfake.ClassCallback, Kind: pbfake.FaultDelay, DelayMS: 1000, Probability: 0.03},
		{Class: pbfake.ClassCallback, Kind: pbfake.FaultStatus, Status: 502, Probability: 0.01},
		{Class: pbfake.ClassCallback, Kind: pbfake.FaultDropBefore, Probability: 0.01},
		{Class: pbfake.ClassCallback, Kind: pbfake.FaultDropAfter, Probability: 0.03},
	}
}

// switchOn lets both sides go wrong.
func (w *world) switchOn(ctx context.Context, seed uint64) error {
	if err := w.sandbox.SetTrackerFaults(ctx, trackerFaults(seed)); err != nil {
		return err
	}
	for _, f := range productboardFaults() {
		if err := w.sandbox.SetFault(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// switchOff ends what both sides do wrong. The tracker stays slow to find
// things: that is its nature.
func (w *world) switchOff(ctx context.Context) error {
	if err := w.sandbox.SetTrackerFaults(ctx, memtarget.Faults{LagMS: int(lookUpLag.Milliseconds())}); err != nil {
		return err
	}
	return w.sandbox.ClearFaults(ctx)
}
