// Package batching is a Redis client that sends scripts which are called at the
// same time together: under load one write and one read of the network carry
// many of them, and neither side pays for each alone.
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
	// lanes is how many groups are under way at once. A script that finds a lane
	// free goes at once and alone: where nothing waits, nothing is added.
	lanes = 2
	// most bounds a group, and with it what a script waits for those before it.
	most = 128
	// sendLimit bounds a group on its way: its callers' contexts cannot, since
	// each has its own.
	sendLimit = 2 * time.Second
)

// Client is a client of one server. Everything but EvalSha is the client's
// own. It is safe for concurrent use.
type Client struct {
	redis.UniversalClient

	mu      sync.Mutex
	busy    int // lanes under way
	waiting []*call
}

// call is a script that waits for its group.
type call struct {
	ctx  context.Context
	cmd  *redis.Cmd
	done chan struct{} // closed once cmd has its reply
}

// Scripts makes a client whose scripts travel in groups. A Cluster's client is
// given back as it is: its groups would wait for the slowest node.
func Scripts(rdb redis.UniversalClient) redis.UniversalClient {
	if _, ok := rdb.(*redis.Client); !ok {
		return rdb
	}
	return &Client{UniversalClient: rdb}
}

// EvalSha implements redis.Scripter. Scripts of one caller are carried out in
// the order of its calls; those of several in any. Once ctx ends the caller
// waits no longer, and cannot know whether the script is carried out, as with
// every reply that is lost.
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
	if c.busy < lanes {
		c.busy++
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
		// The command is the group's by now; the caller gets one of its own.
		lost := redis.NewCmd(ctx, "evalsha", sha)
		lost.SetErr(context.Cause(ctx))
		return lost
	}
}

// next gives a lane to those that wait, or sets it free.
func (c *Client) next() {
	group := c.take()
	if group != nil {
		go c.send(group)
	}
}

// take is the next group, or nil, and then the lane is free.
func (c *Client) take() []*call {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), most)
	if n == 0 {
		c.busy--
		return nil
	}
	group := c.waiting[:n:n]
	if c.waiting = c.waiting[n:]; len(c.waiting) == 0 {
		c.waiting = nil
	}
	return group
}

// send carries groups until nobody waits.
func (c *Client) send(group []*call) {
	for ; group != nil; group = c.take() {
		c.exchange(group)
	}
}

func (c *Client) exchange(group []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), sendLimit)
	defer cancel()
	p := c.Pipeline()
	for _, w := range group {
		if w.ctx.Err() != nil {
			w.cmd.SetErr(context.Cause(w.ctx)) // nobody waits: it is not sent
			continue
		}
		_ = p.Process(ctx, w.cmd) // only notes it
	}
	_, _ = p.Exec(ctx) // each command has its own error
	for _, w := range group {
		close(w.done)
	}
}
