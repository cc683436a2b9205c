package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

// figures are what a load came to.
type figures struct {
	clicks, issues, duplicates, missing int
	limited                             int             // calls that Productboard refused for their rate
	toConnected                         []time.Duration // sorted
	productboard                        map[string]int
	redmine                             map[string]float64
	took                                time.Duration
	wrong                               verdict
}

// checkLoad compares both sides' books with what was clicked. since is the
// simulator's last event before the load.
func (h *house) checkLoad(ctx context.Context, l load, integration string, items []pushed, since uint64) (*figures, error) {
	f := &figures{}
	events, _, err := h.sandbox.Journal(ctx, since)
	if err != nil {
		return nil, err
	}
	f.journal(events, integration)
	if f.productboard, err = h.sandbox.Counters(ctx); err != nil {
		return nil, err
	}
	if f.redmine, err = h.calls(ctx); err != nil {
		return nil, err
	}
	issues, err := h.redmine.Issues(ctx, l.project)
	if err != nil {
		return nil, err
	}
	f.count(issues, items)
	f.checkPace()
	buttons, err := h.sandbox.Connections(ctx, integration)
	if err != nil {
		return nil, err
	}
	return f, f.checkButtons(ctx, buttons, issues, items)
}

// calls counts what the workers have asked Redmine for since they began.
func (h *house) calls(ctx context.Context) (map[string]float64, error) {
	counts := map[string]float64{}
	for _, w := range h.workers {
		m, err := w.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		for _, op := range []string{"create issue", "find issue", "read issue"} {
			counts[op] += m.Sum("plugin_target_seconds_count", `operation="`+op+`"`)
		}
	}
	return counts, nil
}

// journal reads off the simulator's journal how long each push took, and that
// it never had to refuse anything.
func (f *figures) journal(events []pbfake.Event, integration string) {
	f.took = events[len(events)-1].Time.Sub(events[0].Time)
	pushed := map[string]time.Time{}
	for _, e := range events {
		if e.IntegrationID != "" && e.IntegrationID != integration {
			continue
		}
		switch {
		case e.Kind == pbfake.EventRequestRefused && e.Status == http.StatusTooManyRequests:
			f.limited++
		case e.Kind == pbfake.EventRequestRefused:
			f.wrong.add("Productboard refused %s with %d: %s", e.Op, e.Status, e.Detail)
		case e.Kind == pbfake.EventClick:
			f.clicks++
			if _, waits := pushed[e.EntityID]; e.Trigger == pbfake.Push && !waits {
				pushed[e.EntityID] = e.Time
			}
		case e.Kind == pbfake.EventWrite && e.State != nil && e.State.Name == pbfake.StateConnected:
			if at, waits := pushed[e.EntityID]; waits {
				f.toConnected = append(f.toConnected, e.Time.Sub(at))
				delete(pushed, e.EntityID)
			}
		}
	}
	for entity := range pushed {
		f.wrong.add("the push of %s never became connected", entity)
	}
	slices.Sort(f.toConnected)
}

// count compares the issues with the pushes: by item, and by marker, of which
// every push generation has its own.
func (f *figures) count(issues []fixture.Issue, items []pushed) {
	f.issues = len(issues)
	byName, byMarker := map[string]int{}, map[string]int{}
	for _, i := range issues {
		byName[i.Subject]++
		byMarker[i.Marker]++
	}
	for marker, n := range byMarker {
		if marker == "" {
			f.wrong.add("%d issues carry no marker", n)
		} else if n > 1 {
			f.wrong.add("%d issues carry the marker %s", n, marker)
		}
	}
	for _, it := range items {
		n := byName[it.name]
		delete(byName, it.name)
		if n != it.generations {
			f.wrong.add("%s has %d issues, not %d", it.name, n, it.generations)
		}
		f.duplicates += max(0, n-it.generations)
		f.missing += max(0, it.generations-n)
	}
	for name, n := range byName {
		f.wrong.add("%d issues of nobody's: %s", n, name)
	}
}

