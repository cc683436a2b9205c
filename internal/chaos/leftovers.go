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
	queueKeys  = "asynq:{push}:"
	recordKeys = "pb:{push}:c:"
	historyKey = "pb:{push}:h:"
	lookoutKey = "pb:{push}:lookout"
	bellKey    = "pb:{push}:bell"
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

// leftovers is what Redis holds when everything is quiet.
type leftovers struct {
	Tasks   map[string]int64 `json:"tasks"`
	Lookout int64            `json:"lookout"`
	Bell    int64            `json:"bell"`
	Leases  int              `json:"leases"`
	Steps   int              `json:"steps"`
	Records int              `json:"records"`
	// BytesPerConnection is what Redis spends on an idle button: its record
	// and its history.
	BytesPerConnection int64 `json:"bytesPerConnection"`
}

func (w *world) leftovers(ctx context.Context) (leftovers, error) {
	var l leftovers
	var err error
	if l.Tasks, err = w.tasks(ctx); err != nil {
		return l, err
	}
	rdb := w.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	if l.Lookout, err = rdb.ZCard(ctx, lookoutKey).Result(); err != nil {
		return l, err
	}
	if l.Bell, err = rdb.LLen(ctx, bellKey).Result(); err != nil {
		return l, err
	}
	scan := rdb.Scan(ctx, 0, recordKeys+"*", 1000).Iterator()
	var bytes int64
	for scan.Next(ctx) {
		name := strings.TrimPrefix(scan.Val(), recordKeys)
		raw, err := rdb.Get(ctx, scan.Val()).Bytes()
		if err != nil {
			return l, err
		}
		var rec connections.Record
		if err := json.Unmarshal(raw, &rec); err != nil {
			return l, fmt.Errorf("record %s: %w", name, err)
		}
		l.Records++
		for _, k := range []string{scan.Val(), historyKey + name} {
			n, err := rdb.MemoryUsage(ctx, k).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return l, err
			}
			bytes += n
		}
		if rec.Owner != "" {
			l.Leases++
		}
		if rec.Step != connections.Idle {
			l.Steps++
		}
	}
	l.BytesPerConnection = bytes / int64(max(l.Records, 1))
	return l, scan.Err()
}

// overlooked are Asynq's tasks that a short run does not wait for: those that
// it handed to nobody, because the reply was lost when Redis froze. Our own
// look-out has long queued their runs again; Asynq gives them up after a
// minute and a half.
func (o options) overlooked() []string {
	if o.Outage && o.Short {
		return []string{"active", "lease"}
	}
	return nil
}

// violations says what must not be left.
func (l leftovers) violations(overlooked []string) []violation {
	var out []violation
	add := func(n int64, what string) {
		if n != 0 {
			out = append(out, violation{Kind: leftOver, Detail: fmt.Sprintf("%d %s", n, what)})
		}
	}
	for where, n := range l.Tasks {
		if !slices.Contains(overlooked, where) {
			add(n, "tasks "+where)
		}
	}
	add(l.Lookout, "entries of the look-out")
	add(l.Bell, "runs that nobody heard the bell of")
	add(int64(l.Leases), "leases")
	add(int64(l.Steps), "unfinished records")
	return out
}

// history reads what a record went through, for people.
func (w *world) history(ctx context.Context, key connections.Key) []string {
	rdb := w.redis.Client(0)
	defer func() { _ = rdb.Close() }()
	lines, err := rdb.LRange(ctx, historyKey+key.String(), 0, -1).Result()
	if err != nil {
		return []string{err.Error()}
	}
	out := make([]string, 0, len(lines))
	for _, raw := range lines {
		var e connections.Event
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			out = append(out, raw)
			continue
		}
		out = append(out, fmt.Sprintf("%s record: %s %s g%d r%d %s", stamp(connections.Millis(e.At)), e.What, e.State, e.Generation, e.Run, e.Note))
	}
	return out
}
