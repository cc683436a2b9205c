package refresh

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb"
)

// Silent is how many sweeps in a row must find what no webhook told before the
// webhook counts as dead.
const Silent = 3

// maxFound is how many changed issues of one page are compared with the webhooks.
// That is enough to tell a dead webhook.
const maxFound = 20

// silentKey holds how many webhooks are dead, and silentFor how long that counts.
const (
	silentKey = hintsTag + "silent"
	silentFor = 10 * time.Minute
)

// Health is what is known of an integration's webhook.
type Health struct {
	// LastEvent is when the last webhook came; zero: none did within a week.
	LastEvent time.Time
	// MissedSweeps is how many sweeps in a row found an issue changed that no
	// webhook told of, and Missed how many issues such sweeps found in all.
	MissedSweeps int
	Missed       int64
	// Waiting is how many issues wait to be read.
	Waiting int64
}

// Silent reports whether the webhook counts as dead.
func (h Health) Silent() bool { return h.MissedSweeps >= Silent }

// Found is told of issues that a sweep found changed. Each counts as missed unless
// a webhook told of it lately, or does so before the sweep after the grace is
// over.
func (h *Hints) Found(ctx context.Context, tenant, integration string, changed []string, grace time.Duration) error {
	if len(changed) == 0 {
		return nil
	}
	_, err := h.run(ctx, "compare sweep with hints", "found", tenant, integration, map[string]any{"issues": changed[:min(len(changed), maxFound)], "grace": grace.Milliseconds()})
	return err
}

// Swept is told that a sweep of an integration is over. What sweeps found longer
// than grace ago, and no webhook has told since, is missed. A sweep without any
// ends the row if a webhook came since the sweep before.
func (h *Hints) Swept(ctx context.Context, tenant, integration string, grace time.Duration) error {
	_, err := h.run(ctx, "compare sweep with hints", "swept", tenant, integration, map[string]any{"grace": grace.Milliseconds()})
	return err
}

// Health returns what is known of the webhooks of a tenant's integrations, in
// their order.
func (h *Hints) Health(ctx context.Context, tenant string, integrations []string) ([]Health, error) {
	out := make([]Health, len(integrations))
	if len(integrations) == 0 {
		return out, nil
	}
	states, waiting := make([]*redis.SliceCmd, len(out)), make([]*redis.IntCmd, len(out))
	_, err := h.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, in := range integrations {
			name := HintClaim{Tenant: tenant, Integration: in}.name()
			states[i] = p.HMGet(ctx, hintsTag+"s:"+name, "last", "runs", "missed")
			waiting[i] = p.ZCard(ctx, hintsTag+"q:"+name)
		}
		return nil
	})
	// A key of another type is mended by the next hint.
	if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return nil, redisdb.Fault("read health of webhooks", err)
	}
	for i, state := range states {
		values := state.Val()
		if len(values) != 3 {
			continue
		}
		out[i] = Health{LastEvent: millis(number(values[0])), MissedSweeps: int(number(values[1])), Missed: number(values[2]), Waiting: waiting[i].Val()}
	}
	return out, nil
}

func number(v any) int64 {
	s, _ := v.(string)
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// SetSilent keeps how many webhooks are dead, for all processes. It is known for a
// few passes of whoever counts them.
func (h *Hints) SetSilent(ctx context.Context, n int) error {
	if err := h.rdb.Set(ctx, silentKey, n, silentFor).Err(); err != nil {
		return redisdb.Fault("keep the count of silent webhooks", err)
	}
	return nil
}

// CountSilent returns how many webhooks were dead when they were last counted; 0 if
// nobody counted lately.
func (h *Hints) CountSilent(ctx context.Context) (int64, error) {
	n, err := h.rdb.Get(ctx, silentKey).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, redisdb.Fault("count silent webhooks", err)
	}
	return number(n), nil
}
