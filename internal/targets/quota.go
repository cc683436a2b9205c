package targets

import (
	"context"
	"time"

	"pushbutton/internal/fault"
)

// Quota remembers until when a tracker takes no calls. All integrations with the
// same account share it.
type Quota interface {
	// Wait returns nil where a call may be sent, else fault.RateLimited with
	// RetryAfter.
	Wait(ctx context.Context) error
	// Limited stops all calls for d.
	Limited(ctx context.Context, d time.Duration) error
}

// limitPause is for a rate limit that names no time. It is long enough that not
// every waiting run is refused once more.
const limitPause = 10 * time.Second

// Ready reports whether the tracker takes calls, without asking it. Its error is
// fault.RateLimited with the time that is left. A push calls it before anything
// else.
func (t *Target) Ready(ctx context.Context) error {
	if t.opts.Quota == nil {
		return nil
	}
	if err := t.opts.Quota.Wait(ctx); err != nil {
		return t.fault(opReady, err)
	}
	return nil
}

// shareRateLimit passes a rate limit on to all who share the Quota. If that fails, each
// of them is refused once, no more.
func (t *Target) shareRateLimit(ctx context.Context, err error) {
	if t.opts.Quota == nil || err == nil || fault.KindOf(err) != fault.RateLimited {
		return
	}
	pause := fault.From(err).RetryAfter
	if pause <= 0 {
		pause = limitPause
	}
	_ = t.opts.Quota.Limited(context.WithoutCancel(ctx), pause)
}
