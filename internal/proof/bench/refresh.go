package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// refreshOptions are how much follows its issues, and how often it is measured.
type refreshOptions struct {
	buttons int // that follow their issues while others are clicked
	changes int // of their issues, a second, all at once
	rounds  int // quiet and busy, in turn
	clicks  int // of each round, over both integrations
	rate    int // clicks a second
	told    int // webhooks that are timed
	large   int // connections of the integration whose sweep is accounted
}

const (
	// calmGoal is by how much a click may take longer while buttons change.
	calmGoal = 1.3
	// requestsGoal is what an unchanged issue may cost the tracker in a sweep.
	requestsGoal = 0.02
	// lostPeriod is PLUGIN_REFRESH while all webhooks are lost.
	lostPeriod = 5 * time.Second
	// never is PLUGIN_REFRESH otherwise: a sweep begins when it is asked for.
	never = 24 * time.Hour
)

// keepTrue measures what buttons that follow their issues cost, in five parts: a
// quiet and a busy system, webhooks, a sweep, and lost webhooks.
func keepTrue(ctx context.Context, o refreshOptions, server *redisServer, log *slog.Logger, say io.Writer) (r *report, err error) {
	if server.embedded() {
		return nil, errors.New("this needs a redis-server on the PATH")
	}
	r = newReport(fmt.Sprintf("%d buttons follow their issues, %d issues a second change, %d rounds of %d clicks, %d a second; a sweep over %d connections",
		o.buttons, o.changes, o.rounds, o.clicks, o.rate, o.large), "no issue changes", "issues change", calmGoal, server)
	r.Machine = machine(server) + "; api and worker in a process each, simulators and clicks in one more"
	s, err := newFollowing(ctx, o, server, log, say)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, refreshOptions, *report, io.Writer) error{s.calm, s.tell, s.account, s.lose} {
		if err := part(ctx, o, r, say); err != nil {
			return nil, err
		}
	}
	return r, nil
}
