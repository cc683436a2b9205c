package expiry_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/expiry"
	"pushbutton/internal/tenants/register"
)

// world is a day that passes by hand, with integrations whose trackers tell.
type world struct {
	now    time.Time
	all    []tenants.Integration
	broken error
	ends   map[string]time.Time
	fails  map[string]error
	asked  []string
	claims map[string]time.Time
	stored map[string]time.Time
	log    bytes.Buffer
}

func (w *world) SetExpiry(_ context.Context, in tenants.Integration, _ fault.Side, at time.Time) (bool, error) {
	w.stored[in.ID] = at
	return true, nil
}

func (w *world) watcher() *expiry.Watcher {
	return expiry.NewWatcher(w, w, register.ExpiryNote, &expiry.Options{Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
}

func (w *world) All(context.Context) iter.Seq2[tenants.Integration, error] {
	return func(yield func(tenants.Integration, error) bool) {
		if w.broken != nil && !yield(tenants.Integration{Tenant: "broken"}, w.broken) {
			return
		}
		for _, in := range w.all {
			if !yield(in, nil) {
				return
			}
		}
	}
}

func (w *world) Sides(in tenants.Integration) []fault.Side {
	if in.Target.Type == "redmine" {
		return nil
	}
	return []fault.Side{fault.SideTracker}
}

func (w *world) Ask(_ context.Context, in tenants.Integration, _ fault.Side) (time.Time, error) {
	w.asked = append(w.asked, in.ID)
	return w.ends[in.ID], w.fails[in.ID]
}

func (w *world) Claim(_ context.Context, in tenants.Integration) bool {
	if last, ok := w.claims[in.ID]; ok && w.now.Sub(last) < 24*time.Hour {
		return false
	}
	w.claims[in.ID] = w.now
	return true
}

func newWorld(ids ...string) *world {
	w := &world{now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), ends: map[string]time.Time{}, fails: map[string]error{},
		claims: map[string]time.Time{}, stored: map[string]time.Time{}}
	for _, id := range ids {
		w.all = append(w.all, tenants.Integration{ID: id, Tenant: "acme", Name: id, Target: tenants.TargetConfig{Type: "github"}})
	}
	return w
}

// warnings counts the log's warnings about an integration.
func (w *world) warnings(id string) int {
	n := 0
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "integration="+id) {
			n++
		}
	}
	return n
}

func TestWarnsOnceADayFrom14DaysAhead(t *testing.T) {
	w := newWorld("ending", "lasting", "endless")
	w.ends["ending"] = w.now.Add(20 * 24 * time.Hour)
	w.ends["lasting"] = w.now.Add(300 * 24 * time.Hour)
	watcher := w.watcher()
	for hour := range 24 * 22 {
		w.now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hour) * time.Hour)
		watcher.Pass(t.Context())
		day := hour / 24
		require.Equal(t, max(day-5, 0), w.warnings("ending"), "hour %d", hour)
	}
	require.Zero(t, w.warnings("lasting"))
	require.Zero(t, w.warnings("endless"))
	require.Equal(t, w.ends["ending"], w.stored["ending"])
	require.Len(t, w.asked, 3*22, "each once a day")
	require.Contains(t, w.log.String(), "The credential for GitHub, GitHub Enterprise Server ends on 2026-12-21 00:00 UTC, in 14 days. Make a new one")
}

func TestAsksNobodyWhoCannotTell(t *testing.T) {
	w := newWorld("redmine", "deleting", "dead", "other side", "well")
	w.all[0].Target.Type = "redmine"
	w.all[1].Deleting = w.now
	w.all[2].Reconnect = &tenants.Reconnect{Side: fault.SideTracker}
	w.all[3].Reconnect = &tenants.Reconnect{Side: fault.SideProductboard}
	w.broken = errors.New("a record that cannot be opened")
	w.watcher().Pass(t.Context())
	require.Equal(t, []string{"other side", "well"}, w.asked)
	require.Contains(t, w.log.String(), "cannot be opened")
}

// A tracker that does not answer hides no date that is known.
func TestWarnsOfWhatWasKnown(t *testing.T) {
	w := newWorld("down")
	w.all[0].SetExpiry(fault.SideTracker, w.now.Add(time.Hour))
	w.fails["down"] = errors.New("no answer")
	w.watcher().Pass(t.Context())
	require.Equal(t, 1, w.warnings("down"))
	require.Empty(t, w.stored)
}

func TestAPassIsBounded(t *testing.T) {
	w := newWorld()
	for i := range expiry.MaxAsked + 20 {
		w.all = append(w.all, tenants.Integration{ID: strconv.Itoa(i), Target: tenants.TargetConfig{Type: "github"}})
	}
	watcher := w.watcher()
	watcher.Pass(t.Context())
	require.Len(t, w.asked, expiry.MaxAsked)
	watcher.Pass(t.Context())
	require.Len(t, w.asked, expiry.MaxAsked+20, "the others' turn comes with the next")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w.now = w.now.Add(48 * time.Hour)
	watcher.Pass(ended)
	require.Len(t, w.asked, expiry.MaxAsked+20)
}
