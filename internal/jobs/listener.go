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
		task, err := w.opts.WakeList.AwaitTask(w.listening, listener, listenFor)
		if err != nil {
			w.rest() // Redis is away, which the rescuer logs
			continue
		}
		if task == nil || w.listening.Err() != nil {
			continue // the queue brings it to another process
		}
		if !w.tenants.acquire(task.Key.Tenant) {
			continue // likewise
		}
		select {
		case w.places <- struct{}{}:
			w.listeners.Go(func() { w.perform(*task) })
		default:
			w.tenants.release(task.Key.Tenant)
		}
	}
}

// free waits for a free place. It returns false once the worker shuts down.
func (w *Worker) free() bool {
	select {
	case <-w.listening.Done():
		return false
	case w.places <- struct{}{}:
		<-w.places
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
func (w *Worker) perform(task connections.Task) {
	defer func() {
		if r := recover(); r != nil { // as Asynq does for its own
			w.opts.Log.ErrorContext(w.base, "run ended in a panic", task.Key.LogAttr(), telemetry.KeyPanic, r, telemetry.KeyStack, string(debug.Stack()))
		}
		w.tenants.release(task.Key.Tenant) // before another run takes the place
		<-w.places
	}()
	if err := w.performer.Perform(w.base, task.Key, task.Run); err != nil {
		w.opts.Log.WarnContext(w.base, "run left to the queue", task.Key.LogAttr(), telemetry.KeyError, err)
	}
}
