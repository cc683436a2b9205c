package connections

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// Sizes of a page.
const (
	DefaultPage = 100
	MaxPage     = 500
)

// Query asks for connections of one integration.
type Query struct {
	Integration string
	// State narrows to one state; empty means all.
	State State
	// From and To narrow by the time of the last change, From included and To
	// not; zero times do not.
	From, To time.Time
	// Cursor is Page.Next of the page before; empty begins.
	Cursor string
	// Limit bounds the page; 0 means DefaultPage, more than MaxPage MaxPage.
	Limit int
}

// Entry is one connection. Changed is when its button last changed what it
// shows, or was clicked to.
type Entry struct {
	Key     Key
	Record  Record
	Changed time.Time
}

// After is the cursor of what comes after this entry in the list that it was
// found in.
func (e Entry) After() string {
	return position{e.Changed.UnixMilli(), e.Key.Entity}.cursor()
}

// Entry reads one connection; fault.NotFound where there is none.
func (s *Store) Entry(ctx context.Context, key Key) (Entry, error) {
	record, err := s.Get(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	one := []Entry{{Key: key, Record: record}}
	err = s.date(ctx, one)
	return one[0], err
}

// Page is part of a list. Next is empty at its end; a page may be short, or
// empty, and not be the last.
type Page struct {
	Entries []Entry
	Next    string
}

// position is where an entity stands in a list.
type position struct {
	score  int64
	entity string
}

// compare orders by time, and by entity where that is the same.
func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.score, q.score), strings.Compare(p.entity, q.entity))
}

func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.score, 10) + ":" + p.entity))
}

func parseCursor(s string) (position, error) {
	bad := fault.New(fault.Invalid, "list connections", "The cursor is none that was given out.")
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return position{}, bad
	}
	score, entity, ok := strings.Cut(string(raw), ":")
	n, err := strconv.ParseInt(score, 10, 64)
	if !ok || err != nil || !validPart(entity) {
		return position{}, bad
	}
	return position{n, entity}, nil
}

// List lists connections of a tenant's integration, the newest change first, and
// at equal times the greatest entity: the order is the same on every page.
// What changes while a list is read may be missing in its later pages, and is
// then at the beginning of the next list; what does not is there exactly once.
// fault.Invalid is for a query that makes no sense.
func (s *Store) List(ctx context.Context, tenant string, q Query) (Page, error) {
	const op = "list connections"
	states := []State{q.State}
	switch {
	case !validPart(tenant) || !validPart(q.Integration):
		return Page{}, fault.New(fault.Invalid, op, "The integration is missing.")
	case q.State == "":
		states = []State{Initial, Progress, Connected, Failed}
	case !slices.Contains([]State{Initial, Progress, Connected, Failed}, q.State):
		return Page{}, fault.New(fault.Invalid, op, "There is no such state. Use initial, progress, connected or error.")
	}
	limit := min(cmp.Or(max(q.Limit, 0), DefaultPage), MaxPage)
	before := position{score: 1<<53 - 1}
	if !q.To.IsZero() {
		before = position{score: q.To.UnixMilli()} // no entity is less than this one
	}
	if q.Cursor != "" {
		at, err := parseCursor(q.Cursor)
		if err != nil {
			return Page{}, err
		}
		if at.compare(before) < 0 {
			before = at
		}
	}
	indexes := make([]string, len(states))
	for i, state := range states {
		indexes[i] = indexKey(tenant, q.Integration, state)
	}
	all, err := s.places(ctx, indexes, before, q.From, limit+1)
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(all, func(a, b position) int { return b.compare(a) })
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].cursor()
	}
	entries, err := s.entries(ctx, tenant, q, all)
	return Page{Entries: entries, Next: next}, err
}

//go:embed ties.lua
var tiesLua string

// places reads up to n places of each index that come after one, newest first.
// What it costs depends on n, not on how many there are.
func (s *Store) places(ctx context.Context, indexes []string, before position, from time.Time, n int) ([]position, error) {
	by := &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(before.score, 10), Count: int64(n)}
	if !from.IsZero() {
		by.Min = strconv.FormatInt(from.UnixMilli(), 10)
	}
	replies := make([]*redis.ZSliceCmd, len(indexes))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, index := range indexes {
			replies[i] = p.ZRevRangeByScoreWithScores(ctx, index, by)
		}
		return nil
	})
	if err != nil {
		return nil, redisdb.Fault("list connections", err)
	}
	var all []position
	for i, reply := range replies {
		some := make([]position, 0, n)
		for _, z := range reply.Val() {
			entity, _ := z.Member.(string)
			if p := (position{int64(z.Score), entity}); p.compare(before) < 0 {
				some = append(some, p)
			}
		}
		if len(some) < len(reply.Val()) && len(reply.Val()) == n {
			if some, err = s.amidTies(ctx, indexes[i], before, from, n); err != nil {
				return nil, err
			}
		}
		all = append(all, some...)
	}
	return all, nil
}

// amidTies is places of one index, for a place amid many of one moment.
func (s *Store) amidTies(ctx context.Context, index string, before position, from time.Time, n int) ([]position, error) {
	const op = "list connections"
	reply, err := s.ties.Run(ctx, s.rdb, []string{index}, before.score, before.entity, n).StringSlice()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	out := make([]position, 0, len(reply)/2)
	for i := 0; i+1 < len(reply); i += 2 {
		score, err := strconv.ParseFloat(reply[i+1], 64)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		p := position{int64(score), reply[i]}
		if !from.IsZero() && p.score < from.UnixMilli() {
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// entries reads the records of places. One that has left the state that was
// asked for is left out.
func (s *Store) entries(ctx context.Context, tenant string, q Query, places []position) ([]Entry, error) {
	if len(places) == 0 {
		return nil, nil
	}
	entities := make([]string, len(places))
	for i, p := range places {
		entities[i] = p.entity
	}
	docs, err := s.rdb.HMGet(ctx, recordsKey(tenant, q.Integration), entities...).Result()
	if err != nil {
		return nil, redisdb.Fault("list connections", err)
	}
	out := make([]Entry, 0, len(places))
	for i, p := range places {
		doc, ok := docs[i].(string)
		if !ok {
			continue
		}
		r, err := decode("list connections", doc)
		if err != nil {
			// It is named elsewhere (Unreadable), and must not hide the others.
			if _, err := s.markUnreadable(ctx, Key{tenant, q.Integration, p.entity}); err != nil {
				return nil, err
			}
			continue
		}
		if q.State == "" || r.State == q.State {
			out = append(out, Entry{Key{tenant, q.Integration, p.entity}, r, Millis(p.score)})
		}
	}
	return out, nil
}

func isNil(err error) bool { return errors.Is(err, redis.Nil) }
