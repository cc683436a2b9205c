package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/pbapi/pbfake/board"
	"pushbutton/internal/secret"
	"pushbutton/internal/server"
	"pushbutton/internal/targets/memtarget"
)

// The sandbox's own credentials. They open nothing but a simulator.
const (
	SandboxToken      = "sandbox-token"
	SandboxProject    = "demo"
	SandboxTrackerKey = "sandbox-tracker-key"
	// SandboxOrigin is the public https address that the simulator maps to a
	// plugin on this machine.
	SandboxOrigin = "https://plugin.example"
)

// trackerPath is where the in-memory tracker's API and its controls are
// mounted.
const trackerPath = "/tracker"

// maxShown bounds the issues on the tracker's page.
const maxShown = 500

// Sandbox is the Productboard simulator with its board page, and the
// in-memory tracker.
type Sandbox struct {
	Productboard *pbfake.Fake
	Tracker      *memtarget.Tracker
}

// NewSandbox returns a sandbox with so many demo items. address is where it will be
// served ("http://127.0.0.1:8090").
func NewSandbox(address string, items int, seed uint64) *Sandbox {
	s := &Sandbox{
		Productboard: pbfake.New(&pbfake.Options{
			Tokens: []pbfake.Token{{Value: SandboxToken}}, APIURL: address + "/v2", AppURL: address + "/sandbox", Seed: seed,
		}),
	}
	s.Tracker = memtarget.NewTracker(memtarget.Options{HookTransport: s.Productboard.EdgeTransport()})
	s.Productboard.Seed(items)
	s.Tracker.AddProject(SandboxProject, secret.New(SandboxTrackerKey))
	return s
}

// Close stops the tracker's webhooks and the simulator's callbacks.
func (s *Sandbox) Close() {
	s.Tracker.Close()
	s.Productboard.Close()
}

// Handler serves everything: /v2, /oauth2, /sandbox, /sandbox/api and /tracker.
func (s *Sandbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v2/", s.Productboard)
	mux.Handle(pbfake.OAuthPrefix+"/", s.Productboard)
	pages := board.New(s.Productboard, sandboxTracker{s.Tracker})
	mux.Handle(board.Prefix, pages)
	mux.Handle(board.Prefix+"/", pages)
	mux.Handle(trackerPath+"/api/", http.StripPrefix(trackerPath, s.Tracker.API()))
	mux.Handle(trackerPath+"/control/", http.StripPrefix(trackerPath, s.Tracker.Control()))
	mux.HandleFunc("GET "+trackerPath+"/projects/{project}/issues/{id}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, board.Prefix+"/tracker/issues/"+url.PathEscape(r.PathValue("id")), http.StatusFound)
	})
	mux.Handle("/{$}", http.RedirectHandler(board.Prefix, http.StatusFound))
	return mux
}

// ServeSandbox serves a sandbox alone until the context ends. edges maps public
// origins to plugins. name is the address that it was asked to listen on, which it
// accepts as a Host. started is called with the address.
func ServeSandbox(ctx context.Context, ln net.Listener, name string, items int, seed uint64, edges map[string][]string, log *slog.Logger, started func(address string)) error {
	address := "http://" + ln.Addr().String()
	s := NewSandbox(address, items, seed)
	defer s.Close()
	for origin, backends := range edges {
		if err := s.Productboard.SetEdge(origin, backends...); err != nil {
			return fmt.Errorf("edge %s: %w", origin, err)
		}
	}
	srv := server.HTTP(server.OnlyHosts(s.Handler(), name), log)
	srv.WriteTimeout = 0 // the page's live events stay open
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	started(address)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := srv.Shutdown(sctx); errors.Is(err, context.DeadlineExceeded) {
		return srv.Close() // live events do not end by themselves
	}
	return nil
}

// sandboxTracker shows the in-memory tracker on the sandbox' pages.
type sandboxTracker struct{ tracker *memtarget.Tracker }

func (s sandboxTracker) Issues(context.Context) []board.TrackerIssue {
	records := s.tracker.Issues("", maxShown)
	out := make([]board.TrackerIssue, len(records))
	for i, r := range records {
		out[i] = shown(r)
	}
	return out
}

