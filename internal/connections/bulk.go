package connections

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

// bulk is how many records are treated at once by what treats all of them.
const bulk = 200

// batch runs one transition on many records of one shard, in one round trip. An
// error of one record is in failed, and stops no other.
func (s *Store) batch(ctx context.Context, op string, keys []Key, args func(i int) arguments) (out []outcome, failed []error, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	run := func() ([]*redis.Cmd, error) {
		replies := make([]*redis.Cmd, len(keys))
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, key := range keys {
				names, argv, err := request(op, key, args(i))
				if err != nil {
					return err
				}
				replies[i] = s.scripts[op].EvalSha(ctx, p, names, argv...)
			}
			return nil
		})
		return replies, err
	}
	replies, err := run()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := s.scripts[op].Load(ctx, s.rdb).Err(); err != nil {
			return nil, nil, redisdb.Fault("record "+op, err)
		}
		replies, err = run()
	}
	var answered redis.Error
	if err != nil && !errors.As(err, &answered) {
		return nil, nil, redisdb.Fault("record "+op, err)
	}
	out, failed = make([]outcome, len(replies)), make([]error, len(replies))
	for i, r := range replies {
		reply, err := r.Slice()
		if err != nil {
			failed[i] = redisdb.Fault("record "+op, err)
			continue
		}
		out[i], failed[i] = parse(op, keys[i].Tenant, reply)
	}
	return out, failed, nil
}

// DeleteIntegration removes every record of an integration with all that is
// kept beside it, in batches. After each batch progress, if set, gets how many are
// gone by now. Called again after it was interrupted, it goes on. Nobody may push
// meanwhile: the integration has to be disabled, or gone, before.
func (s *Store) DeleteIntegration(ctx context.Context, tenant, integration string, progress func(done int64)) error {
	const op = "delete connections"
	if !validPart(tenant) || !validPart(integration) {
		return fault.New(fault.Invalid, op, "There can be no integration of this name.")
	}
	records := recordsKey(tenant, integration)
	done := int64(0)
	for cursor := uint64(0); ; {
		fields, next, err := s.rdb.HScan(ctx, records, cursor, "", bulk).Result()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		keys := make([]Key, 0, len(fields)/2)
		for i := 0; i+1 < len(fields); i += 2 {
			key := Key{tenant, integration, fields[i]}
			if wellFormed(fields[i+1]) {
				keys = append(keys, key)
			} else if err := s.scrap(ctx, key); err != nil {
				return err
			}
		}
		_, failed, err := s.batch(ctx, "drop", keys, func(int) arguments { return arguments{} })
		if err := errors.Join(append(failed, err)...); err != nil {
			return redisdb.Fault(op, err)
		}
		if done += int64(len(fields) / 2); len(fields) > 0 && progress != nil {
			progress(done)
		}
		if cursor = next; cursor != 0 {
			continue
		}
		// Once more, if a hash that shrank meanwhile hid some.
		left, err := s.rdb.Exists(ctx, records).Result()
		if err != nil {
			return redisdb.Fault(op, err)
		}
		if left > 0 {
			continue
		}
		if err := s.rdb.Del(ctx, closedKey(tenant, integration)).Err(); err != nil {
			return redisdb.Fault(op, err)
		}
		return s.deleteIndex(ctx, tenant, integration)
	}
}

// Export yields every connection of an integration, in no order. What changes
// meanwhile is there as it was or as it is, and may be there twice.
func (s *Store) Export(ctx context.Context, tenant, integration string) iter.Seq2[Entry, error] {
	const op = "export connections"
	return func(yield func(Entry, error) bool) {
		for cursor := uint64(0); ; {
			fields, next, err := s.rdb.HScan(ctx, recordsKey(tenant, integration), cursor, "", bulk).Result()
			if err != nil {
				yield(Entry{}, redisdb.Fault(op, err))
				return
			}
			entries := make([]Entry, 0, len(fields)/2)
			for i := 0; i+1 < len(fields); i += 2 {
				r, err := decode(op, fields[i+1])
				if err != nil {
					yield(Entry{}, err)
					return
				}
				entries = append(entries, Entry{Key: Key{tenant, integration, fields[i]}, Record: r})
			}
			if err := s.date(ctx, entries); err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}

// date fills in when each entry last changed.
func (s *Store) date(ctx context.Context, entries []Entry) error {
	scores := make([]*redis.FloatCmd, len(entries))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range entries {
			scores[i] = p.ZScore(ctx, indexKey(e.Key.Tenant, e.Key.Integration, e.Record.State), e.Key.Entity)
		}
		return nil
	})
	if err != nil && !isNil(err) {
		return redisdb.Fault("export connections", err)
	}
	for i, score := range scores {
		entries[i].Changed = Millis(int64(score.Val())) // none: it has just changed
	}
	return nil
}

//go:embed import.lua
var importLua string

// importPart is how many records one call of the script stores: enough to make
// the round trip cheap, few enough not to hold up Redis (a millisecond or two)
// and for what Lua can pass on at once.
const importPart = 500

// Import stores connections that Export gave, here or elsewhere. One that is
// known already is left as it is, so that an import can be repeated. What was
// under way there is taken up here. They count for Usage, but no limit holds
// them back. If it fails, some may have been stored.
func (s *Store) Import(ctx context.Context, entries []Entry) error {
	const op = "import connections"
	type place struct{ tenant, integration string }
	byPlace := map[place][]Entry{}
	for _, e := range entries {
		if !e.Key.Valid() || !slices.Contains([]State{Initial, Progress, Connected, Failed}, e.Record.State) {
			return fault.New(fault.Invalid, op, "The connection "+cut(e.Key.String(), maxNote)+" cannot be read.")
		}
		at := place{e.Key.Tenant, e.Key.Integration}
		byPlace[at] = append(byPlace[at], e)
	}
	for at, all := range byPlace {
		for part := range slices.Chunk(all, importPart) {
			argv, err := s.importArguments(at.tenant, at.integration, part)
			if err != nil {
				return fault.Wrap(fault.Internal, op, err)
			}
			if err := s.importing.Run(ctx, s.rdb, []string{recordsKey(at.tenant, at.integration)}, argv...).Err(); err != nil {
				return redisdb.Fault(op, err)
			}
		}
	}
	return nil
}

// importArguments returns the arguments of import.lua: records as they are to be
// stored, without a lease.
func (s *Store) importArguments(tenant, integration string, entries []Entry) ([]any, error) {
	argv := make([]any, 0, 2+6*len(entries))
	argv = append(argv, tenant, integration)
	for _, e := range entries {
		r := e.Record
		if r.Owner != "" && (r.Step == Settle || r.Step == Verify) {
			// What its worker sent to Productboard last may still be under way.
			r.ReadBack = max(r.ReadBack, r.LeaseEnd+s.timing.SendWindow.Milliseconds())
		}
		r.Owner, r.LeaseEnd, r.RescueChecks = "", 0, 0
		todo := ""
		if r.Step != Idle {
			r.Run++ // tasks of the old run, if this was its home, find it gone
			todo = "backlog"
			if r.Parked != 0 {
				todo = "parked"
			}
		}
		doc, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		issue := ""
		if r.Issue != nil {
			issue = r.Issue.ID
		}
		argv = append(argv, e.Key.Entity, doc, string(r.State), max(e.Changed.UnixMilli(), 0), todo, issue)
	}
	return argv, nil
}
