package admin_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/redisdb/redistest"
)

// taking is a route that takes anything, within bounds.
func taking(path string, bytes, values int, do func(ctx context.Context) error) admin.Route {
	type anything struct {
		Things []map[string]any `json:"things,omitempty"`
		Text   string           `json:"text,omitempty"`
	}
	return admin.Handle(admin.Route{Method: http.MethodPost, Path: path, Operation: "take" + strings.ReplaceAll(path, "/", "_"), Summary: "Take", Tag: "Test", Role: auth.Operator, MaxBody: bytes, MaxValues: values},
		func(ctx context.Context, _ *admin.Call, _ admin.None, _ anything) (admin.None, error) {
			if do != nil {
				return admin.None{}, do(ctx)
			}
			return admin.None{}, nil
		})
}

// list is a body with so many empty objects in it.
func list(n int) string { return `{"things":[` + strings.Repeat("{},", n-1) + "{}]}" }

func TestBodiesAreBoundedByTheRoute(t *testing.T) {
	r := newRig(t, redistest.Mini(t), taking("/usual", 0, 0, nil), taking("/small", 100, 10, nil), taking("/large", 1<<20, 100_000, nil))
	operator := r.token("", auth.Operator)
	text := func(n int) string { return `{"text":"` + strings.Repeat("x", n-len(`{"text":""}`)) + `"}` }
	deep := `{"things":[` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100) + "]}"
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/small", text(100), 204, ""}, {"/small", text(101), 413, "at most 100 bytes"},
		{"/small", list(8), 204, ""}, {"/small", list(9), 400, "more than 10 values"},
		{"/usual", text(64 << 10), 204, ""}, {"/usual", text(64<<10 + 1), 413, "at most 65536 bytes"},
		{"/usual", list(1998), 204, ""}, {"/usual", list(1999), 400, "more than 2000 values"},
		{"/large", text(1 << 20), 204, ""}, {"/large", text(1<<20 + 1), 413, "at most 1048576 bytes"},
		{"/large", deep, 400, "more than 64 levels"},
	} {
		got := r.do(operator, http.MethodPost, c.path, c.body)
		require.Equal(t, c.status, got.status, got.raw)
		require.Contains(t, got.raw, c.says)
	}
	for _, route := range r.api.Routes() {
		require.LessOrEqual(t, route.MaxBody, admin.MaxBody, route.Operation)
	}
}

// What is refused for what stands in it was not decoded.
func TestABodyOfEmptyObjectsCostsWhatItIs(t *testing.T) {
	r := newRig(t, redistest.Mini(t), taking("/large", 1<<20, 2000, nil))
	operator := r.token("", auth.Operator)
	body := list(300_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := r.do(operator, http.MethodPost, "/large", body)
	runtime.ReadMemStats(&after)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), "the race detector takes some of it; decoded it would be fifty")
}

// A tenant or an operator with too much under way gets 503 and a time; others
// go on.
func TestRequestsHoldMemory(t *testing.T) {
	held, release := make(chan error), make(chan struct{})
	hold := func(ctx context.Context) error {
		held <- memory.Take(ctx, memory.Free+rigMemory/2)
		<-release
		return nil
	}
	more := func(ctx context.Context) error {
		if err := memory.Take(ctx, memory.Free+1); err != nil {
			return err
		}
		return memory.Take(ctx, rigMemory)
	}
	r := newRig(t, redistest.Mini(t), taking("/hold", 0, 0, hold), taking("/more", 0, 0, more), taking("/tenants/{tenant}/little", 0, 0, func(ctx context.Context) error { return memory.Take(ctx, memory.Free+1) }))
	_, err := r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	operator := r.token("", auth.Operator)
	got := r.do(operator, http.MethodPost, "/more", "{}")
	require.Equal(t, http.StatusServiceUnavailable, got.status, got.raw)
	require.NotEmpty(t, got.head.Get("Retry-After"))
	name, _ := got.problem()
	require.Equal(t, "unavailable", name)

	done := make(chan reply)
	go func() { done <- r.do(operator, http.MethodPost, "/hold", "{}") }()
	require.NoError(t, <-held)
	require.Equal(t, http.StatusNoContent, r.do(operator, http.MethodPost, "/tenants/acme/little", "{}").status, "a tenant's work counts for the tenant")
	close(release)
	require.Equal(t, http.StatusNoContent, (<-done).status)
}
