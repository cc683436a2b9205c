package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
)

const (
	workerSlots   = 100
	workerLatency = 50 * time.Millisecond
	// ceilingTasks is how many tasks that do nothing Asynq is timed with.
	ceilingTasks = 5000
	workerLimit  = 2 * time.Minute
)

// plant is the simulators, an api in this process and the program to start
// workers from.
type plant struct {
	box     *app.Sandbox
	watch   *stopwatch
	api     *running
	program *program
	cfg     config.Config
	next    int // the entity that is pushed next
	end     []func()
}

func newPlant(ctx context.Context, server *redisServer, items int, latency time.Duration, log *slog.Logger) (p *plant, err error) {
	p = &plant{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if err := server.client.FlushAll(ctx).Err(); err != nil {
		return p, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with its server
	if err != nil {
		return p, err
	}
	address := "http://" + ln.Addr().String()
	p.box = soakSandbox(address, items)
	p.watch = &stopwatch{latency: latency, next: p.box.Handler()}
	peers := &http.Server{Handler: p.watch, ReadHeaderTimeout: time.Second}
	go func() { _ = peers.Serve(ln) }()
	p.end = append(p.end, func() { _ = peers.Close(); p.box.Close() })
	if p.cfg, err = settings(server, address+"/v2"); err != nil {
		return p, err
	}
	raw := make([]byte, secret.KeySize) // a key that guards nothing
	key := "bench:" + base64.StdEncoding.EncodeToString(raw)
	p.cfg.EncryptionKeys = secret.New(key)
	if p.api, err = launch(ctx, p.cfg, app.Roles{API: true}, log); err != nil {
		return p, err
	}
	if err := p.box.Productboard.SetEdge(app.SandboxOrigin, "http://"+p.api.front); err != nil {
		return p, err
	}
	if _, err := p.api.app.Registrar().Apply(ctx, soakDeclaration(address)); err != nil {
		return p, err
	}
	var remove func()
	p.program, remove, err = buildProgram(ctx, p.cfg, server, key)
	if remove != nil {
		p.end = append(p.end, remove)
	}
	return p, err
}

func (p *plant) stop() error {
	var err error
	if p.api != nil {
		err = p.api.stop()
	}
	for _, f := range p.end {
		f()
	}
	return err
}

// load clicks n items' buttons of every tenant, while nobody works.
func (p *plant) load(ctx context.Context, n int) (int, error) {
	pushes := 0
	entities := p.box.Productboard.Entities()[p.next : p.next+n]
	p.next += n
	for _, e := range entities {
		var group sync.WaitGroup
		var failed atomic.Pointer[error]
		for _, in := range p.box.Productboard.Integrations() {
			pushes++
			group.Go(func() {
				if _, err := p.box.Productboard.Click(ctx, in.ID, e.ID, pbfake.Push, pbfake.User{Name: "Jane", Email: "jane@example.com"}); err != nil {
					failed.Store(&err)
				}
			})
		}
		group.Wait()
		if err := failed.Load(); err != nil {
			return 0, *err
		}
	}
	return pushes, nil
}

// worked is the result of a number of workers over what was loaded.
type worked struct {
	perSecond float64
	each      time.Duration // processor time of the workers for a push, to its very end
	calls     float64       // HTTP calls for a push
}

// crew starts so many workers, all at once.
func (p *plant) crew(ctx context.Context, processes int) ([]*process, error) {
	crew, errs := make([]*process, processes), make([]error, processes)
	var group sync.WaitGroup
	for i := range crew {
		group.Go(func() { crew[i], errs[i] = p.program.start(ctx, "worker", workerSlots) })
	}
	group.Wait()
	crew = slices.DeleteFunc(crew, func(r *process) bool { return r == nil })
	return crew, errors.Join(errs...)
}

// throughput waits until so many more buttons are connected, and returns how many a
// second that were, from the first to the last.
func (p *plant) throughput(ctx context.Context, before, pushes int) (float64, error) {
	for p.watch.connected()-before < pushes {
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return 0, context.Cause(ctx)
		}
	}
	times := p.watch.times()[before : before+pushes]
	return float64(pushes-1) / times[pushes-1].Sub(times[0]).Seconds(), nil
}

// work has so many workers do what is loaded.
func (p *plant) work(ctx context.Context, server *redisServer, processes, items int) (w worked, err error) {
	pushes, err := p.load(ctx, items)
	if err != nil {
		return w, err
	}
	p.watch.take()
	before := p.watch.connected()
	ctx, cancel := context.WithTimeoutCause(ctx, workerLimit, errors.New("the pushes were not done in time"))
	defer cancel()
	crew, err := p.crew(ctx, processes)
	defer func() {
		for _, r := range crew {
			err = errors.Join(err, r.stop())
		}
	}()
	if err != nil {
		return w, err
	}
	if w.perSecond, err = p.throughput(ctx, before, pushes); err != nil {
		return w, err
	}
	if err := soakWait(ctx, server.client); err != nil {
		return w, err
	}
	_, calls := p.watch.take()
	w.calls = float64(calls) / float64(pushes)
	for _, r := range crew {
		spent, err := processorOf(r.cmd.Process.Pid)
		if err != nil {
			return w, err
		}
		w.each += spent / time.Duration(pushes)
	}
	return w, nil
}

// ceiling is how many tasks a second Asynq itself does that do nothing.
func ceiling(ctx context.Context, server *redisServer) (float64, error) {
	client := asynq.NewClientFromRedisClient(server.client)
	for range ceilingTasks {
		if _, err := client.EnqueueContext(ctx, asynq.NewTask("nothing", nil), asynq.Queue("nothing"), asynq.TaskID(uuid.NewString())); err != nil {
			return 0, err
		}
	}
	var done atomic.Int64
	over := make(chan time.Time, 1)
	s := asynq.NewServerFromRedisClient(server.client, asynq.Config{Concurrency: workerSlots, Queues: map[string]int{"nothing": 1}, LogLevel: asynq.FatalLevel})
	begun := time.Now()
	err := s.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if done.Add(1) == ceilingTasks {
			over <- time.Now()
		}
		return nil
	}))
	if err != nil {
		return 0, err
	}
	defer s.Shutdown()
	select {
	case at := <-over:
		return ceilingTasks / at.Sub(begun).Seconds(), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// workers measures pushes a second by the number of worker processes, and what
// the processes of the program cost. It tells what one worker does.
func workers(ctx context.Context, o options, server *redisServer, log *slog.Logger, out io.Writer) (one float64, err error) {
	counts := []int{1, 2, 4}
	p, err := newPlant(ctx, server, o.workerItems*o.workerRounds*len(counts), workerLatency, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := startsAndRests(ctx, o, p.program, out); err != nil {
		return 0, err
	}
	rates, ratios, each := map[int][]float64{}, map[int][]float64{}, map[int][]float64{}
	var tops, calls []float64
	for range o.workerRounds {
		top, err := ceiling(ctx, server)
		if err != nil {
			return 0, err
		}
		tops = append(tops, top)
		for _, n := range counts {
			w, err := p.work(ctx, server, n, o.workerItems)
			if err != nil {
				return 0, err
			}
			rates[n], ratios[n] = append(rates[n], w.perSecond), append(ratios[n], w.perSecond/top)
			each[n], calls = append(each[n], ms(w.each)), append(calls, w.calls)
		}
	}
	fmt.Fprintf(out, "pushes by worker processes of %d slots, peers at %s, %d rounds; simulators and Redis on the same cores\n", workerSlots, workerLatency, o.workerRounds)
	fmt.Fprintf(out, "  %-34s %s\n", "Asynq, tasks that do nothing, /s", spread(tops, "%.0f"))
	for _, n := range counts {
		fmt.Fprintf(out, "  %-34s %-26s of the ceiling %s; %s ms of the workers' processor time a push\n", fmt.Sprintf("%d processes, connected/s", n), spread(rates[n], "%.0f"), spread(ratios[n], "%.3f"), spread(each[n], "%.1f"))
	}
	fmt.Fprintf(out, "  (goal: one process at least 0.5 of the ceiling; a push is two tasks)\n  %-34s %s (goal: at most 4)\n\n", "HTTP calls a push", spread(calls, "%.2f"))
	return median(rates[1]), nil
}
