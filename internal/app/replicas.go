package app

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb/batching"
)

// replicaWait is how long replicas may take to say that they have a change;
// it ends before the client gives up on the command.
const replicaWait = redisTimeout - 100*time.Millisecond

// waiting is a client whose scripts count only once so many replicas have
// what they wrote. What a script did is not undone where they have not: for
// the caller that is a reply that was lost.
type waiting struct {
	redis.UniversalClient
	replicas int
}

// scripting makes a client whose scripts wait for replicas, or travel in groups
// where they need not wait.
func scripting(rdb redis.UniversalClient, replicas int) redis.UniversalClient {
	if replicas == 0 {
		return batching.Scripts(rdb)
	}
	return waiting{rdb, replicas}
}

// EvalSha implements redis.Scripter.
func (w waiting) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return w.run(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.EvalSha(ctx, sha, keys, args...) })
}

// Eval implements redis.Scripter.
func (w waiting) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return w.run(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.Eval(ctx, script, keys, args...) })
}

// run sends a script and WAIT in one round trip: WAIT is about what its own
// connection has written.
func (w waiting) run(ctx context.Context, script func(redis.Pipeliner) *redis.Cmd) *redis.Cmd {
	p := w.Pipeline()
	cmd := script(p)
	acked := p.Do(ctx, "wait", w.replicas, replicaWait.Milliseconds())
	_, _ = p.Exec(ctx)
	if cmd.Err() != nil {
		return cmd
	}
	if n, err := acked.Int64(); err != nil {
		cmd.SetErr(err)
	} else if n < int64(w.replicas) {
		cmd.SetErr(fmt.Errorf("%d of %d replicas have it", n, w.replicas))
	}
	return cmd
}