// checkPace sees that the plugin keeps to Productboard's rate limit by itself.
// On a machine that is busy elsewhere some calls may still arrive in a bunch.
func (f *figures) checkPace() {
	calls := 0
	for _, n := range f.productboard {
		calls += n
	}
	if f.limited*100 > calls {
		f.wrong.add("Productboard refused %d of %d calls for their rate", f.limited, calls)
	}
}

// pageReaders is how many issues are opened at a time.
const pageReaders = 3

// checkButtons opens every button's link, as a person would.
func (f *figures) checkButtons(ctx context.Context, buttons []pbfake.Connection, issues []fixture.Issue, items []pushed) error {
	byEntity := map[string]pbfake.Connection{}
	for _, b := range buttons {
		byEntity[b.EntityID] = b
	}
	if len(buttons) != len(items) {
		f.wrong.add("%d buttons are not initial, not %d", len(buttons), len(items))
	}
	byAddress := map[string]fixture.Issue{}
	for _, i := range issues {
		byAddress[fmt.Sprintf("/issues/%d", i.ID)] = i
	}
	var mu sync.Mutex
	people, ctx := errgroup.WithContext(ctx)
	people.SetLimit(pageReaders)
	for _, it := range items {
		people.Go(func() error {
			button := byEntity[it.id]
			text, err := open(ctx, button.State.TargetURL)
			mu.Lock()
			defer mu.Unlock()
			checkLimits(&f.wrong, it.name, button.State)
			switch {
			case button.State.Name != pbfake.StateConnected:
				f.wrong.add("the button of %s is %q, not connected", it.name, button.State.Name)
			case err != nil:
				f.wrong.add("the link of %s: %v", it.name, err)
			case !strings.Contains(text, it.name) || !strings.Contains(text, it.words):
				f.wrong.add("the page behind the button of %s does not show its name and the end of its description", it.name)
			}
			for _, part := range it.shows {
				if err == nil && !strings.Contains(text, part) {
					f.wrong.add("the page behind the button of %s does not show %s", it.name, part)
				}
			}
			return ctx.Err()
		})
	}
	return people.Wait()
}

// maxMessage is the longest message of an error, in characters.
const maxMessage = 255

// checkLimits holds a button to the published limits, in characters.
func checkLimits(v *verdict, name string, s pbfake.State) {
	type limit struct {
		text string
		most int
	}
	limits := []limit{{s.Label, 20}, {s.HoverLabel, 20}, {s.Tooltip, 50}, {s.TargetURL, 1000}}
	if s.Name == pbfake.StateError {
		limits = []limit{{s.Message, maxMessage}}
	}
	for _, l := range limits {
		if n := utf8.RuneCountInString(l.text); n == 0 || n > l.most {
			v.add("a text of the button of %s has %d characters, not 1 to %d: %q", name, n, l.most, l.text)
		}
	}
}

// openTimeout bounds the opening of a page.
const openTimeout = 30 * time.Second

// open reads a page as somebody without an account sees it.
func open(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", address, resp.StatusCode)
	}
	return html.UnescapeString(string(raw)), err
}

func (f *figures) write(out io.Writer, l load) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("pushes", "%d items, %d double-clicked, %d unlinked and pushed again, %d with %d kB; %d clicks in %s",
		l.pushes, l.doubled, l.pushedAgain, l.larges, large/1000, f.clicks, f.took.Round(100*time.Millisecond))
	row("issues in Redmine", "%d", f.issues)
	row("duplicates", "%d", f.duplicates)
	row("missing", "%d", f.missing)
	row("time to connected", "p50 %s, p99 %s, max %s", f.quantile(0.5), f.quantile(0.99), f.quantile(1))
	row("calls to Redmine", "%.0f create, %.0f find, %.0f read", f.redmine["create issue"], f.redmine["find issue"], f.redmine["read issue"])
	row("calls to Productboard", "%d entity, %d put, %d get; %d over its rate", f.productboard["getEntity"], f.productboard["updatePluginIntegrationConnectionState"], f.productboard["getPluginIntegrationConnection"], f.limited)
	_ = w.Flush()
}

func (f *figures) quantile(q float64) time.Duration {
	if len(f.toConnected) == 0 {
		return 0
	}
	at := min(int(q*float64(len(f.toConnected))), len(f.toConnected)-1)
	return f.toConnected[at].Round(10 * time.Millisecond)
}
