// Package audit keeps who did what, when, and how it ended: a log per tenant
// and one of the deployment. Entries are only ever added. Denied calls are kept
// apart, counted by caller and operation (Denial).
//
// A log is bounded: it keeps its latest MaxEntries of at most MaxAge. What
// must not live here: secrets and bodies of requests (an Entry has no place
// for them), and who may read a log (admin).
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

const (
	// MaxEntries is how many entries a tenant's log keeps, about 400 bytes
	// each; the deployment's keeps ten times as many. Redis drops whole blocks
	// of them, so a few more may stand.
	MaxEntries = 10_000
	// MaxAge is how long an entry is kept at most. A log that nobody added to
	// for so long is gone as a whole.
	MaxAge = 400 * 24 * time.Hour
	// openFor is how long an operation may be under way before it counts as
	// one whose process died: more than any request may take.
	openFor = 15 * time.Minute
	// maxText bounds each text of an entry, in bytes.
	maxText = 512
)

// Outcomes beside the names of problems.
const (
	Done = "ok"
	// Unknown is the outcome of what was begun by a process that died: it may
	// or may not have been carried out.
	Unknown = "unknown"
)

// Entry is one operation that changed something, or was to.
type Entry struct {
	At time.Time `json:"at"`
	// Request is the request's id, as in the plugin's own log.
	Request string `json:"request"`
	// Subject, Token and Role are of whoever did it; Token is the token's id.
	Subject string `json:"subject"`
	Token   string `json:"token"`
	Role    string `json:"role"`
	// Operation is its name in the API's document, and Path what it was about.
	Operation   string `json:"operation"`
	Path        string `json:"path"`
	Tenant      string `json:"tenant,omitempty"`
	Integration string `json:"integration,omitempty"`
	// Created is where what was made is found.
	Created string `json:"created,omitempty"`
	// Outcome is Done, the name of the problem it ended with, or Unknown.
	Outcome string `json:"outcome"`
}

func (e Entry) cut() Entry {
	for _, text := range []*string{&e.Request, &e.Subject, &e.Token, &e.Role, &e.Operation, &e.Path, &e.Tenant, &e.Integration, &e.Created, &e.Outcome} {
		if len(*text) > maxText {
			*text = (*text)[:maxText]
		}
	}
	return e
}

// Log keeps entries in Redis. It is safe for concurrent use. Its errors are
// *fault.Error; where Redis itself failed, their peer is Redis.
type Log struct {
	rdb  redis.UniversalClient
	deny *redis.Script
}

// New makes a Log.
func New(rdb redis.UniversalClient) *Log { return &Log{rdb: rdb, deny: redis.NewScript(denyLua)} }

// Deployment is the log of the deployment itself.
const Deployment = ""

// Each log is a stream; beside it is a hash of what is under way.
func streamKey(tenant string) string {
	if tenant == Deployment {
		return "pb:audit"
	}
	return "pb:{t:" + tenant + "}:audit"
}

func openKey(tenant string) string { return streamKey(tenant) + ":open" }

// Open is an operation under way.
type Open struct {
	log   *Log
	logs  []string
	id    string
	entry Entry
}

// Begin writes down that an operation is about to be carried out, so that
// none goes unseen: if it fails the operation must not be carried out. The
// entry goes to the logs that are named, the first of which keeps it
// meanwhile.
func (l *Log) Begin(ctx context.Context, e Entry, logs ...string) (*Open, error) {
	const op = "begin audit entry"
	if len(logs) == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("no log is named")}
	}
	o := &Open{log: l, logs: logs, id: uuid.NewString(), entry: e.cut()}
	raw, err := json.Marshal(o.entry)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := l.rdb.HSet(ctx, openKey(logs[0]), o.id, raw).Err(); err != nil {
		return nil, redisdb.Fault(op, err)
	}
	return o, nil
}

// Also names further logs that the entry goes to when it ends: those of the
// tenants that the operation turned out to be about.
func (o *Open) Also(logs ...string) { o.logs = append(o.logs, logs...) }

