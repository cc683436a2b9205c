// Package idempotency lets a request that is sent twice with the same key be
// carried out once: it remembers in Redis what was asked and answered.
//
// What must not live here: HTTP. An answer is kept as it is given, so it must
// hold no secret.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

// Keep is how long an answer is remembered.
const Keep = 24 * time.Hour

// MaxKey bounds a key, in bytes.
const MaxKey = 255

// Both are in the chain of a fault.Conflict.
var (
	// ErrReused: the key came with another request before.
	ErrReused = errors.New("the key was used for another request")
	// ErrRunning: the first request with the key is still under way.
	ErrRunning = errors.New("the first request is still running")
)

// Answer is what a request was answered.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// entry is what is kept: a claim, and the answer once there is one.
type entry struct {
	Digest string  `json:"digest"`
	Claim  string  `json:"claim"`
	Answer *Answer `json:"answer,omitempty"`
}

// Store keeps answers. It is safe for concurrent use, also by several
// processes. Its errors are *fault.Error.
type Store struct {
	rdb  redis.UniversalClient
	swap *redis.Script
}

// swapLua replaces or removes what is kept, if it is still the claim's own.
// KEYS: entry; ARGV: the claim as it was written, what replaces it (empty:
// nothing), for how many ms.
const swapLua = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

// New makes a Store.
func New(rdb redis.UniversalClient) *Store {
	return &Store{rdb: rdb, swap: redis.NewScript(swapLua)}
}

// Claim is the right to carry a request out.
type Claim struct {
	store *Store
	at    string
	entry entry
	raw   string
}

// keyOf hides the caller's key, so that what is kept tells nothing of the
// request's body: its digest is over the key as well.
func keyOf(scope, key string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + key))
	return "pb:idem:" + hex.EncodeToString(sum[:])
}

// Begin claims a key of a scope (who asks for what) for a request. It gives a
// claim, or the answer that the same request had; ErrReused and ErrRunning
// otherwise. lease is how long the request may take: a claim that nobody ended
// is over after it.
func (s *Store) Begin(ctx context.Context, scope, key string, request []byte, lease time.Duration) (*Claim, *Answer, error) {
	const op = "claim idempotency key"
	sum := sha256.Sum256(append([]byte(key+"\x00"), request...))
	c := &Claim{store: s, at: keyOf(scope, key), entry: entry{Digest: hex.EncodeToString(sum[:]), Claim: uuid.NewString()}}
	raw, err := json.Marshal(c.entry)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	c.raw = string(raw)
	for range 2 { // what is there may expire between the two commands
		took, err := s.rdb.SetNX(ctx, c.at, c.raw, lease).Result()
		if err != nil {
			return nil, nil, redisFault(op, err)
		}
		if took {
			return c, nil, nil
		}
		found, err := s.rdb.Get(ctx, c.at).Result()
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case err != nil:
			return nil, nil, redisFault(op, err)
		}
		answer, err := c.compare(found)
		return nil, answer, err
	}
	return nil, nil, conflict(op, ErrRunning)
}

func (c *Claim) compare(found string) (*Answer, error) {
	const op = "claim idempotency key"
	var kept entry
	if err := json.Unmarshal([]byte(found), &kept); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	switch {
	case kept.Digest != c.entry.Digest:
		return nil, conflict(op, ErrReused)
	case kept.Answer == nil:
		return nil, conflict(op, ErrRunning)
	}
	return kept.Answer, nil
}

// Done remembers the answer for Keep.
func (c *Claim) Done(ctx context.Context, a Answer) error {
	done := c.entry
	done.Answer = &a
	raw, err := json.Marshal(done)
	if err != nil {
		return fault.Wrap(fault.Internal, "keep answer", err)
	}
	return c.replace(ctx, string(raw))
}

// Release gives the key back: the request came to nothing and may be tried
// again.
func (c *Claim) Release(ctx context.Context) error { return c.replace(ctx, "") }

func (c *Claim) replace(ctx context.Context, with string) error {
	if err := c.store.swap.Run(ctx, c.store.rdb, []string{c.at}, c.raw, with, Keep.Milliseconds()).Err(); err != nil {
		return redisFault("end idempotency key", err)
	}
	return nil
}

func conflict(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Conflict, Err: err}
}

func redisFault(op string, err error) error {
	e := fault.Wrap(fault.Unavailable, op, err)
	e.Side, e.Peer = fault.SidePlugin, "Redis"
	return e
}
