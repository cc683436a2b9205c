package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

const (
	// MaxTokenID bounds a token's id, in bytes.
	MaxTokenID = 128
	// MaxRevoked is how many tokens can be revoked for a tenant; for the
	// deployment it is ten times as many. An entry goes when its token would
	// have expired.
	MaxRevoked = 10_000
	// share is what part of them one subject can revoke: nobody fills the list
	// alone, so that a stolen token cannot keep itself from being revoked.
	share = 10
	// LeastKept is how long a revocation is remembered at least: a time given
	// in a wrong time zone must not revive a token.
	LeastKept = 24 * time.Hour
)

// revokedKey holds revoked tokens' ids with when they can be forgotten (Unix
// seconds): those of one tenant's tokens, or of anybody's if it is empty.
func revokedKey(tenant string) string {
	if tenant == "" {
		return "pb:revoked"
	}
	return "pb:{t:" + tenant + "}:revoked"
}

// revokedByKey holds those of them that one subject has revoked.
func revokedByKey(tenant, subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return revokedKey(tenant) + ":by:" + hex.EncodeToString(sum[:16])
}

// RevocationStore keeps revoked tokens in Redis until they would have expired,
// also beyond the end of their tenant: one of the same id may follow.
type RevocationStore struct {
	rdb    redis.UniversalClient
	script *redis.Script
}

// revokeLua adds an id unless there are too many.
// KEYS: sorted set of all, and of the caller's own; ARGV: id, when it can be
// forgotten, now, most of all, most of one caller's.
// Answer: 0 if there are too many, -1 if there are too many of the caller's.
const revokeLua = `
for i = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', '(' .. ARGV[3]) end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return -1 end
  redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
  redis.call('EXPIREAT', KEYS[2], redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] + 1)
end
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('EXPIREAT', KEYS[1], redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] + 1)
return 1`

// NewRevocationStore makes a RevocationStore.
func NewRevocationStore(rdb redis.UniversalClient) *RevocationStore {
	return &RevocationStore{rdb: rdb, script: redis.NewScript(revokeLua)}
}

// Revoke makes a token count no more, for as long as it could still be valid:
// left, and LeastKept at least. A tenant means a token of that tenant only, so
// that nobody can revoke another's. An empty one means the token of anybody. by
// is who asks. fault.Conflict if too many are revoked.
func (s *RevocationStore) Revoke(ctx context.Context, tenant, tokenID, by string, left time.Duration) error {
	const op = "revoke token"
	if tokenID == "" || len(tokenID) > MaxTokenID {
		return fault.New(fault.Invalid, op, "A token's id (jti) has 1 to 128 bytes.")
	}
	now, most := time.Now(), MaxRevoked
	if tenant == "" {
		most *= 10
	}
	until := now.Add(max(left, LeastKept) + 2*leeway).Unix()
	verdict, err := s.script.Run(ctx, s.rdb, []string{revokedKey(tenant), revokedByKey(tenant, by)}, tokenID, until, now.Unix(), most, most/share).Int()
	switch {
	case err != nil:
		return redisdb.Fault(op, err)
	case verdict < 0:
		return fault.New(fault.Conflict, op, "You have revoked as many tokens as one subject may. Ask somebody else to revoke it, or change the key that signs them.")
	case verdict == 0 && tenant != "":
		return fault.New(fault.Conflict, op, "Too many tokens of this tenant are revoked. Ask an operator, who can revoke any token, or change the key that signs them.")
	case verdict == 0:
		return fault.New(fault.Conflict, op, "Too many tokens are revoked. Change the key that signs them.")
	}
	return nil
}

// Revoked implements Revocations.
func (s *RevocationStore) Revoked(ctx context.Context, tenant, tokenID string) (bool, error) {
	keys := []string{revokedKey("")}
	if tenant != "" {
		keys = append(keys, revokedKey(tenant))
	}
	found := make([]*redis.FloatCmd, len(keys))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			found[i] = p.ZScore(ctx, key, tokenID)
		}
		return nil
	})
	if err != nil && err != redis.Nil { //nolint:errorlint // the pipeline gives the first command's own error
		return false, redisdb.Fault("look for a revoked token", err)
	}
	for _, f := range found {
		switch err := f.Err(); {
		case err == nil:
			return true, nil
		case err != redis.Nil: //nolint:errorlint // a command's own error
			return false, redisdb.Fault("look for a revoked token", err)
		}
	}
	return false, nil
}

// List returns the ids of what is revoked and until when that is remembered,
// the longest first, at most limit of them from an offset on.
func (s *RevocationStore) List(ctx context.Context, tenant string, offset, limit int) ([]RevokedToken, error) {
	const op = "list revoked tokens"
	found, err := s.rdb.ZRevRangeByScoreWithScores(ctx, revokedKey(tenant), &redis.ZRangeBy{
		Min: strconv.FormatInt(time.Now().Unix(), 10), Max: "+inf", Offset: int64(offset), Count: int64(limit)}).Result()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	out := make([]RevokedToken, 0, len(found))
	for _, z := range found {
		id, _ := z.Member.(string)
		out = append(out, RevokedToken{TokenID: id, Until: time.Unix(int64(z.Score), 0).UTC()})
	}
	return out, nil
}

// RevokedToken is a token that counts no more.
type RevokedToken struct {
	TokenID string
	Until   time.Time
}
