// Package deletion deletes tenants with all that belongs to them. That can
// take long, so it is a job: recorded in Redis, carried out in the background
// by any process, and resumed by another one after a crash. Every step can be
// done twice.
//
// What must not live here: how an integration is deleted (register), HTTP.
package deletion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

const (
	// Keep is for how long a finished job is remembered.
	Keep = 30 * 24 * time.Hour
	// lease is how long a process has a job without a sign of life.
	lease = time.Minute
	// LookEvery is how often a process looks for jobs.
	LookEvery = 5 * time.Second
	// firstRetry and lastRetry bound the wait after a failure, which doubles.
	firstRetry, lastRetry = 10 * time.Second, 5 * time.Minute
	redisLimit            = 2 * time.Second
)

// Job is the deletion of one tenant.
type Job struct {
	Tenant string `json:"tenant"`
	// Born is when the tenant was made: a later one of the same id is another.
	Born time.Time `json:"born"`
	// Subject and Token are of whoever asked for it.
	Subject string `json:"subject"`
	Token   string `json:"token"`
	// AtProductboard says to delete the integrations there too.
	AtProductboard bool      `json:"atProductboard"`
	Requested      time.Time `json:"requested"`
	// Integrations is how many are gone by now, Left how many are not, and
	// Connections how many buttons' records are gone.
	Integrations int   `json:"integrations"`
	Left         int   `json:"left"`
	Connections  int64 `json:"connections"`
	// Failures counts tries that failed since the last success, and Problem
	// says why the latest one did, for people.
	Failures int       `json:"failures,omitempty"`
	Problem  string    `json:"problem,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
}

// Done reports whether the tenant is gone.
func (j Job) Done() bool { return !j.Finished.IsZero() }

// Integrations deletes one integration with its buttons' records, and at
// Productboard unless keep is set; again after it was cut short.
type Integrations interface {
	Delete(ctx context.Context, in tenants.Integration, keepAtProductboard bool, progress func(done int64)) error
}

// Options are what a Deleter can do without.
type Options struct {
	// Forget removes what other rooms keep of a tenant. Each function can be
	// called twice.
	Forget []func(ctx context.Context, tenant string) error
	// Log is where progress and failures go; nil means nowhere.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Deleter deletes tenants. It is safe for concurrent use.
type Deleter struct {
	rdb          redis.UniversalClient
	tenants      *tenants.Store
	integrations Integrations
	audit        *audit.Log
	forget       []func(ctx context.Context, tenant string) error
	log          *slog.Logger
	clock        func() time.Time
}

// New makes a Deleter. opts may be nil.
func New(rdb redis.UniversalClient, store *tenants.Store, integrations Integrations, log *audit.Log, opts *Options) *Deleter {
	if opts == nil {
		opts = &Options{}
	}
	d := &Deleter{rdb: rdb, tenants: store, integrations: integrations, audit: log, forget: opts.Forget, log: opts.Log, clock: opts.Now}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.clock == nil {
		d.clock = time.Now
	}
	return d
}

// indexKey holds the unfinished jobs' tenants, by when somebody has to look
// after them (Unix ms).
const indexKey = "pb:deletions"

// claimLua takes a job, if it is still due as it was seen.
// KEYS: index; ARGV: tenant, the score that was seen, the new one.
const claimLua = `
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 'nan') ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1`

func jobKey(tenant string) string { return "pb:deletion:" + tenant }

func (d *Deleter) now() time.Time { return d.clock().UTC() }

// Begin asks for a tenant's deletion. A second call takes the new wish about
// Productboard and tries at once.
func (d *Deleter) Begin(ctx context.Context, t tenants.Tenant, j Job) (Job, error) {
	const op = "begin tenant deletion"
	before, err := d.Get(ctx, t.ID)
	switch {
	case errors.Is(err, fault.NotFound):
	case err != nil:
		return Job{}, err
	case !before.Done() && before.Born.Equal(t.CreatedAt):
		before.AtProductboard, before.Failures, before.Problem = j.AtProductboard, 0, ""
		j = before
	}
	j.Tenant, j.Born = t.ID, t.CreatedAt
	if j.Requested.IsZero() {
		j.Requested = d.now()
	}
	if err := d.save(ctx, j); err != nil {
		return Job{}, err
	}
	if err := d.rdb.ZAdd(ctx, indexKey, redis.Z{Member: t.ID, Score: float64(d.now().UnixMilli())}).Err(); err != nil {
		return Job{}, redisdb.Fault(op, err)
	}
	return j, d.mark(ctx, &j)
}

// Get returns how far a tenant's deletion is; fault.NotFound if there was none
// within Keep.
func (d *Deleter) Get(ctx context.Context, tenant string) (Job, error) {
	const op = "get tenant deletion"
	raw, err := d.rdb.Get(ctx, jobKey(tenant)).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return Job{}, fault.New(fault.NotFound, op, "The tenant is not being deleted.")
	case err != nil:
		return Job{}, redisdb.Fault(op, err)
	}
	var j Job
	if err := json.Unmarshal(raw, &j); err != nil {
		return Job{}, fault.Wrap(fault.Internal, op, err)
	}
	return j, nil
}

func (d *Deleter) save(ctx context.Context, j Job) error {
	raw, err := json.Marshal(j)
	if err != nil {
		return fault.Wrap(fault.Internal, "save tenant deletion", err)
	}
	keep := time.Duration(0)
	if j.Done() {
		keep = Keep
	}
	if err := d.rdb.Set(ctx, jobKey(j.Tenant), raw, keep).Err(); err != nil {
		return redisdb.Fault("save tenant deletion", err)
	}
	return nil
}

// Look carries out every job that is due now and that nobody else has.
func (d *Deleter) Look(ctx context.Context) error {
	const op, most = "find tenant deletions", 10
	due, err := d.rdb.ZRangeByScoreWithScores(ctx, indexKey, &redis.ZRangeBy{Min: "-inf", Max: fmt.Sprint(d.now().UnixMilli()), Count: most}).Result()
	if err != nil {
		return redisdb.Fault(op, err)
	}
	for _, z := range due {
		tenant, _ := z.Member.(string)
		// Eval, and not a cached script: it is rare.
		took, err := d.rdb.Eval(ctx, claimLua, []string{indexKey}, tenant, strconv.FormatFloat(z.Score, 'f', -1, 64), d.until(lease)).Bool()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		if took {
			d.attempt(ctx, tenant)
		}
	}
	return ctx.Err()
}

func (d *Deleter) until(wait time.Duration) int64 { return d.now().Add(wait).UnixMilli() }

// attempt resumes a job and notes how that went, also if the job's own context
// ended meanwhile.
func (d *Deleter) attempt(ctx context.Context, tenant string) {
	j, err := d.Get(ctx, tenant)
	switch {
	case errors.Is(err, fault.NotFound) || err == nil && j.Done():
		err = d.rdb.ZRem(ctx, indexKey, tenant).Err()
	case err == nil:
		if err = d.guarded(ctx, &j); err != nil {
			err = errors.Join(err, d.later(context.WithoutCancel(ctx), j, err))
		}
	}
	if err != nil {
		d.log.WarnContext(ctx, "tenant deletion goes on later", telemetry.KeyTenant, tenant, telemetry.KeyError, err)
	}
}

// guarded resumes a job. A panic is a failure like others.
func (d *Deleter) guarded(ctx context.Context, j *Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Op: "delete tenant", Kind: fault.Internal, Side: fault.SidePlugin, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return d.resume(ctx, j)
}

// later puts a job off after a failure.
func (d *Deleter) later(ctx context.Context, j Job, why error) error {
	ctx, cancel := context.WithTimeout(ctx, redisLimit)
	defer cancel()
	wait := time.Second // a shutdown is nobody's failure
	if f := fault.From(why); f.Kind != fault.Canceled {
		wait = min(firstRetry<<min(j.Failures, 10), lastRetry)
		j.Failures++
		if j.Problem = f.Public; j.Problem == "" {
			j.Problem = "It failed (" + f.Kind.String() + ")."
		}
		if party := f.Party(); party != "" {
			j.Problem = party + ": " + j.Problem
		}
	}
	return errors.Join(d.save(ctx, j), d.rdb.ZAddXX(ctx, indexKey, redis.Z{Member: j.Tenant, Score: float64(d.until(wait))}).Err())
}
