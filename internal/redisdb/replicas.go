package redisdb

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb/batching"
)

// replicaWait bounds the wait for replicas to confirm a write. It ends before
// the client gives up on the command.
const replicaWait = Timeout - 100*time.Millisecond

// replicated is a client whose scripts succeed only once so many replicas have
// their writes. Where the replicas do not, the script is not undone: for the
// caller its reply was lost.
type replicated struct {
	redis.UniversalClient
	replicas int
}

// Scripts returns a client whose scripts wait for replicas. Scripts that wait
// for none are batched.
func Scripts(rdb redis.UniversalClient, replicas int) redis.UniversalClient {
	if replicas == 0 {
		return batching.Scripts(rdb)
	}
	return replicated{rdb, replicas}
}

// EvalSha implements redis.Scripter.
func (r replicated) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return r.run(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.EvalSha(ctx, sha, keys, args...) })
}

// Eval implements redis.Scripter.
func (r replicated) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return r.run(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.Eval(ctx, script, keys, args...) })
}

// run sends a script and WAIT in one round trip: WAIT counts the writes of its
// own connection.
func (r replicated) run(ctx context.Context, script func(redis.Pipeliner) *redis.Cmd) *redis.Cmd {
	p := r.Pipeline()
	cmd := script(p)
	acked := p.Do(ctx, "wait", r.replicas, replicaWait.Milliseconds())
	_, _ = p.Exec(ctx)
	if cmd.Err() != nil {
		return cmd
	}
	if n, err := acked.Int64(); err != nil {
		cmd.SetErr(err)
	} else if n < int64(r.replicas) {
		cmd.SetErr(fmt.Errorf("%d of %d replicas have it", n, r.replicas))
	}
	return cmd
}
