// Package idempotency lets a request that is sent twice with the same key be
// carried out once: it remembers in Redis what was asked and answered.
//
// What must not live here: HTTP. An answer is kept as it is given, so it must
// hold no secret.
package idempotency

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
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

// Keep is how long an answer is remembered.
const Keep = 24 * time.Hour

const (
	// MaxKey bounds a key, in bytes.
	MaxKey = 255
	// MaxBytes is how much is remembered for a tenant, in bytes of Redis; for
	// the deployment it is ten times as much.
	MaxBytes = 4 << 20
	// MaxBody bounds an answer's body as it is kept, in bytes. Of a larger one
	// only a digest is.
	MaxBody = 16 << 10
	// packFrom is the size from which on a body is compressed, in bytes: lists
	// and reports shrink to a tenth.
	packFrom = 1 << 10
	// entryCost is what Redis needs for an entry beside its text, in bytes.
	entryCost = 300
	// maxUnpacked bounds a body that was compressed, in bytes.
	maxUnpacked = 64 << 20
)

// All are in the chain of a fault.Conflict.
var (
	// ErrReused: the key came with another request before.
	ErrReused = errors.New("the key was used for another request")
	// ErrRunning: the first request with the key is still under way.
	ErrRunning = errors.New("the first request is still running")
	// ErrDropped: the request was carried out, and its answer was too large to
	// be stored.
	ErrDropped = errors.New("the answer was not kept")
)

// Answer is the answer to a request.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// entry is a stored claim, with the answer once there is one.
type entry struct {
	Digest string  `json:"digest"`
	Claim  string  `json:"claim"`
	Answer *Answer `json:"answer,omitempty"`
	// Packed says that the body is compressed.
	Packed bool `json:"packed,omitempty"`
	// Dropped is the SHA-256 of a body that was not stored.
	Dropped string `json:"dropped,omitempty"`
}

// Store keeps answers. It is safe for concurrent use, also by several
// processes. Its errors are *fault.Error.
type Store struct {
	rdb    redis.UniversalClient
	script *redis.Script
}

//go:embed claim.lua
var claimLua string

// New makes a Store.
func New(rdb redis.UniversalClient) *Store {
	return &Store{rdb: rdb, script: redis.NewScript(claimLua)}
}

// Scope is whose a key is and what for: the same key in another scope is
// another key.
type Scope struct {
	// Owner is the tenant whose share of Redis it is, or Deployment.
	Owner string
	// Use tells its keys from others of the same owner: who asks for what.
	Use string
}

// Deployment owns the keys of whoever runs it.
const Deployment = ""

func (s Scope) most() int {
	if s.Owner == Deployment {
		return 10 * MaxBytes
	}
	return MaxBytes
}

func keysOf(owner string) []string {
	base := "pb:{idem}"
	if owner != Deployment {
		base = "pb:{t:" + owner + "}:idem"
	}
	return []string{base, base + ":over", base + ":bytes"}
}

// Claim is the right to carry a request out.
type Claim struct {
	store *Store
	scope Scope
	id    string
	entry entry
	raw   string
}

// idOf hides the caller's key, so that what is kept tells nothing of the
// request's body: its digest is over the key as well.
func idOf(s Scope, key string) string {
	sum := sha256.Sum256([]byte(s.Use + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// Begin claims a key of a scope for a request. It returns a claim, or the
// answer that the same request had. Its error is ErrReused, ErrRunning or
// ErrDropped otherwise, and fault.RateLimited while the owner's share is used
// up. A claim that nobody ended is over after lease, which is how long the
// request may take.
func (s *Store) Begin(ctx context.Context, scope Scope, key string, request []byte, lease time.Duration) (*Claim, *Answer, error) {
	const op = "claim idempotency key"
	sum := sha256.Sum256(append([]byte(key+"\x00"), request...))
	c := &Claim{store: s, scope: scope, id: idOf(scope, key), entry: entry{Digest: hex.EncodeToString(sum[:]), Claim: uuid.NewString()}}
	raw, err := json.Marshal(c.entry)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	c.raw = string(raw)
	verdict, found, err := s.run(ctx, op, scope, "begin", c.id, c.raw, lease.Milliseconds(), scope.most(), entryCost)
	if err != nil {
		return nil, nil, err
	}
	switch verdict {
	case "took":
		return c, nil, nil
	case "kept":
		answer, err := c.compare(found)
		return nil, answer, err
	default:
		ms, _ := strconv.ParseInt(found, 10, 64)
		return nil, nil, &fault.Error{Op: op, Kind: fault.RateLimited, Side: fault.SidePlugin, RetryAfter: time.Duration(ms) * time.Millisecond, Err: errors.New("the share is used up"),
			Public: "As many requests with an Idempotency-Key are remembered as fit. Send it later, or without a key if it is harmless to carry it out twice."}
	}
}

func (s *Store) run(ctx context.Context, op string, scope Scope, args ...any) (verdict, text string, err error) {
	reply, err := s.script.Run(ctx, s.rdb, keysOf(scope.Owner), args...).StringSlice()
	if err != nil {
		return "", "", redisdb.Fault(op, err)
	}
	if len(reply) != 2 {
		return "", "", &fault.Error{Op: op, Kind: fault.Internal, Err: fmt.Errorf("unexpected reply of %d parts", len(reply))}
	}
	return reply[0], reply[1], nil
}

func (c *Claim) compare(found string) (*Answer, error) {
	const op = "claim idempotency key"
	var stored entry
	if err := json.Unmarshal([]byte(found), &stored); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	switch {
	case stored.Digest != c.entry.Digest:
		return nil, conflict(op, ErrReused)
	case stored.Answer == nil:
		return nil, conflict(op, ErrRunning)
	case stored.Dropped != "":
		return nil, conflict(op, ErrDropped)
	case stored.Packed:
		body, err := unpack(stored.Answer.Body)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		stored.Answer.Body = body
	}
	return stored.Answer, nil
}

// Done remembers the answer for Keep: of one that is too large, or for which
// the owner's share has no room, a digest alone.
func (c *Claim) Done(ctx context.Context, a Answer) error {
	const op = "keep answer"
	short := c.entry
	sum := sha256.Sum256(a.Body)
	short.Answer, short.Dropped = &Answer{Status: a.Status, Header: a.Header}, hex.EncodeToString(sum[:])
	least, err := json.Marshal(short)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	done := c.entry
	done.Answer = &a
	if len(a.Body) > packFrom {
		packed, err := pack(a.Body)
		if err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		done.Answer, done.Packed = &Answer{Status: a.Status, Header: a.Header, Body: packed}, true
	}
	if len(done.Answer.Body) > MaxBody {
		return c.replace(ctx, string(least), string(least))
	}
	raw, err := json.Marshal(done)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return c.replace(ctx, string(raw), string(least))
}

// Release gives the key back: the request came to nothing and may be tried
// again.
func (c *Claim) Release(ctx context.Context) error { return c.replace(ctx, "", "") }

func (c *Claim) replace(ctx context.Context, with, short string) error {
	_, _, err := c.store.run(ctx, "end idempotency key", c.scope, "end", c.id, c.raw, with, short, Keep.Milliseconds(), c.scope.most(), entryCost)
	return err
}

// Forget removes all that is remembered for a tenant, for when it is deleted.
func (s *Store) Forget(ctx context.Context, tenant string) error {
	const op = "forget idempotency keys"
	if tenant == Deployment {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("the deployment's keys are never forgotten")}
	}
	if err := s.rdb.Del(ctx, keysOf(tenant)...).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

func conflict(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Conflict, Err: err}
}
