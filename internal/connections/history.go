package connections

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// Event is one line of a connection's history.
type Event struct {
	// At is when, in milliseconds of Redis' clock.
	At         int64  `json:"at"`
	What       string `json:"op"`
	Generation int64  `json:"g"`
	Run        int64  `json:"r"`
	State      State  `json:"s"`
	// Step is the step that was under way. Took is how long a worker was at
	// it, and Outcome "ok" or the kind of failure; both only for what workers
	// report.
	Step    Step          `json:"step,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Outcome string        `json:"outcome,omitempty"`
	// Side is who has to act, and Ref that side's own id of the request or
	// error.
	Side fault.Side `json:"side,omitempty"`
	Ref  string     `json:"ref,omitempty"`
	Note string     `json:"n,omitempty"`
}

// eventParts is how many parts a line of a history has at most; those at the
// end that are empty are left out.
const eventParts = 11

// parseEvent reads what transitions.lua wrote: parts between tabs.
func parseEvent(line string) (Event, error) {
	parts := append(strings.SplitN(line, "\t", eventParts), make([]string, eventParts)...)
	e := Event{What: parts[1], Step: Step(parts[5]), Outcome: parts[7], Side: fault.ParseSide(parts[8]), Ref: parts[9], Note: parts[10]}
	for _, state := range []State{Initial, Progress, Connected, Failed} {
		if parts[4] == string(state[:1]) {
			e.State = state
		}
	}
	var took int64
	for i, to := range map[int]*int64{0: &e.At, 2: &e.Generation, 3: &e.Run, 6: &took} {
		if parts[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return Event{}, fmt.Errorf("part %d of an event: %w", i, err)
		}
		*to = n
	}
	e.Took = time.Duration(took) * time.Millisecond
	return e, nil
}

// History returns what happened to a connection, oldest first: its latest events,
// kept for Timing.Keep, or while its button shows an error.
func (s *Store) History(ctx context.Context, key Key) ([]Event, error) {
	lines, err := s.rdb.LRange(ctx, historyKey(key), 0, -1).Result()
	if err != nil {
		return nil, redisdb.Fault("read history", err)
	}
	events := make([]Event, 0, len(lines))
	for _, line := range lines {
		e, err := parseEvent(line)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "read history", err)
		}
		events = append(events, e)
	}
	return events, nil
}
