package admin_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/redisdb/redistest"
)

func (r *rig) audited(log string) (out []string) {
	r.t.Helper()
	found, _, err := r.log.List(r.t.Context(), log, audit.Query{Limit: 100})
	require.NoError(r.t, err)
	for _, e := range found {
		out = append(out, e.Operation+" "+e.Outcome)
	}
	return out
}

func TestIdempotencyKey(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		operator := r.token("", auth.Operator)
		post := func(token, body, key string) reply {
			return r.do(token, http.MethodPost, "/tenants", body, "Idempotency-Key", key)
		}
		first := post(operator, `{"id":"acme"}`, "k1")
		require.Equal(t, http.StatusCreated, first.status, first.raw)
		require.Empty(t, first.head.Get("Idempotency-Replayed"))
		second := post(operator, `{"id":"acme"}`, "k1")
		require.Equal(t, http.StatusCreated, second.status, second.raw)
		require.Equal(t, first.raw, second.raw)
		require.Equal(t, "true", second.head.Get("Idempotency-Replayed"))
		for _, name := range []string{"ETag", "Location"} {
			require.Equal(t, first.head.Get(name), second.head.Get(name))
		}
		name, _ := post(operator, `{"id":"other"}`, "k1").problem()
		require.Equal(t, "idempotency-conflict", name)
		// A failure is not remembered.
		name, _ = post(operator, `{"id":"acme"}`, "k2").problem()
		require.Equal(t, "conflict", name)
		require.Equal(t, http.StatusCreated, post(operator, `{"id":"third"}`, "k2").status)
		for _, key := range []string{"a b", "ü", string(make([]byte, 256))} {
			problem, fields := post(operator, `{"id":"x"}`, key).problem()
			require.Equal(t, "validation", problem)
			require.Equal(t, []string{"header.Idempotency-Key"}, fields)
		}
		require.Equal(t, []string{"createTenant ok", "createTenant conflict", "createTenant ok"}, r.audited(audit.Deployment), "a replay changes nothing")
	})
}

// While the first request runs, its repetition is told to wait.
func TestIdempotencyKeyInUse(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	slow := admin.Handle(admin.Route{Method: http.MethodPost, Path: "/slow", Operation: "slow", Summary: "Slow", Tag: "Test", Role: auth.Operator, Idempotent: true},
		func(context.Context, *admin.Call, admin.None, admin.None) (admin.None, error) {
			close(begun)
			<-goOn
			return admin.None{}, nil
		})
	r := newRig(t, redistest.Mini(t), slow)
	operator := r.token("", auth.Operator)
	first := make(chan reply)
	go func() { first <- r.do(operator, http.MethodPost, "/slow", "", "Idempotency-Key", "k") }()
	<-begun
	got := r.do(operator, http.MethodPost, "/slow", "", "Idempotency-Key", "k")
	name, _ := got.problem()
	require.Equal(t, "idempotency-in-progress", name)
	require.Equal(t, "1", got.head.Get("Retry-After"))
	close(goOn)
	require.Equal(t, http.StatusNoContent, (<-first).status)
	require.Equal(t, http.StatusNoContent, r.do(operator, http.MethodPost, "/slow", "", "Idempotency-Key", "k").status)
}

