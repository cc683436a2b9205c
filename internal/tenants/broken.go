package tenants

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// brokenKey lists what was found to be unreadable, by when (ms): a tenant's id,
// or that and an integration's with a slash between them. It follows what is
// stored: Broken takes out what can be read again.
const brokenKey = "pb:broken"

// ErrBroken is the error for a document that cannot be read, or whose sealed
// part cannot be opened.
var ErrBroken = errors.New("the stored document cannot be read")

// Broken is a tenant, or an integration of one, whose document cannot be read.
// Lists leave it out, so that it stops nothing that goes over all of them.
type Broken struct {
	Tenant string
	// Integration is empty where it is the tenant itself.
	Integration string
	Since       time.Time
}

// String names it: the tenant's id, with the integration's behind a slash.
func (b Broken) String() string {
	if b.Integration == "" {
		return b.Tenant
	}
	return b.Tenant + "/" + b.Integration
}

func brokenFault(op, what string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Internal, Side: fault.SidePlugin, Err: errors.Join(ErrBroken, err),
		Public: what + " is stored in a form that cannot be read. Ask the plugin's operator: plugin doctor names it and says what to do."}
}

// OnBroken has the store report each document that it finds broken, once for
// all processes, until it is repaired.
func (s *Store) OnBroken(tell func(ctx context.Context, b Broken)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = append(s.tell, tell)
}

// report notes a broken document. It does not matter if that fails: the next
// reader finds the document again.
func (s *Store) report(ctx context.Context, b Broken) {
	added, err := s.rdb.ZAddNX(ctx, brokenKey, redis.Z{Score: float64(s.now().UnixMilli()), Member: b.String()}).Result()
	if err != nil || added == 0 {
		return
	}
	b.Since = s.now()
	s.mu.Lock()
	tell := s.tell
	s.mu.Unlock()
	for _, t := range tell {
		t(ctx, b)
	}
}

// Broken lists what was found broken and still is.
func (s *Store) Broken(ctx context.Context) ([]Broken, error) {
	const op = "list broken documents"
	known, err := s.rdb.ZRangeWithScores(ctx, brokenKey, 0, -1).Result()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	var out []Broken
	for _, z := range known {
		member, _ := z.Member.(string)
		b := Broken{Since: time.UnixMilli(int64(z.Score)).UTC()}
		b.Tenant, b.Integration, _ = strings.Cut(member, "/")
		scope := s.Tenant(b.Tenant)
		if b.Integration == "" {
			_, err = scope.Get(ctx)
		} else {
			_, err = scope.Integration(ctx, b.Integration)
		}
		switch {
		case errors.Is(err, ErrBroken):
			out = append(out, b)
		case err == nil, errors.Is(err, fault.NotFound):
			if err := s.rdb.ZRem(ctx, brokenKey, member).Err(); err != nil {
				return nil, redisdb.Fault(op, err)
			}
		default:
			return nil, err
		}
	}
	return out, nil
}

// Whole reports whether every integration of the tenant can be read; else its
// error names the first that cannot. It is for callers that must leave nothing
// out.
func (h Scope) Whole(ctx context.Context) error {
	return h.store.eachRawOf(ctx, h.tenant, func(tenant, id, raw string) error {
		if _, err := h.store.decode(tenant, raw); err != nil {
			return &fault.Error{Op: "read integrations", Kind: fault.Internal, Side: fault.SidePlugin, Err: err,
				Public: "The integration " + id + " cannot be read. plugin doctor says what to do."}
		}
		return nil
	})
}
