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

// rig has a clock that the test moves, and integrations whose trackers say when
// a credential ends.
type rig struct {
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

func (r *rig) SetExpiry(_ context.Context, in tenants.Integration, _ fault.Side, at time.Time) (bool, error) {
	r.stored[in.ID] = at
	return true, nil
}

func (r *rig) watcher() *expiry.Watcher {
	return expiry.NewWatcher(r, r, register.ExpiryNote, &expiry.Options{Now: func() time.Time { return r.now }, Log: slog.New(slog.NewTextHandler(&r.log, nil))})
}

func (r *rig) All(context.Context) iter.Seq2[tenants.Integration, error] {
	return func(yield func(tenants.Integration, error) bool) {
		if r.broken != nil && !yield(tenants.Integration{Tenant: "broken"}, r.broken) {
			return
		}
		for _, in := range r.all {
			if !yield(in, nil) {
				return
			}
		}
	}
}

func (r *rig) Sides(in tenants.Integration) []fault.Side {
	if in.Target.Type == "redmine" {
		return nil
	}
	return []fault.Side{fault.SideTracker}
}

func (r *rig) Ask(_ context.Context, in tenants.Integration, _ fault.Side) (time.Time, error) {
	r.asked = append(r.asked, in.ID)
	return r.ends[in.ID], r.fails[in.ID]
}

func (r *rig) Claim(_ context.Context, in tenants.Integration) bool {
	if last, ok := r.claims[in.ID]; ok && r.now.Sub(last) < 24*time.Hour {
		return false
	}
	r.claims[in.ID] = r.now
	return true
}

func newRig(ids ...string) *rig {
	r := &rig{now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), ends: map[string]time.Time{}, fails: map[string]error{},
		claims: map[string]time.Time{}, stored: map[string]time.Time{}}
	for _, id := range ids {
		r.all = append(r.all, tenants.Integration{ID: id, Tenant: "acme", Name: id, Target: tenants.TargetConfig{Type: "github"}})
	}
	return r
}

// warnings counts the log's warnings about an integration.
func (r *rig) warnings(id string) int {
	n := 0
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "integration="+id) {
			n++
		}
	}
	return n
}

func TestWarnsOnceADayFrom14DaysAhead(t *testing.T) {
	t.Parallel()
	r := newRig("ending", "lasting", "endless")
	r.ends["ending"] = r.now.Add(20 * 24 * time.Hour)
	r.ends["lasting"] = r.now.Add(300 * 24 * time.Hour)
	watcher := r.watcher()
	for hour := range 24 * 22 {
		r.now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hour) * time.Hour)
		watcher.Pass(t.Context())
		day := hour / 24
		require.Equal(t, max(day-5, 0), r.warnings("ending"), "hour %d", hour)
	}
	require.Zero(t, r.warnings("lasting"))
	require.Zero(t, r.warnings("endless"))
	require.Equal(t, r.ends["ending"], r.stored["ending"])
	require.Len(t, r.asked, 3*22, "each once a day")
	require.Contains(t, r.log.String(), "The credential for GitHub, GitHub Enterprise Server ends on 2026-12-21 00:00 UTC, in 14 days. Make a new one")
}

func TestAsksNobodyWhoCannotTell(t *testing.T) {
	t.Parallel()
	r := newRig("redmine", "deleting", "dead", "other side", "well")
	r.all[0].Target.Type = "redmine"
	r.all[1].Deleting = r.now
	r.all[2].Reconnect = &tenants.Reconnect{Side: fault.SideTracker}
	r.all[3].Reconnect = &tenants.Reconnect{Side: fault.SideProductboard}
	r.broken = errors.New("a record that cannot be opened")
	r.watcher().Pass(t.Context())
	require.Equal(t, []string{"other side", "well"}, r.asked)
	require.Contains(t, r.log.String(), "cannot be opened")
}

// A tracker that does not answer hides no date that is known.
func TestWarnsOfWhatWasKnown(t *testing.T) {
	t.Parallel()
	r := newRig("down")
	r.all[0].SetExpiry(fault.SideTracker, r.now.Add(time.Hour))
	r.fails["down"] = errors.New("no answer")
	r.watcher().Pass(t.Context())
	require.Equal(t, 1, r.warnings("down"))
	require.Empty(t, r.stored)
}

func TestAPassIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig()
	for i := range expiry.MaxAsked + 20 {
		r.all = append(r.all, tenants.Integration{ID: strconv.Itoa(i), Target: tenants.TargetConfig{Type: "github"}})
	}
	watcher := r.watcher()
	watcher.Pass(t.Context())
	require.Len(t, r.asked, expiry.MaxAsked)
	watcher.Pass(t.Context())
	require.Len(t, r.asked, expiry.MaxAsked+20, "the others' turn comes with the next")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.now = r.now.Add(48 * time.Hour)
	watcher.Pass(ended)
	require.Len(t, r.asked, expiry.MaxAsked+20)
}
