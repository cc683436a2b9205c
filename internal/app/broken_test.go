package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

// What cannot be read is named once in the log, counted, and listed by the
// doctor; every pass goes on to whatever is behind it.
func TestWhatCannotBeReadIsToldAndStopsNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		cfg, err := config.Load(config.Sources{Flags: map[string]string{"encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
		require.NoError(t, err)
		log := &lines{}
		a, err := New(cfg, env.Client, slog.New(slog.NewTextHandler(log, nil)), "test")
		require.NoError(t, err)
		defer a.Close()
		for _, id := range []string{"aaa", "bbb", "ccc"} {
			_, err := a.tenants.CreateTenant(t.Context(), id)
			require.NoError(t, err)
			_, err = a.tenants.Tenant(id).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "of " + id, ActionAuth: tenants.NewActionAuth()})
			require.NoError(t, err)
		}
		require.NoError(t, env.Client.Set(t.Context(), "pb:{t:bbb}:tenant", "canary", 0).Err())
		key := connections.Key{Tenant: "ccc", Integration: "in", Entity: "e"}
		_, _, err = a.records.Push(t.Context(), key, connections.Person{})
		require.NoError(t, err)
		records := env.Keys(t, "pb:{push-*}:c:ccc/in")
		require.Len(t, records, 1)
		require.NoError(t, env.Client.HSet(t.Context(), records[0], "e", "canary").Err())
		_, err = a.records.List(t.Context(), "ccc", connections.Query{Integration: "in"})
		require.NoError(t, err)

		for range 2 {
			var seen []string
			for in, err := range a.activeIntegrations(t.Context()) {
				require.NoError(t, err)
				seen = append(seen, in.Name)
			}
			require.Equal(t, []string{"of aaa", "of ccc"}, seen)
		}
		require.Equal(t, 1, log.count("tenant=bbb integration="))
		rec := httptest.NewRecorder()
		a.metrics.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		metrics, err := io.ReadAll(rec.Body)
		require.NoError(t, err)
		require.Contains(t, string(metrics), "\nplugin_broken 2\n")

		var out bytes.Buffer
		d := &doctor{app: a, out: &out}
		d.broken(t.Context())
		require.Equal(t, 2, d.failed)
		require.Contains(t, out.String(), "FAIL  stored document of bbb: cannot be read")
		require.Contains(t, out.String(), "plugin pushes reset ccc/in:e")
		require.NotContains(t, out.String(), "canary")

		require.NoError(t, env.Client.Del(t.Context(), "pb:{t:bbb}:tenant").Err())
		_, _, err = a.records.Reset(t.Context(), key)
		require.NoError(t, err)
		out.Reset()
		d = &doctor{app: a, out: &out}
		d.broken(t.Context())
		require.Zero(t, d.failed, out.String())
	})
}