func TestEveryChangeIsAudited(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		panics := admin.Handle(admin.Route{Method: http.MethodPost, Path: "/tenants/{tenant}/panic", Operation: "panic", Summary: "Panic", Tag: "Test", Role: auth.Admin},
			func(context.Context, *admin.Call, admin.None, admin.None) (admin.None, error) { panic("canary") })
		r := newRig(t, env, panics)
		operator, own, viewer, foreign := r.token("", auth.Operator), r.token("acme", auth.Admin), r.token("acme", auth.Viewer), r.token("other", auth.Admin)
		require.Equal(t, http.StatusCreated, r.do(operator, http.MethodPost, "/tenants", `{"id":"acme"}`).status)
		require.Equal(t, http.StatusCreated, r.do(operator, http.MethodPost, "/tenants", `{"id":"other"}`).status)
		require.Equal(t, http.StatusOK, r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"A"}`, "If-Match", "*").status)
		require.Equal(t, http.StatusForbidden, r.do(viewer, http.MethodPatch, "/tenants/acme", `{"name":"B"}`, "If-Match", "*").status)
		require.Equal(t, http.StatusPreconditionFailed, r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"C"}`, "If-Match", `"9"`).status)
		require.Equal(t, http.StatusOK, r.do(operator, http.MethodPost, "/tenants/acme/suspend", `{"reason":"x"}`).status)
		require.Equal(t, http.StatusNotFound, r.do(foreign, http.MethodPatch, "/tenants/acme", `{"name":"D"}`, "If-Match", "*").status)
		got := r.do(own, http.MethodPost, "/tenants/acme/panic", "")
		require.Equal(t, http.StatusInternalServerError, got.status)
		require.NotContains(t, got.raw, "canary")

		require.Equal(t, []string{"panic internal", "suspendTenant ok", "updateTenant precondition-failed", "updateTenant ok"}, r.audited("acme"))
		require.Empty(t, r.audited("other"))
		denied := func(token, tenant string) string {
			return r.do(token, http.MethodGet, "/tenants/"+tenant+"/audit/denied", "").raw
		}
		require.Contains(t, denied(own, "acme"), `"operation":"updateTenant","path":"/tenants/acme","outcome":"role"`)
		require.Contains(t, denied(foreign, "other"), `"operation":"updateTenant","path":"/tenants/acme","outcome":"not-found"`, "beside the log of whoever tried")
		require.Equal(t, []string{"suspendTenant ok", "createTenant ok", "createTenant ok"}, r.audited(audit.Deployment))

		list := r.do(own, http.MethodGet, "/tenants/acme/audit?limit=1", "")
		require.Equal(t, http.StatusOK, list.status, list.raw)
		e := list.body["items"].([]any)[0].(map[string]any)
		require.Equal(t, "jane", e["subject"])
		require.Equal(t, "/tenants/acme/panic", e["path"])
		require.Equal(t, http.StatusOK, r.do(own, http.MethodGet, "/tenants/acme/audit?from=2026-01-01T00:00:00Z&cursor="+list.body["next"].(string), "").status)
		created := r.do(operator, http.MethodGet, "/audit", "").body["items"].([]any)[2].(map[string]any)
		require.Equal(t, "/tenants/acme", created["created"])
	})
}

func TestRevokedTokens(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		for _, id := range []string{"acme", "other"} {
			_, err := r.store.CreateTenant(t.Context(), id)
			require.NoError(t, err)
		}
		operator, own, victim, foreign := r.token("", auth.Operator), r.token("acme", auth.Admin), r.token("acme", auth.Viewer), r.token("other", auth.Admin)
		id := func(token string) string { return r.do(token, http.MethodGet, "/whoami", "").body["token"].(string) }
		alive := func(token string) bool { return r.do(token, http.MethodGet, "/whoami", "").status == http.StatusOK }

		require.Equal(t, http.StatusNoContent, r.do(foreign, http.MethodPost, "/tenants/other/tokens/"+id(victim)+"/revoke", "").status)
		require.True(t, alive(victim), "another tenant's admin can revoke nothing here")
		require.Equal(t, http.StatusNoContent, r.do(own, http.MethodPost, "/tenants/acme/tokens/"+id(operator)+"/revoke", "").status)
		require.True(t, alive(operator), "nor an operator's token")
		require.Equal(t, http.StatusNoContent, r.do(own, http.MethodPost, "/tenants/acme/tokens/"+id(victim)+"/revoke", `{"expires":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`).status)
		require.False(t, alive(victim))
		require.Equal(t, http.StatusNoContent, r.do(operator, http.MethodPost, "/tokens/"+id(foreign)+"/revoke", "").status)
		require.False(t, alive(foreign))

		list := r.do(own, http.MethodGet, "/tenants/acme/tokens/revoked", "")
		require.Len(t, list.body["items"], 2, list.raw)
		require.Len(t, r.do(operator, http.MethodGet, "/tokens/revoked", "").body["items"], 1)
		for _, expires := range []string{"2999-12-31T00:00:00Z", "2020-01-01T00:00:00Z"} {
			_, fields := r.do(own, http.MethodPost, "/tenants/acme/tokens/x/revoke", `{"expires":"`+expires+`"}`).problem()
			require.Equal(t, []string{"expires"}, fields, "a mistake, and nothing that is forgotten at once")
		}
	})
}

