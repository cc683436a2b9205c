// Command refresh proves that an OAuth session of Productboard survives: eight
// processes use it at once, its access token expires in every round, and
// processes are killed or frozen in the middle of a refresh. An hour and more
// passes at Productboard between two rounds, so that whoever uses a refresh
// token of an earlier round ends the session. It reports one JSON line and
// exits with 1 if the simulator saw a reuse after the grace, if the session was
// lost, or if a process did not get through.
//
// With -naive the processes refresh as if each were alone. Then the proof has
// to fail, and exits with 0 if it does.
//
// What must not live here: how tokens are kept (pbauth), the simulator (pbfake).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

type options struct {
	Rounds, Processes int
	Seed              uint64
	Naive             bool
	Limit             time.Duration
	Worker            string
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	fs := flag.NewFlagSet("refresh", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Rounds, "rounds", 200, "how often the access token expires")
	fs.IntVar(&o.Processes, "processes", 8, "how many processes use the session")
	fs.Uint64Var(&o.Seed, "seed", 1, "decides who is killed, and when")
	fs.BoolVar(&o.Naive, "naive", false, "let every process refresh by itself, and expect the session to be lost")
	fs.DurationVar(&o.Limit, "limit", 10*time.Minute, "give up after this time")
	fs.StringVar(&o.Worker, "worker", "", "be one of the processes (internal)")
	if fs.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.Worker != "" {
		if err := work(ctx, o.Worker, stdin, stdout); err != nil {
			_, _ = fmt.Fprintln(stderr, "refresh worker:", err)
			return 1
		}
		return 0
	}
	report, err := prove(ctx, o)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "refresh:", err)
		return 1
	}
	_ = json.NewEncoder(stdout).Encode(report)
	kept := report.Stats.Reuses == 0 && report.Stats.Lost == 0 && report.Stats.Sessions == 1 && report.Failed == 0
	if kept == o.Naive {
		_, _ = fmt.Fprintln(stderr, "refresh: the session was not kept (with -naive: was kept all the same)")
		return 1
	}
	return 0
}

// report is the printed result of a run.
type report struct {
	Rounds    int               `json:"rounds"`
	Processes int               `json:"processes"`
	Seed      uint64            `json:"seed"`
	Killed    map[string]int    `json:"killed"`
	Failed    int               `json:"failed"`
	Stats     pbfake.OAuthStats `json:"productboard"`
	Seconds   float64           `json:"seconds"`
}

// clientID and the rest are the simulated application's.
const (
	clientID     = "refresh"
	clientSecret = "refresh-secret"
	publicURL    = "https://plugin.example"
	// between is what passes at Productboard between two rounds.
	between = 2 * time.Hour
)

func prove(ctx context.Context, o options) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	start := time.Now()
	r := report{Rounds: o.Rounds, Processes: o.Processes, Seed: o.Seed, Killed: map[string]int{}}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	s, err := fixture.New(fixture.Options{Plugin: self})
	if err != nil {
		return r, err
	}
	defer func() { _ = s.Close(false) }()
	redis, err := s.Redis(ctx, "everysec")
	if err != nil {
		return r, err
	}
	clock := pbfake.NewManualClock(time.Now())
	fake := pbfake.New(&pbfake.Options{RateLimit: -1, Clock: clock, Seed: o.Seed, Apps: []pbfake.OAuthApp{{
		ClientID: clientID, Secret: clientSecret, RedirectURIs: []string{publicURL + "/oauth/productboard/callback"}, Scopes: []string{"plugin-integrations:read"},
	}}})
	defer fake.Close()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	h := &hitman{next: fake, dice: rand.New(rand.NewPCG(o.Seed, 1)), killed: r.Killed} //nolint:gosec // to be repeatable
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(ln) }()
	defer func() { _ = srv.Close() }()

	setup, err := connect(ctx, redis.URL(0), "http://"+ln.Addr().String(), o.Naive)
	if err != nil {
		return r, err
	}
	crew := newCrew(o.Processes, setup)
	defer crew.close()
	h.crew = crew
	for round := range o.Rounds {
		clock.Advance(between)
		h.arm(o.Naive)
		failed, err := crew.round(ctx, round)
		if err != nil {
			return r, fmt.Errorf("round %d: %w", round, err)
		}
		r.Failed += failed
	}
	r.Stats, r.Seconds = fake.OAuthStats(), time.Since(start).Seconds()
	return r, nil
}
