package refresh

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

//go:embed schedule.lua
var scheduleLua string

// Keys in Redis: see schedule.lua.
const (
	dueKey      = "pb:{refresh}:due"
	progressKey = "pb:{refresh}:progress"
	claimsKey   = "pb:{refresh}:claims"
)

// Schedule says when each integration's next sweep begins, for all processes
// together. A sweep is in one place at a time. It is safe for concurrent use.
type Schedule struct {
	rdb    redis.UniversalClient
	script *redis.Script
}

// NewSchedule makes a Schedule.
func NewSchedule(rdb redis.UniversalClient) *Schedule {
	return &Schedule{rdb: rdb, script: redis.NewScript(pickLua + scheduleLua)}
}

// Claim is the right to sweep an integration. It ends by itself when it is not
// saved in time.
type Claim struct {
	Tenant, Integration string
	// Cursor is where the sweep goes on; 0: at the beginning.
	Cursor uint64
	// Started is when this sweep began, and Last when the one before did; zero:
	// there was none, or everything is to be read.
	Started, Last time.Time

	owner string
}

func (c Claim) name() string { return c.Tenant + "/" + c.Integration }

// progress is what Redis keeps of an integration.
type progress struct {
	Cursor  string `json:"c"`
	Started int64  `json:"s"`
	Last    int64  `json:"l"`
	Ended   int64  `json:"f"`
	Stopped string `json:"e"`
}

// Claim takes a sweep that is due; ok is false where none is. A tenant that has
// fewer sweeps under way goes first.
func (s *Schedule) Claim(ctx context.Context, hold time.Duration) (claim Claim, ok bool, err error) {
	claim.owner = rand.Text()
	name, doc, err := s.run(ctx, "claim a sweep", "claim", map[string]any{"owner": claim.owner, "hold": hold.Milliseconds()})
	if err != nil || name == "" {
		return Claim{}, false, err
	}
	var p progress
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return Claim{}, false, fault.Wrap(fault.Internal, "claim a sweep", err)
	}
	claim.Tenant, claim.Integration, _ = strings.Cut(name, "/")
	claim.Cursor, _ = strconv.ParseUint(p.Cursor, 10, 64)
	claim.Started, claim.Last = millis(p.Started), millis(p.Last)
	return claim, true, nil
}

// Save keeps how far a sweep is and claims it for another hold. It reports
// whether the sweep still is the caller's.
func (s *Schedule) Save(ctx context.Context, c Claim, hold time.Duration) bool {
	verdict, _, err := s.run(ctx, "save a sweep", "save", map[string]any{"name": c.name(), "owner": c.owner,
		"cursor": strconv.FormatUint(c.Cursor, 10), "hold": hold.Milliseconds()})
	return err == nil && verdict == "ok"
}

// Renew claims a sweep for another hold. lost says that another process has it;
// while Redis cannot be asked, nobody else gets it either.
func (s *Schedule) Renew(ctx context.Context, c Claim, hold time.Duration) (lost bool) {
	verdict, _, err := s.run(ctx, "renew a sweep", "save", map[string]any{"name": c.name(), "owner": c.owner, "hold": hold.Milliseconds()})
	return err == nil && verdict != "ok"
}

// Release keeps how far a sweep is and leaves it to whoever comes next, after the
// sweeps that are due by now.
func (s *Schedule) Release(ctx context.Context, c Claim) error {
	_, _, err := s.run(ctx, "release a sweep", "save", map[string]any{"name": c.name(), "owner": c.owner,
		"cursor": strconv.FormatUint(c.Cursor, 10), "hold": 0, "release": true})
	return err
}

// Stop has a sweep go on at its cursor a period from now.
func (s *Schedule) Stop(ctx context.Context, c Claim, period time.Duration, stopped string) error {
	_, _, err := s.run(ctx, "stop a sweep", "done", map[string]any{"name": c.name(), "owner": c.owner,
		"cursor": strconv.FormatUint(c.Cursor, 10), "period": period.Milliseconds(), "stopped": stopped})
	return err
}

// Done ends a sweep: the next one begins a period after this one began. A claim
// that is lost changes nothing.
func (s *Schedule) Done(ctx context.Context, c Claim, period time.Duration, stopped string) error {
	_, _, err := s.run(ctx, "end a sweep", "done", map[string]any{"name": c.name(), "owner": c.owner,
		"period": period.Milliseconds(), "stopped": stopped})
	return err
}

// Remove ends a sweep, and there is no next one unless Register names the
// integration again.
func (s *Schedule) Remove(ctx context.Context, c Claim) error {
	_, _, err := s.run(ctx, "end a sweep", "remove", map[string]any{"name": c.name(), "owner": c.owner})
	return err
}

// Now has an integration swept at once, done issues included.
func (s *Schedule) Now(ctx context.Context, tenant, integration string) error {
	_, _, err := s.run(ctx, "begin a sweep", "now", map[string]any{"name": Claim{Tenant: tenant, Integration: integration}.name()})
	return err
}

// Register makes sure that integrations of a tenant are swept. First sweeps are
// spread over a period.
func (s *Schedule) Register(ctx context.Context, tenant string, integrations []string, period time.Duration) error {
	if len(integrations) == 0 {
		return nil
	}
	const op = "register for sweeps"
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return redisdb.Fault(op, err)
	}
	members := make([]redis.Z, len(integrations))
	for i, in := range integrations {
		first := now.Add(mathrand.N(period)) //nolint:gosec // nothing to guess
		members[i] = redis.Z{Score: float64(first.UnixMilli()), Member: Claim{Tenant: tenant, Integration: in}.name()}
	}
	if err := s.rdb.ZAddNX(ctx, dueKey, members...).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

func (s *Schedule) run(ctx context.Context, name, op string, args map[string]any) (first, second string, err error) {
	doc, err := json.Marshal(args)
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, name, err)
	}
	reply, err := s.script.Run(ctx, s.rdb, []string{dueKey, progressKey, claimsKey}, op, doc).StringSlice()
	if err != nil {
		return "", "", redisdb.Fault(name, err)
	}
	if len(reply) != 2 {
		return "", "", fault.Wrap(fault.Internal, name, errors.New("unexpected reply"))
	}
	return reply[0], reply[1], nil
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
