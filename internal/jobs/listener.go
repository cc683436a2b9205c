package jobs

import (
	"runtime/debug"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/telemetry"
)

// listen begins the runs of the wake-up list, until Shutdown.
func (w *Worker) listen(listener int) {
	for w.free() {
		work, err := w.opts.WakeList.AwaitTask(w.listening, listener, listenFor)
		if err != nil {
			w.rest() // Redis is away, which the rescuer logs
			continue
		}
		if work == nil || w.listening.Err() != nil {
			continue // the queue brings it to another process
		}
		if !w.shares.enter(work.Key.Tenant) {
			continue // likewise
		}
		select {
		case w.slots <- struct{}{}:
			w.listeners.Go(func() { w.perform(*work) })
		default:
			w.shares.leave(work.Key.Tenant)
		}
	}
}

// free waits until fewer runs are worked on than may be; false at the end.
func (w *Worker) free() bool {
	select {
	case <-w.listening.Done():
		return false
	case w.slots <- struct{}{}:
		<-w.slots
		return w.listening.Err() == nil
	}
}

func (w *Worker) rest() {
	timer := time.NewTimer(listenPause)
	defer timer.Stop()
	select {
	case <-w.listening.Done():
	case <-timer.C:
	}
}

// perform works on a run of the wake-up list. If Redis fails, the queue and the
// rescuer bring the run back.
func (w *Worker) perform(work connections.Work) {
	defer func() {
		if r := recover(); r != nil { // as Asynq does for its own
			w.opts.Log.ErrorContext(w.base, "run ended in a panic", work.Key.LogAttr(), telemetry.KeyPanic, r, telemetry.KeyStack, string(debug.Stack()))
		}
		w.shares.leave(work.Key.Tenant) // before somebody listens for the slot
		<-w.slots
	}()
	if err := w.performer.Perform(w.base, work.Key, work.Run); err != nil {
		w.opts.Log.WarnContext(w.base, "run left to the queue", work.Key.LogAttr(), telemetry.KeyError, err)
	}
}
