package access

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
)

// maxTokenID bounds a token's id, in bytes.
const maxTokenID = 128

func revokedKey(tokenID string) string { return "pb:revoked:" + tokenID }

// RevocationStore keeps revoked tokens in Redis until they would have expired.
type RevocationStore struct{ rdb redis.UniversalClient }

// NewRevocationStore makes a RevocationStore.
func NewRevocationStore(rdb redis.UniversalClient) *RevocationStore {
	return &RevocationStore{rdb: rdb}
}

// Revoke makes a token count no more, for as long as it could still be valid.
func (s *RevocationStore) Revoke(ctx context.Context, tokenID string, left time.Duration) error {
	const op = "revoke token"
	if tokenID == "" || len(tokenID) > maxTokenID {
		return fault.New(fault.Invalid, op, "A token's id (jti) has 1 to 128 bytes.")
	}
	if err := s.rdb.Set(ctx, revokedKey(tokenID), 1, left+2*leeway).Err(); err != nil {
		return redisFault(op, err)
	}
	return nil
}

// Revoked implements Revocations.
func (s *RevocationStore) Revoked(ctx context.Context, tokenID string) (bool, error) {
	n, err := s.rdb.Exists(ctx, revokedKey(tokenID)).Result()
	if err != nil {
		return false, redisFault("look for a revoked token", err)
	}
	return n > 0, nil
}

func redisFault(op string, err error) error {
	e := fault.Wrap(fault.Unavailable, op, err)
	e.Side = "Redis"
	return e
}