// End adds the entry with its outcome, and with what is known only now: the
// integration that it was about and what it made, each empty if none.
func (o *Open) End(ctx context.Context, outcome, integration, created string) error {
	o.entry.Outcome, o.entry.Created = outcome, created
	if integration != "" {
		o.entry.Integration = integration
	}
	o.entry = o.entry.cut()
	for _, log := range o.logs {
		e := o.entry
		if e.Tenant == "" {
			e.Tenant = log // of what is about several tenants, each reads of itself
		}
		if err := o.log.add(ctx, log, e); err != nil {
			return err
		}
	}
	if err := o.log.rdb.HDel(ctx, openKey(o.logs[0]), o.id).Err(); err != nil {
		return redisdb.Fault("end audit entry", err)
	}
	return nil
}

// Add adds an entry of something that is over.
func (l *Log) Add(ctx context.Context, e Entry, logs ...string) error {
	for _, log := range logs {
		if err := l.add(ctx, log, e.cut()); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) add(ctx context.Context, log string, e Entry) error {
	const op = "add audit entry"
	raw, err := json.Marshal(e)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	most := int64(MaxEntries)
	if log == Deployment {
		most *= 10
	}
	key := streamKey(log)
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: most, Approx: true, Values: []any{"e", raw}})
		p.XTrimMinIDApprox(ctx, key, strconv.FormatInt(time.Now().Add(-MaxAge).UnixMilli(), 10), 0)
		p.Expire(ctx, key, MaxAge)
		return nil
	})
	if err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

// Query says what to list.
type Query struct {
	// From and To bound the time at which an entry was added, both included;
	// zero does not.
	From, To time.Time
	// Cursor is Next of the page before.
	Cursor string
	// Limit is the most entries of a page, at least 1.
	Limit int
}

// List returns the latest entries of a log first; an empty next ends.
func (l *Log) List(ctx context.Context, log string, q Query) (entries []Entry, next string, err error) {
	const op = "list audit entries"
	if err := l.sweep(ctx, log); err != nil {
		return nil, "", err
	}
	from, to := "-", "+"
	if !q.From.IsZero() {
		from = strconv.FormatInt(max(q.From.UnixMilli(), 0), 10)
	}
	if !q.To.IsZero() {
		to = strconv.FormatInt(max(q.To.UnixMilli(), 0), 10)
	}
	if q.Cursor != "" {
		if !validCursor(q.Cursor) {
			return nil, "", fault.New(fault.Invalid, op, "The cursor is not one that a page gave.")
		}
		to = "(" + q.Cursor
	}
	found, err := l.rdb.XRevRangeN(ctx, streamKey(log), to, from, int64(q.Limit)).Result()
	if err != nil {
		return nil, "", redisdb.Fault(op, err)
	}
	for _, m := range found {
		var e Entry
		text, _ := m.Values["e"].(string)
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, "", fault.Wrap(fault.Internal, op, err)
		}
		entries = append(entries, e)
	}
	if len(found) == q.Limit {
		next = found[len(found)-1].ID
	}
	return entries, next, nil
}

// validCursor holds for a stream's ids: two numbers, of which one at least is
// not 0. Nothing is before 0-0, and Redis refuses it.
func validCursor(s string) bool {
	var ms, n uint64
	got, err := fmt.Sscanf(s, "%d-%d", &ms, &n)
	return err == nil && got == 2 && (ms > 0 || n > 0) && s == fmt.Sprintf("%d-%d", ms, n)
}

// sweep ends the operations of processes that have died since.
func (l *Log) sweep(ctx context.Context, log string) error {
	const op = "sweep audit entries"
	open, err := l.rdb.HGetAll(ctx, openKey(log)).Result()
	if err != nil {
		return redisdb.Fault(op, err)
	}
	for id, raw := range open {
		var e Entry
		if err := json.Unmarshal([]byte(raw), &e); err == nil && time.Since(e.At) < openFor {
			continue
		}
		// Whoever takes it away adds it; the others find that it is gone.
		took, err := l.rdb.HDel(ctx, openKey(log), id).Result()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		if took == 0 {
			continue
		}
		e.Outcome = Unknown
		if err := l.add(ctx, log, e); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes a tenant's log, for when the tenant itself is deleted.
func (l *Log) Forget(ctx context.Context, tenant string) error {
	const op = "forget audit log"
	if tenant == Deployment {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("the deployment's log is never forgotten")}
	}
	if err := l.rdb.Del(ctx, append(deniedKeys(tenant), streamKey(tenant), openKey(tenant))...).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}