// Whoever may change nothing cannot push out what others have changed.
func TestDeniedCallsAreFolded(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		_, err := r.store.CreateTenant(t.Context(), "acme")
		require.NoError(t, err)
		own, viewer := r.token("acme", auth.Admin), r.token("acme", auth.Viewer)
		require.Equal(t, http.StatusOK, r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"A"}`, "If-Match", "*").status)
		for range 50 {
			require.Equal(t, http.StatusForbidden, r.do(viewer, http.MethodPatch, "/tenants/acme", `{"name":"B"}`, "If-Match", "*").status)
		}
		require.Equal(t, int64(1), env.Client.XLen(t.Context(), "pb:{t:acme}:audit").Val())
		require.Equal(t, int64(1), env.Client.HLen(t.Context(), "pb:{t:acme}:audit:denied").Val())
		require.Equal(t, []string{"updateTenant ok"}, r.audited("acme"))
		list := r.do(own, http.MethodGet, "/tenants/acme/audit/denied?limit=1", "")
		require.Len(t, list.body["items"], 1, list.raw)
		first := list.body["items"].([]any)[0].(map[string]any)
		require.InDelta(t, 50, first["count"], 0)
		require.Equal(t, "role", first["outcome"])
		require.NotEmpty(t, first["first"])
		require.Empty(t, r.do(own, http.MethodGet, "/tenants/acme/audit/denied?cursor="+list.body["next"].(string), "").body["items"])
	})
}

// A large answer costs Redis little, and is still known to have been given.
func TestLargeAnswersAreNotKept(t *testing.T) {
	type blob struct {
		Text string `json:"text"`
	}
	done := 0
	large := admin.Handle(admin.Route{Method: http.MethodPost, Path: "/large", Operation: "large", Summary: "Large", Tag: "Test", Role: auth.Operator, Idempotent: true},
		func(context.Context, *admin.Call, admin.None, admin.None) (blob, error) {
			done++
			raw := make([]byte, 64<<10)
			_, err := rand.Read(raw)
			return blob{hex.EncodeToString(raw)}, err
		})
	r := newRig(t, redistest.Mini(t), large)
	operator := r.token("", auth.Operator)
	require.Equal(t, http.StatusOK, r.do(operator, http.MethodPost, "/large", "", "Idempotency-Key", "k").status)
	name, _ := r.do(operator, http.MethodPost, "/large", "", "Idempotency-Key", "k").problem()
	require.Equal(t, "idempotency-answered", name)
	require.Equal(t, 1, done)
}

// Too many requests of a token, or of a tenant, are rejected before anything is
// looked up, and are nobody else's trouble.
func TestRequestsAreLimited(t *testing.T) {
	env := redistest.Mini(t)
	env.Advance(0) // from here on time stands still
	gate := func(prefix string, burst int) admin.Gate {
		return ratelimit.NewGate(env.Client, prefix, burst+1, burst)
	}
	r := newLimitedRig(t, env, admin.RateLimit{Token: gate("token", 20), Tenant: gate("admin", 50)})
	for _, id := range []string{"acme", "other"} {
		_, err := r.store.CreateTenant(t.Context(), id)
		require.NoError(t, err)
	}
	// flood returns how many of a token's requests were taken.
	flood := func(token string) (taken int) {
		for range 60 {
			got := r.do(token, http.MethodGet, "/whoami", "")
			if got.status == http.StatusOK {
				taken++
				continue
			}
			require.Equal(t, http.StatusTooManyRequests, got.status, got.raw)
			name, _ := got.problem()
			require.Equal(t, "rate-limited", name)
			require.Equal(t, "1", got.head.Get("Retry-After"))
			require.Equal(t, "application/problem+json", got.head.Get("Content-Type"))
		}
		return taken
	}
	require.Equal(t, 20, flood(r.token("acme", auth.Viewer)))
	require.Equal(t, http.StatusOK, r.do(r.token("acme", auth.Admin), http.MethodGet, "/tenants/acme", "").status, "another token has its own limit")
	require.Equal(t, 20, flood(r.token("acme", auth.Viewer)))
	require.Equal(t, 9, flood(r.token("acme", auth.Viewer)), "all of a tenant's together have one, too")
	require.Equal(t, http.StatusTooManyRequests, r.do(r.token("acme", auth.Admin), http.MethodGet, "/tenants/acme", "").status)
	require.Equal(t, http.StatusOK, r.do(r.token("other", auth.Admin), http.MethodGet, "/tenants/other", "").status)
	require.Equal(t, http.StatusOK, r.do(r.token("", auth.Operator), http.MethodGet, "/tenants/acme", "").status)
	env.Advance(time.Second)
	require.Equal(t, http.StatusOK, r.do(r.token("acme", auth.Admin), http.MethodGet, "/tenants/acme", "").status)
}
