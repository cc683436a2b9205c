package connections

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/targets"
)

// What a reading found, as the script has it. All but present are also values of
// Missing.Verdict.
const (
	seenPresent = "present"
	seenGone    = "gone"
	seenTrashed = "trashed"
	seenHidden  = "hidden"
)

// Reading is a tracker's answer about the issue that a button shows.
type Reading struct {
	// Entry is the connection as it was before the tracker was asked.
	Entry Entry
	// Verdict is what became of the issue. Issue is how it is now, where the
	// verdict is present or moved.
	Verdict targets.Verdict
	Issue   targets.Issue
}

// Observe records what a tracker said of issues of one integration. A button
// changes only if it is connected and at rest, and if nobody has clicked it since
// its entry was read; a reading that comes too late is left to the next one. An
// issue that is gone or trashed is shown as deleted once two readings agree, at
// least Timing.ConfirmDeleted apart; with reset the button goes back to initial
// then. Nothing here ever makes an issue.
//
// The tasks bring the changed buttons to Productboard. Where some readings fail,
// the others are recorded, and the error is theirs.
func (s *Store) Observe(ctx context.Context, readings []Reading, reset bool) ([]*Task, error) {
	var keys []Key
	var args []arguments
	for _, r := range readings {
		a, news := r.arguments(reset)
		if !news {
			continue
		}
		if n := len(keys); n > 0 && (keys[n-1].Tenant != r.Entry.Key.Tenant || keys[n-1].Integration != r.Entry.Key.Integration) {
			return nil, fault.Wrap(fault.Internal, "record observed", errors.New("readings of several integrations"))
		}
		keys, args = append(keys, r.Entry.Key), append(args, a)
	}
	out, failed, err := s.batch(ctx, "observed", keys, func(i int) arguments { return args[i] })
	if err != nil {
		return nil, err
	}
	var tasks []*Task
	for i, o := range out {
		if task := o.task(keys[i]); failed[i] == nil && task != nil {
			tasks = append(tasks, task)
		}
	}
	return tasks, errors.Join(failed...)
}

// arguments are those of the transition; news is false where the record says
// all of it already.
func (r Reading) arguments(reset bool) (a arguments, news bool) {
	rec := r.Entry.Record
	if rec.Issue == nil || rec.State != Connected || rec.Step != Idle {
		return arguments{}, false
	}
	a = arguments{Generation: rec.Generation, Epoch: rec.Epoch, Known: rec.Issue.ID, Reset: reset}
	switch r.Verdict {
	case targets.VerdictPresent, targets.VerdictMoved:
		a.Seen = seenPresent
		issue := r.Issue
		issue.ID, issue.Verdict = rec.Issue.ID, rec.Issue.Verdict
		if issue == *rec.Issue && rec.Observed == 0 {
			return a, rec.Missing != nil
		}
		a.Issue = keptIssue(issue)
		if rec.Title == "" && issue.Title != rec.Issue.Title {
			a.Title = rec.Issue.Title // the item's, which the issue was called by
		}
		return a, true
	case targets.VerdictGone:
		a.Seen = seenGone
	case targets.VerdictTrashed:
		a.Seen = seenTrashed
	case targets.VerdictHidden:
		a.Seen = seenHidden
		return a, rec.Missing == nil
	case targets.VerdictIntermediary, targets.VerdictCredentialRefused, targets.VerdictUndecided:
		return arguments{}, false
	default:
		return arguments{}, false
	}
	return a, !rec.Deleted() || rec.Observed != 0
}

// Entries returns connections of an integration by their entities. One that is
// not there or cannot be decoded is left out.
func (s *Store) Entries(ctx context.Context, tenant, integration string, entities []string) ([]Entry, error) {
	const op = "read connections"
	if len(entities) == 0 {
		return nil, nil
	}
	docs, err := s.rdb.HMGet(ctx, recordsKey(tenant, integration), entities...).Result()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	var entries []Entry
	for i, doc := range docs {
		text, ok := doc.(string)
		if !ok {
			continue
		}
		if r, err := decode(op, text); err == nil {
			entries = append(entries, Entry{Key: Key{tenant, integration, entities[i]}, Record: r})
		}
	}
	return entries, s.date(ctx, entries)
}

const byIssueLua = `local tag, tenant, integration = string.match(KEYS[1], '^[^}]*}:'), ARGV[1], ARGV[2]
-- include issueindex.lua
local _, found = index_fields(index_digits(ARGV[3]), index_buckets())
return found`

// ByIssue returns the connections whose buttons may show an issue, by its id in
// the tracker. It may return one too many, because two ids can look alike. If
// more than 20 buttons show the issue, it returns 20.
func (s *Store) ByIssue(ctx context.Context, tenant, integration, issue string) ([]Key, error) {
	const op = "find connections of an issue"
	if !validPart(tenant) || !validPart(integration) {
		return nil, fault.New(fault.Invalid, op, "There can be no integration of this name.")
	}
	found, err := s.byIssue.Run(ctx, s.rdb, []string{recordsKey(tenant, integration)}, tenant, integration, issue).StringSlice()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	keys := make([]Key, len(found))
	for i, entity := range found {
		keys[i] = Key{tenant, integration, entity}
	}
	return keys, nil
}

// deleteIndex removes what is left of an integration's index: entries of records
// that could not be decoded.
func (s *Store) deleteIndex(ctx context.Context, tenant, integration string) error {
	const op = "delete index of issues"
	n, err := s.rdb.HGet(ctx, accountKey(tenant), bucketsField(integration)).Int()
	if err != nil && !isNil(err) {
		return redisdb.Fault(op, err)
	}
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for bucket := range max(n, 1) {
			p.Del(ctx, issuesKey(tenant, integration, bucket))
		}
		p.HDel(ctx, accountKey(tenant), bucketsField(integration))
		return nil
	})
	if err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

func bucketsField(integration string) string { return "buckets:" + integration }

func issuesKey(tenant, integration string, bucket int) string {
	return tagOf(tenant) + "i:" + tenant + "/" + integration + ":" + strconv.Itoa(bucket)
}

// Scan returns a page of an integration's connections, in no order, and where the
// next page begins; 0: there is none. A connection that is there all the time is
// on one page at least. One that cannot be decoded is on none.
func (s *Store) Scan(ctx context.Context, tenant, integration string, cursor uint64) ([]Entry, uint64, error) {
	const op = "scan connections"
	fields, next, err := s.rdb.HScan(ctx, recordsKey(tenant, integration), cursor, "", bulk).Result()
	if err != nil {
		return nil, 0, redisdb.Fault(op, err)
	}
	entries := make([]Entry, 0, len(fields)/2)
	for i := 0; i+1 < len(fields); i += 2 {
		if r, err := decode(op, fields[i+1]); err == nil {
			entries = append(entries, Entry{Key: Key{tenant, integration, fields[i]}, Record: r})
		}
	}
	if err := s.date(ctx, entries); err != nil {
		return nil, 0, err
	}
	return entries, next, nil
}
