package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/connections"
)

// Keys of the plugin and of Asynq, as they are in Redis. The machine looks at
// them from outside on purpose: the plugin's own counts might be wrong.
const (
	queueKeys = "asynq:{push}:"
	ourKeys   = "pb:{push-*"
	isRecords = "}:c:" // tenant/integration: a hash of records by entity
	isRescue  = "}:rescue"
	isWake    = "}:wake"
	isSlots   = "}:s:" // tenant: what holds a slot
	isBacklog = "}:b:" // tenant: what waits
)

// tasks counts what Asynq holds, by where.
func (w *world) tasks(ctx context.Context) (map[string]int64, error) {
	rdb := w.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	out := map[string]int64{}
	var errs []error
	for _, list := range []string{"pending", "active"} {
		n, err := rdb.LLen(ctx, queueKeys+list).Result()
		out[list] = n
		errs = append(errs, err)
	}
	for _, set := range []string{"scheduled", "retry", "archived", "completed", "lease"} {
		n, err := rdb.ZCard(ctx, queueKeys+set).Result()
		out[set] = n
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// atRest is what Redis holds when everything is quiet.
type atRest struct {
	Tasks    map[string]int64 `json:"tasks"`
	Rescuer  int64            `json:"rescue"`
	WakeList int64            `json:"wakeList"`
	Leases   int              `json:"leases"`
	Steps    int              `json:"steps"`
	Records  int              `json:"records"`
	// Slots counts the runs in flight; Backlog counts those that wait.
	Slots   int64 `json:"slots"`
	Backlog int64 `json:"backlog"`
	// BytesPerConnection is what Redis spends on an idle button: its record,
	// its place in lists, and its history.
	BytesPerConnection int64 `json:"bytesPerConnection"`
}

func (w *world) atRest(ctx context.Context) (atRest, error) {
	var l atRest
	var err error
	if l.Tasks, err = w.tasks(ctx); err != nil {
		return l, err
	}
	rdb := w.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	bytes := int64(0)
	scan := rdb.Scan(ctx, 0, ourKeys, 1000).Iterator()
	for scan.Next(ctx) {
		key := scan.Val()
		var n int64
		switch {
		case strings.Contains(key, isRecords):
			err = l.addRecords(ctx, rdb, key)
		case strings.HasSuffix(key, isRescue):
			n, err = rdb.ZCard(ctx, key).Result()
			l.Rescuer += n
		case strings.HasSuffix(key, isWake):
			n, err = rdb.LLen(ctx, key).Result()
			l.WakeList += n
		case strings.Contains(key, isSlots):
			n, err = rdb.SCard(ctx, key).Result()
			l.Slots += n
		case strings.Contains(key, isBacklog):
			n, err = rdb.ZCard(ctx, key).Result()
			l.Backlog += n
		}
		if err != nil {
			return l, err
		}
		n, err = rdb.MemoryUsage(ctx, key).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return l, err
		}
		bytes += n
	}
	l.BytesPerConnection = bytes / int64(max(l.Records, 1))
	return l, scan.Err()
}

// addRecords counts the records of one integration.
func (l *atRest) addRecords(ctx context.Context, rdb redis.UniversalClient, key string) error {
	docs, err := rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return err
	}
	for entity, doc := range docs {
		var rec connections.Record
		if err := json.Unmarshal([]byte(doc), &rec); err != nil {
			return fmt.Errorf("record %s of %s: %w", entity, key, err)
		}
		l.Records++
		if rec.Owner != "" {
			l.Leases++
		}
		if rec.Step != connections.Idle {
			l.Steps++
		}
	}
	return nil
}

// overlooked are Asynq's tasks that a short run does not wait for: those that
// it handed to nobody, because the reply was lost when Redis froze. Our own
// rescuer has long queued their runs again; Asynq gives them up after a
// minute and a half.
//
// With -refresh, runs wait for credentials. Their tasks look again after a quarter
// of an hour, and find that the runs have long gone on.
func (o options) overlooked() []string {
	if o.Refresh {
		return []string{"scheduled"}
	}
	if o.Outage && o.Short {
		return []string{"active", "lease"}
	}
	return nil
}

// violations lists what must not remain.
func (l atRest) violations(overlooked []string) []violation {
	var out []violation
	add := func(n int64, what string) {
		if n != 0 {
			out = append(out, violation{Kind: remaining, Detail: fmt.Sprintf("%d %s", n, what)})
		}
	}
	for where, n := range l.Tasks {
		if !slices.Contains(overlooked, where) {
			add(n, "tasks "+where)
		}
	}
	add(l.Rescuer, "entries of the rescuer")
	add(l.WakeList, "entries of the wake-up list")
	add(l.Slots, "slots that nobody freed")
	add(l.Backlog, "runs that wait in a backlog")
	add(int64(l.Leases), "leases")
	add(int64(l.Steps), "unfinished records")
	return out
}

// history reads what a record went through, for people.
func (w *world) history(ctx context.Context, key connections.Key) []string {
	rdb := w.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	events, err := connections.NewStore(rdb, connections.Timing{}).History(ctx, key)
	if err != nil {
		return []string{err.Error()}
	}
	out := make([]string, 0, len(events))
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s record: %s %s g%d r%d %s %s %s", stamp(connections.Millis(e.At)), e.What, e.State, e.Generation, e.Run, e.Outcome, e.Ref, e.Note))
	}
	return out
}
