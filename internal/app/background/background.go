// Package background runs what a process does again and again beside its role.
//
// What must not live here: what is done, and how processes agree on whose turn
// it is.
package background

import (
	"context"
	mathrand "math/rand/v2"
	"time"
)

// A Turn reports whether this process may run a task that all processes share.
// Where it may, the others may not for the time of hold.
type Turn func(ctx context.Context, hold time.Duration) bool

// Every calls f at once and then once a period, until the context ends. With a
// turn it skips the calls for which this process has none; a nil turn means
// that every process calls f. A call that takes longer than a period is
// followed by the next one at once.
//
// A period is up to 5 % shorter by chance, so that processes that started
// together do not stay together. A turn holds for 90 % of it, so that a process
// alone always has its turn.
func Every(ctx context.Context, period time.Duration, turn Turn, f func(ctx context.Context)) {
	for ctx.Err() == nil {
		began := time.Now()
		if turn == nil || turn(ctx, period*9/10) {
			f(ctx)
		}
		timer := time.NewTimer(period - mathrand.N(period/20) - time.Since(began)) //nolint:gosec // nothing to guess
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
