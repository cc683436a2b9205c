package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/jobs"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/memtarget"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

const (
	// soakTenants each have a Productboard token of their own: we limit calls by
	// token, so that one alone would take hours.
	soakTenants  = 50
	soakClickers = 16
	// soakSettle bounds the wait for the last button, beyond the reading back:
	// clicks are taken several times as fast as they are worked off.
	soakSettle = 40 * time.Minute
	// soakTries is how often a click is made that is answered with 503, as a
	// person would: that one was told to try again.
	soakTries = 5
	// maxAsynq is more keys than Asynq has while nothing is queued: a few
	// counters a day and queue, and its indexes.
	maxAsynq = 64
)

// kept is the kinds of keys that may live for ever, with what bounds each.
// Anything else without a time to live is a leak.
func kept() map[string]string {
	return map[string]string{
		"pb:{push-N}:c":      "records: one field for each connection",
		"pb:{push-N}:x":      "index: one member for each connection",
		"pb:{push-N}:i":      "index of issues: one entry for each connection",
		"pb:{refresh}":       "sweeps: one entry for each integration",
		"pb:{hooks}":         "webhooks: integrations with something to read",
		"pb:{push-N}:t":      "accounts: one key for each tenant",
		"pb:{push-N}:b":      "backlogs: runs that wait",
		"pb:{push-N}:s":      "slots: runs in flight",
		"pb:{push-N}:wake":   "wake-up list: 128 runs",
		"pb:{push-N}:rescue": "rescuer: runs that are not over",
		"pb:{push-N}:failed": "failed: connections that show an error",
		"pb:{t:N}":           "tenants: tenant, integrations, names",
		"pb:keys":            "ids of the keys that seal credentials",
		"pb:tenants":         "tenants: index",
		"pb:owner":           "tenants: one key for each integration",
		"asynq":              "asynq: tasks that are not over, and its indexes",
	}
}

// kindOf folds a key to its kind.
func kindOf(key string) string {
	switch {
	case strings.HasPrefix(key, "asynq:"):
		return "asynq"
	case strings.HasPrefix(key, "pb:{t:"):
		return "pb:{t:N}"
	}
	key = regexp.MustCompile(`\{push-\d+\}`).ReplaceAllString(key, "{push-N}")
	depth := 2
	if strings.HasPrefix(key, "pb:{push-N}") {
		depth = 3
	}
	parts := strings.Split(key, ":")
	return strings.Join(parts[:min(len(parts), depth)], ":")
}

// usage is the room that the keys of one kind take in Redis.
type usage struct {
	keys, bytes, forever int64
}

