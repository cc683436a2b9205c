package tenants

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/redisdb"
)

// keysKey holds the ids of all keys that something may be sealed with, each
// with the time at which a writer last announced it. An id is added before the
// first text is sealed with it. It is removed only when no text is left and no
// announced write can still be under way. So a start asks for this one set, and
// reads what is stored only when an id of it is missing from the configuration.
const keysKey = "pb:keys"

const (
	// writeLimit bounds one change, from its announcement on.
	writeLimit = time.Minute
	// announceAgain is how long an announcement is good for.
	announceAgain = time.Minute
	// forgetKeyAfter is how long a key's last announcement must lie back before
	// its id may be taken out: well above the two limits together.
	forgetKeyAfter = 10 * time.Minute
)

// keysScript changes the index by Redis' own clock. KEYS: the index. ARGV:
// verb, key id, how many seconds the announcement must lie back.
const keysScript = `
local now = tonumber(redis.call('TIME')[1])
if ARGV[1] == 'announce' then return redis.call('ZADD', KEYS[1], now, ARGV[2]) end
local last = redis.call('ZSCORE', KEYS[1], ARGV[2])
if last and now - tonumber(last) > tonumber(ARGV[3]) then redis.call('ZREM', KEYS[1], ARGV[2]) end
return 0`

// Sealed keeps sealed texts of integrations apart from their records, with the
// same keys: OAuth sessions.
type Sealed interface {
	// SealedWith returns which keys an integration's texts are sealed with.
	SealedWith(ctx context.Context, tenant, integration string) (map[string]bool, error)
	// Reseal seals them with the first key. older names the keys that are left.
	// Its error's peer is Redis where Redis failed.
	Reseal(ctx context.Context, tenant, integration string) (changed bool, older map[string]bool, err error)
}

// Beside has key questions and Rotate look at what is kept apart as well.
func (s *Store) Beside(texts Sealed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beside = append(s.beside, texts)
}

func (s *Store) sealedApart() []Sealed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.beside)
}

// Announce has to be called before a text that the first key seals is written
// elsewhere than in this store, within a minute of it.
func (s *Store) Announce(ctx context.Context) error { return s.announce(ctx) }

func (s *Store) keyIndex(ctx context.Context, verb, id string) error {
	err := redis.NewScript(keysScript).Run(ctx, s.rdb, []string{keysKey}, verb, id, int(forgetKeyAfter.Seconds())).Err()
	if err != nil {
		return redisdb.Fault("index keys", err)
	}
	return nil
}

// announce puts the key that seals into the index, unless it was a moment ago.
func (s *Store) announce(ctx context.Context) error {
	s.mu.Lock()
	fresh := !s.announced.IsZero() && time.Since(s.announced) < announceAgain
	s.mu.Unlock()
	if fresh {
		return nil
	}
	began := time.Now()
	if err := s.keyIndex(ctx, "announce", s.keys.First()); err != nil {
		return err
	}
	s.mu.Lock()
	s.announced = began
	s.mu.Unlock()
	return nil
}

// MissingKeys returns which keys that stored texts are sealed with are not in
// the keyring, and for each of them how many integrations cannot be opened. It
// costs one command as long as no key was taken out of the configuration.
// Otherwise it reads everything.
func (s *Store) MissingKeys(ctx context.Context) (map[string]int, error) {
	ids, err := s.rdb.ZRange(ctx, keysKey, 0, -1).Result()
	if err != nil {
		return nil, redisdb.Fault("index keys", err)
	}
	ids = slices.DeleteFunc(ids, s.keys.Has)
	if len(ids) == 0 {
		return nil, nil
	}
	uses, err := s.KeyUses(ctx)
	if err != nil {
		return nil, err
	}
	missing := map[string]int{}
	for id, n := range uses {
		if !s.keys.Has(id) {
			missing[id] = n
		}
	}
	for _, id := range ids {
		if missing[id] > 0 {
			continue
		}
		if err := s.keyIndex(ctx, "forget", id); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// KeyUses returns for every key id how many integrations have a text that is
// sealed with it, by reading all of them.
func (s *Store) KeyUses(ctx context.Context) (map[string]int, error) {
	uses := map[string]int{}
	err := s.eachRaw(ctx, func(tenant, integration, raw string) error {
		_, keys, _ := s.unseal(tenant, raw) // what cannot be opened counts by its key as well
		for _, texts := range s.sealedApart() {
			more, err := texts.SealedWith(ctx, tenant, integration)
			if err != nil {
				return err
			}
			maps.Copy(keys, more)
		}
		for id := range keys {
			uses[id]++
		}
		return nil
	}, func(int64) {})
	return uses, err
}

// unseal decodes an integration and returns which keys its texts name.
func (s *Store) unseal(tenant, raw string) (Integration, map[string]bool, error) {
	keys := map[string]bool{}
	reader := &Store{keys: s.keys.WithObserver(func(id string) { keys[id] = true })}
	in, err := reader.decode(tenant, raw)
	return in, keys, err
}
