package app

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// fits reports whether a tenant who has nothing can have so many bytes beyond
// what is free, and a byte more cannot be had beside it.
func fits(t *testing.T, b *memory.Budget, n int64) bool {
	t.Helper()
	ctx, end := b.Begin(t.Context(), "anybody")
	defer end()
	require.NoError(t, memory.Take(ctx, memory.Free+1))
	return memory.Take(ctx, n-1) == nil
}

func TestTheBudgetFollowsTheProcess(t *testing.T) {
	const half = 2 // a tenant's part
	require.True(t, fits(t, newBudget(config.Config{}), defaultBudget/half))
	require.False(t, fits(t, newBudget(config.Config{}), defaultBudget/half+1))
	before := debug.SetMemoryLimit(1 << 30)
	defer debug.SetMemoryLimit(before)
	require.True(t, fits(t, newBudget(config.Config{}), 512<<20/half))
	require.False(t, fits(t, newBudget(config.Config{}), 512<<20/half+1))
	require.True(t, fits(t, newBudget(config.Config{MemoryBudget: 32 << 20}), 32<<20/half))
	require.False(t, fits(t, newBudget(config.Config{MemoryBudget: 32 << 20}), 32<<20/half+1))
}

type performing func(ctx context.Context) error

func (p performing) Perform(ctx context.Context, _ connections.Key, _ int64) error { return p(ctx) }

// A run holds what it takes until it ends, in its tenant's half.
func TestRunsHoldMemory(t *testing.T) {
	budget := memory.NewBudget(8 << 20)
	run := func(tenant string, do performing) error {
		return memoryPerformer{do, budget}.Perform(t.Context(), connections.Key{Tenant: tenant}, 1)
	}
	require.NoError(t, run("acme", func(ctx context.Context) error {
		require.NoError(t, memory.Take(ctx, memory.Free+4<<20))
		require.NoError(t, run("other", func(ctx context.Context) error { return memory.Take(ctx, memory.Free+4<<20) }))
		require.ErrorIs(t, memory.Take(ctx, 1), fault.Unavailable)
		return nil
	}))
	require.True(t, fits(t, budget, 4<<20), "all of it was given back")
}

// Texts of nothing but tags take hundreds of times their size while they are
// made into an issue; that is asked for before it is done.
func TestItemsAskForMemory(t *testing.T) {
	html := strings.Repeat("<br>", 100_000)
	pb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		raw, _ := json.Marshal(map[string]any{"data": map[string]any{"id": "1", "type": "feature", "fields": map[string]any{"description": html}}})
		_, _ = w.Write(raw)
	}))
	t.Cleanup(pb.Close)
	a, _ := adminApp(t, "PLUGIN_PRODUCTBOARD_API_URL", pb.URL+"/v2", "PLUGIN_MEMORY_BUDGET", "64MiB")
	in := tenants.Integration{ID: tenants.NewID(), Tenant: "acme", Productboard: tenants.ProductboardAuth{Token: secret.New("t")}}
	get := func(tenant string, has int64) error {
		ctx, end := a.memory.Begin(t.Context(), tenant)
		defer end()
		require.NoError(t, memory.Take(ctx, memory.Free+has))
		_, err := a.peers.Productboard(in).GetEntity(ctx, "5a9e1c0e-6f0a-4b7e-9d1c-2f3b4c5d6e7f")
		return err
	}
	err := get("acme", 16<<20)
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, fault.SidePlugin, fault.From(err).Side)
	require.NotZero(t, fault.From(err).RetryAfter)
	html = strings.Repeat("some words ", 4000)
	require.NoError(t, get("acme", 16<<20), "as many bytes of ordinary text")
}

func TestRenderingWeighsTextAndTags(t *testing.T) {
	weight := func(raw string) int64 {
		return rendering(pbapi.Entity{Fields: map[string]json.RawMessage{"description": json.RawMessage(raw)}})
	}
	require.Equal(t, int64(6*textWeight), weight(`"text"`))
	require.Equal(t, int64(6*textWeight+tagWeight), weight(`"<br>"`))
	require.Equal(t, int64(11*textWeight+tagWeight), weight(`"\u003cbr>"`), "however it is escaped")
}

// What targets remember of their trackers is bounded too: a tenant with many
// integrations cannot fill the memory with what it once answered.
func TestTargetsRememberWithinTheBudget(t *testing.T) {
	a, _ := adminApp(t, "PLUGIN_MEMORY_BUDGET", "64MiB")
	use := func(tenant, id string, weight int64) {
		t.Helper()
		ctx, end := a.memory.Begin(t.Context(), tenant)
		defer end()
		_, err := a.peers.Target(ctx, tenants.Integration{ID: id, Tenant: tenant, Target: tenants.TargetConfig{Type: "memory",
			Settings: map[string]any{"url": "https://tracker.example", "project": "demo"}, Credentials: map[string]secret.String{"apiKey": secret.New("k")}}})
		require.NoError(t, err)
		require.NoError(t, memory.Take(ctx, memory.Free+weight))
	}
	open := func() (ids []string) { return slices.Sorted(maps.Keys(a.peers.open)) }
	for _, id := range []string{"small1", "small2"} {
		use("acme", id, 0)
	}
	use("acme", "large1", 20<<20)
	use("acme", "large1", 1<<20)
	require.Equal(t, []string{"large1", "small1", "small2"}, open())
	use("acme", "large2", 20<<20)
	require.Equal(t, []string{"large2", "small1", "small2"}, open(), "both are more than the tenant's half; the one in use stays")
	use("other", "large3", 32<<20)
	require.Equal(t, []string{"large2", "large3", "small1", "small2"}, open(), "another tenant has a half of its own")
	use("third", "large4", 32<<20)
	require.Contains(t, open(), "large4")
	require.Len(t, open(), 4, "the whole is the whole")
	use("fourth", "huge", 60<<20)
	require.NotContains(t, open(), "huge", "it is more than a tenant's half by itself")
	require.Subset(t, open(), []string{"small1", "small2"}, "those cost nothing")
}