// inventory counts every key, by kind.
func inventory(ctx context.Context, rdb *redis.Client) (map[string]usage, error) {
	found := map[string]usage{}
	it := rdb.Scan(ctx, 0, "", 1000).Iterator()
	var keys []string
	for it.Next(ctx) {
		keys = append(keys, it.Val())
	}
	if it.Err() != nil {
		return nil, it.Err()
	}
	for part := range slices.Chunk(keys, 500) {
		sizes, lives := make([]*redis.IntCmd, len(part)), make([]*redis.DurationCmd, len(part))
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, key := range part {
				sizes[i], lives[i] = p.MemoryUsage(ctx, key, 0), p.TTL(ctx, key)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		for i, key := range part {
			u := found[kindOf(key)]
			u.keys++
			u.bytes += sizes[i].Val()
			if lives[i].Val() == -1 {
				u.forever++
			}
			found[kindOf(key)] = u
		}
	}
	return found, nil
}

// costs are Redis' own figures of its memory and work.
type costs struct {
	memory, commands int64
	net              int64 // bytes that clients sent and got
	cpu              float64
}

func costsOf(ctx context.Context, rdb *redis.Client) (costs, error) {
	text, err := rdb.Info(ctx, "memory", "stats", "cpu").Result()
	if err != nil {
		return costs{}, err
	}
	number := func(name string) float64 {
		m := regexp.MustCompile(`(?m)^` + name + `:([0-9.]+)`).FindStringSubmatch(text)
		if m == nil {
			return 0
		}
		v, _ := strconv.ParseFloat(m[1], 64)
		return v
	}
	return costs{memory: int64(number("used_memory")), commands: int64(number("total_commands_processed")),
		net: int64(number("total_net_input_bytes") + number("total_net_output_bytes")), cpu: number("used_cpu_sys") + number("used_cpu_user")}, nil
}

// soak makes so many pushes, each of a button of its own, waits until nothing
// is left to do, and says where the memory of Redis went.
func soak(ctx context.Context, pushes int, server *redisServer, log *slog.Logger, out io.Writer) error {
	each := (pushes + soakTenants - 1) / soakTenants
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return err
	}
	address := "http://" + ln.Addr().String()
	box := soakSandbox(address, each)
	defer box.Close()
	peers := &http.Server{Handler: box.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	defer func() { _ = peers.Close() }()
	cfg, err := settings(server, address+"/v2")
	if err != nil {
		return err
	}
	cfg.Concurrency = 100
	cfg.PushDeadline = 6 * time.Hour // with many pushes the last ones wait for longer than people would
	plugin, err := launch(ctx, cfg, app.Roles{API: true, Worker: true}, log)
	if err != nil {
		return err
	}
	return errors.Join(soakRun(ctx, plugin, box, address, each, server, out), plugin.stop())
}

func soakToken(i int) string { return app.SandboxToken + "-" + strconv.Itoa(i) }

func soakSandbox(address string, items int) *app.Sandbox {
	tokens := make([]pbfake.Token, soakTenants)
	for i := range tokens {
		tokens[i].Value = soakToken(i)
	}
	box := &app.Sandbox{
		Productboard: pbfake.New(&pbfake.Options{Tokens: tokens, APIURL: address + "/v2", AppURL: address + "/sandbox", Seed: 1}),
		Tracker:      memtarget.NewTracker(memtarget.Options{}),
	}
	box.Productboard.Seed(items)
	box.Productboard.SetRateLimit(-1)
	box.Tracker.AddProject(app.SandboxProject, secret.New(app.SandboxTrackerKey))
	return box
}

func soakRun(ctx context.Context, plugin *running, box *app.Sandbox, address string, each int, server *redisServer, out io.Writer) error {
	if err := box.Productboard.SetEdge(app.SandboxOrigin, "http://"+plugin.front); err != nil {
		return err
	}
	if _, err := plugin.app.Registrar().Apply(ctx, soakDeclaration(address)); err != nil {
		return err
	}
	before, err := costsOf(ctx, server.client)
	if err != nil {
		return err
	}
	start := time.Now()
	pushes, err := soakClicks(ctx, box, each)
	if err != nil {
		return err
	}
	if err := soakWait(ctx, server.client); err != nil {
		return err
	}
	after, err := costsOf(ctx, server.client)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "soak: %d pushes, one process, %s until nothing was left to do\n", pushes, time.Since(start).Round(time.Second))
	n := float64(pushes)
	fmt.Fprintf(out, "  Redis per push: %.0f commands (those of scripts among them), %.2f ms of processor time\n", float64(after.commands-before.commands)/n, 1000*(after.cpu-before.cpu)/n)
	if got := len(box.Productboard.Connections("", "connected")); got != pushes {
		return fmt.Errorf("%d of %d buttons are connected", got, pushes)
	}
	return soakReport(ctx, server.client, before, after, pushes, out)
}

