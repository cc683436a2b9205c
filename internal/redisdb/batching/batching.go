// Package batching is a Redis client that sends scripts of concurrent callers in
// one pipeline. Under load one write and one read of the network carry many
// scripts, and neither side pays for each alone.
//
// What must not live here: which scripts there are, and what they do.
package batching

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxSending is how many batches are under way at once. A script that finds
	// fewer goes at once and alone: where nothing waits, nothing is added.
	maxSending = 2
	// most bounds a batch, and with it how long a script waits for those before it.
	most = 128
	// sendLimit bounds the sending of a batch. Its callers' contexts cannot, since
	// each has its own.
	sendLimit = 2 * time.Second
)

// Client is a client of one server. Everything but EvalSha is the client's
// own. It is safe for concurrent use.
type Client struct {
	redis.UniversalClient

	mu      sync.Mutex
	sending int // batches under way
	waiting []*call
}

// call is a script that waits for its batch.
type call struct {
	ctx  context.Context
	cmd  *redis.Cmd
	done chan struct{} // closed once cmd has its reply
}

// Scripts returns a client that batches scripts. It returns a Cluster's client as
// it is, since its batches would wait for the slowest node.
func Scripts(rdb redis.UniversalClient) redis.UniversalClient {
	if _, ok := rdb.(*redis.Client); !ok {
		return rdb
	}
	return &Client{UniversalClient: rdb}
}

// EvalSha implements redis.Scripter. Scripts of one caller are carried out in the
// order of its calls, and those of several callers in any order. Once ctx ends,
// the caller waits no longer. It cannot know whether the script is carried out, as
// with every lost reply.
func (c *Client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	argv := make([]any, 0, 3+len(keys)+len(args))
	argv = append(argv, "evalsha", sha, len(keys))
	for _, key := range keys {
		argv = append(argv, key)
	}
	cmd := redis.NewCmd(ctx, append(argv, args...)...)
	if len(keys) > 0 {
		cmd.SetFirstKeyPos(3)
	}
	c.mu.Lock()
	if c.sending < maxSending {
		c.sending++
		c.mu.Unlock()
		defer c.next()
		_ = c.Process(ctx, cmd) // its error is the command's
		return cmd
	}
	waits := &call{ctx: ctx, cmd: cmd, done: make(chan struct{})}
	c.waiting = append(c.waiting, waits)
	c.mu.Unlock()
	select {
	case <-waits.done:
		return cmd
	case <-ctx.Done():
		// The command belongs to the batch by now; the caller gets one of its own.
		lost := redis.NewCmd(ctx, "evalsha", sha)
		lost.SetErr(context.Cause(ctx))
		return lost
	}
}

// next sends the next batch, if any scripts wait.
func (c *Client) next() {
	if batch := c.take(); batch != nil {
		go c.send(batch)
	}
}

// take returns the next batch, or nil if no scripts wait. Then one batch fewer is
// under way.
func (c *Client) take() []*call {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), most)
	if n == 0 {
		c.sending--
		return nil
	}
	batch := c.waiting[:n:n]
	if c.waiting = c.waiting[n:]; len(c.waiting) == 0 {
		c.waiting = nil
	}
	return batch
}

// send sends batches until no scripts wait.
func (c *Client) send(batch []*call) {
	for ; batch != nil; batch = c.take() {
		c.exchange(batch)
	}
}

func (c *Client) exchange(batch []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), sendLimit)
	defer cancel()
	p := c.Pipeline()
	for _, w := range batch {
		if w.ctx.Err() != nil {
			w.cmd.SetErr(context.Cause(w.ctx)) // nobody waits: it is not sent
			continue
		}
		_ = p.Process(ctx, w.cmd) // only notes it
	}
	_, _ = p.Exec(ctx) // each command has its own error
	for _, w := range batch {
		close(w.done)
	}
}