func (s sandboxTracker) Issue(_ context.Context, id string) (board.TrackerIssue, bool) {
	r, ok := s.tracker.Issue(id)
	return shown(r), ok
}

func shown(r memtarget.Record) board.TrackerIssue {
	return board.TrackerIssue{
		ID: r.ID, Key: r.Key, Project: r.Project, Title: r.Title, Status: r.Status, Progress: progressOf(r.Status), Description: r.Description,
		Labels: r.Labels, Reporter: r.Reporter, Link: r.Link, CreatedAt: r.CreatedAt, Comments: r.Comments,
		Trashed: r.Trashed, Hidden: r.Hidden,
	}
}

func (s sandboxTracker) Statuses() []string { return memtarget.Statuses() }

func (s sandboxTracker) SetStatus(_ context.Context, id, status string) error {
	return s.tracker.SetStatus(id, status)
}

func (s sandboxTracker) Rename(_ context.Context, id, title string) error {
	return s.tracker.Rename(id, title)
}

func (s sandboxTracker) Move(_ context.Context, id, project string) error {
	return s.tracker.Move(id, project)
}

func (s sandboxTracker) SetTrashed(_ context.Context, id string, trashed bool) error {
	return s.tracker.SetTrashed(id, trashed)
}

func (s sandboxTracker) SetHidden(_ context.Context, id string, hidden bool) error {
	return s.tracker.SetHidden(id, hidden)
}

func (s sandboxTracker) Delete(_ context.Context, id string) error { return s.tracker.Delete(id) }

// hookDelay is how late the late webhooks of the tracker's page are.
const hookDelay = 5 * time.Second

// maxDeliveries bounds the deliveries on the tracker's page.
const maxDeliveries = 50

func (s sandboxTracker) Hooks(context.Context) board.TrackerHooks {
	var out board.TrackerHooks
	for _, h := range s.tracker.Hooks("") {
		out.Hooks = append(out.Hooks, board.TrackerHook{Project: h.Project, URL: h.URL, Active: h.Active})
	}
	all := s.tracker.Deliveries(0, 0)
	for _, d := range slices.Backward(all[max(0, len(all)-maxDeliveries):]) {
		out.Deliveries = append(out.Deliveries, shownDelivery(d))
	}
	f := s.tracker.HookFaults()
	percent := func(share float64) int { return int(math.Round(share * 100)) }
	out.Faults = board.HookFaults{Lost: percent(f.Lost), Doubled: percent(f.Doubled), Late: percent(f.Late), Forged: percent(f.Forged)}
	return out
}

func shownDelivery(d memtarget.Delivery) board.HookDelivery {
	out := board.HookDelivery{
		Seq: d.Seq, At: d.SentAt, Issue: d.Issue, Change: d.What, Kind: d.Kind, Answer: d.Error,
		Good: d.Status >= 200 && d.Status < 300, Bad: d.Error != "" || d.Status >= 300,
	}
	switch {
	case d.Kind == memtarget.KindLost:
		out.At, out.Answer = d.ChangedAt, "Never sent"
	case d.Status != 0:
		out.Answer = strconv.Itoa(d.Status) + " " + http.StatusText(d.Status)
	}
	return out
}

func (s sandboxTracker) SetHookFaults(_ context.Context, f board.HookFaults) error {
	share := func(percent int) float64 { return float64(percent) / 100 }
	return s.tracker.SetHookFaults(memtarget.HookFaults{
		Lost: share(f.Lost), Doubled: share(f.Doubled), Late: share(f.Late), DelayMS: int(hookDelay.Milliseconds()), Forged: share(f.Forged),
	})
}

func (s sandboxTracker) SendAgain(_ context.Context, seq int) error { return s.tracker.SendAgain(seq) }

func progressOf(status string) string {
	switch status {
	case memtarget.StatusDone:
		return "done"
	case memtarget.StatusStarted:
		return "started"
	default:
		return "open"
	}
}