// soakDeclaration is the tenants, with one integration each.
func soakDeclaration(address string) register.Declaration {
	declaration := register.Declaration{}
	for i := range soakTenants {
		declaration.Tenants = append(declaration.Tenants, register.DesiredTenant{ID: "t" + strconv.Itoa(i), Integrations: []register.Desired{{Integration: tenants.Integration{
			Name: "soak " + strconv.Itoa(i), ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(soakToken(i))), Answer: tenants.AnswerV2,
			Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": address + "/tracker", "project": app.SandboxProject},
				Credentials: map[string]secret.String{"apiKey": secret.New(app.SandboxTrackerKey)}},
		}}}})
	}
	return declaration
}

func soakClicks(ctx context.Context, box *app.Sandbox, each int) (int, error) {
	type button struct{ integration, entity string }
	buttons := make(chan button)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range soakClickers {
		group.Go(func() {
			for b := range buttons {
				if err := soakClick(ctx, box, b.integration, b.entity); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	pushes := 0
	integrations := box.Productboard.Integrations()
	for i, e := range box.Productboard.Entities() {
		if i == each {
			break
		}
		for _, in := range integrations {
			buttons <- button{in.ID, e.ID}
			pushes++
		}
	}
	close(buttons)
	group.Wait()
	return pushes, failed
}

// soakClick clicks until the push is taken.
func soakClick(ctx context.Context, box *app.Sandbox, integration, entity string) error {
	for try := 1; ; try++ {
		answer, err := box.Productboard.Click(ctx, integration, entity, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"})
		switch {
		case err != nil:
			return err
		case answer.Status == http.StatusOK:
			return nil
		case answer.Status != http.StatusServiceUnavailable || try == soakTries:
			return fmt.Errorf("a click was answered with %d: %s", answer.Status, answer.Failure)
		}
	}
}

// soakWait returns when no button is left to work on, and no task is left of
// runs that a worker learnt of from the wake-up list and did before Asynq
// handed them out.
func soakWait(ctx context.Context, rdb *redis.Client) error {
	ctx, cancel := context.WithTimeout(ctx, soakSettle)
	defer cancel()
	records, queue := connections.NewStore(rdb, connections.Timing{}), jobs.NewQueue(rdb)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := records.Unfinished(ctx)
		if err == nil && n == 0 {
			pending, scheduled, _, err := queue.Depth()
			if err == nil && pending+scheduled == 0 {
				return nil
			}
			n = int64(pending + scheduled)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d buttons or their tasks are still worked on after %s", n, soakSettle)
		}
	}
}

// soakReport prints what is in Redis, and fails where something has neither a
// bound nor a time to live.
func soakReport(ctx context.Context, rdb *redis.Client, before, after costs, pushes int, out io.Writer) error {
	found, err := inventory(ctx, rdb)
	if err != nil {
		return err
	}
	n := float64(pushes)
	fmt.Fprintf(out, "  memory of Redis: %.1f MB before, %.1f MB after: %.0f bytes a push\n", float64(before.memory)/1e6, float64(after.memory)/1e6, float64(after.memory-before.memory)/n)
	fmt.Fprintf(out, "  %-24s %10s %14s %12s  %s\n", "kind", "keys", "bytes a push", "for ever", "bounded by")
	var leaks []string
	var gone float64
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		u := found[kind]
		bound, known := kept()[kind]
		switch {
		case u.forever == 0:
			bound = "its time to live"
			gone += float64(u.bytes)
		case !known:
			bound = "NOTHING"
			leaks = append(leaks, kind)
		}
		fmt.Fprintf(out, "  %-24s %10d %14.1f %12d  %s\n", kind, u.keys, float64(u.bytes)/n, u.forever, bound)
	}
	fmt.Fprintf(out, "  what has a time to live and will be gone: %.0f bytes a push\n", gone/n)
	if found["asynq"].keys > maxAsynq {
		leaks = append(leaks, fmt.Sprintf("asynq still has %d keys", found["asynq"].keys))
	}
	if len(leaks) > 0 {
		return fmt.Errorf("without a bound: %s", strings.Join(leaks, ", "))
	}
	return nil
}
