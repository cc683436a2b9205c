package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"iter"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// pushWorld is a Redis with pushes that failed, and the variables that lead a
// command there.
type pushWorld struct {
	t       *testing.T
	env     redistest.Env
	vars    map[string]string
	records *connections.Store
	store   *tenants.Store
	ids     map[string]string // of the integrations, by tenant
}

func newPushWorld(t *testing.T) *pushWorld {
	t.Helper()
	env := redistest.Mini(t)
	raw := bytes.Repeat([]byte("k"), secret.KeySize)
	w := &pushWorld{t: t, env: env, ids: map[string]string{}, records: connections.NewStore(env.Client, connections.Timing{}),
		vars: map[string]string{"PLUGIN_REDIS_URL": env.URL, "PLUGIN_ENCRYPTION_KEYS": "k1:" + base64.StdEncoding.EncodeToString(raw)}}
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: raw}})
	require.NoError(t, err)
	store := tenants.NewStore(env.Client, ring)
	w.store = store
	for tenant, name := range map[string]string{"acme": "Delivery", "beta": "Ideas"} {
		_, err := store.CreateTenant(t.Context(), tenant)
		require.NoError(t, err)
		in, err := store.Tenant(tenant).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: name, ProductboardID: "pb", Target: tenants.TargetConfig{Type: "memory"}})
		require.NoError(t, err)
		w.ids[tenant] = in.ID
	}
	return w
}

// serve has a running plugin on the same Redis, and leads commands there.
func (w *pushWorld) serve() {
	w.t.Helper()
	raw := strings.Repeat("s", auth.MinSharedKey)
	w.vars["PLUGIN_ADMIN_JWT_KEY"], w.vars["PLUGIN_PUBLIC_URL"] = base64.StdEncoding.EncodeToString([]byte(raw)), "https://push.example.com"
	cfg, err := config.Load(config.Sources{Lookup: w.lookup})
	require.NoError(w.t, err)
	a, err := app.New(cfg, w.env.Client, slog.New(slog.DiscardHandler), "test")
	require.NoError(w.t, err)
	w.t.Cleanup(a.Close)
	front, err := a.Front()
	require.NoError(w.t, err)
	srv := httptest.NewServer(front)
	w.t.Cleanup(srv.Close)
	key, err := auth.NewSharedKey(secret.New(raw))
	require.NoError(w.t, err)
	token, _, err := key.Mint(auth.Grant{Subject: "jane", Roles: []auth.Role{auth.Operator}, Life: time.Hour}, time.Now())
	require.NoError(w.t, err)
	w.vars = map[string]string{"PLUGIN_SERVER": srv.URL, "PLUGIN_ADMIN_TOKEN": token}
	admin, _, err := key.Mint(auth.Grant{Subject: "joe", Tenant: "beta", Roles: []auth.Role{auth.Admin}, Life: time.Hour}, time.Now())
	require.NoError(w.t, err)
	w.vars["BETA"] = admin
}

func (w *pushWorld) lookup(name string) (string, bool) { v, ok := w.vars[name]; return v, ok }

// fails makes a push that failed, and returns its key.
func (w *pushWorld) fails(tenant, entity, kind string) string {
	w.t.Helper()
	key := connections.Key{Tenant: tenant, Integration: w.ids[tenant], Entity: entity}
	_, work, err := w.records.Push(w.t.Context(), key, connections.Person{Name: "Jane", Email: "jane@example.com"})
	require.NoError(w.t, err)
	l, err := w.records.Begin(w.t.Context(), work.Key, work.Run)
	require.NoError(w.t, err)
	require.NoError(w.t, l.Failed(w.t.Context(), connections.Failure{Kind: kind, Message: "Away with " + entity + ".", Ref: "req-1"}))
	_, err = l.Settled(w.t.Context())
	require.NoError(w.t, err)
	return key.String()
}

func (w *pushWorld) say(code int, args ...string) (string, string) {
	w.t.Helper()
	return w.runs(code, append([]string{"pushes"}, args...)...)
}

func (w *pushWorld) runs(code int, args ...string) (string, string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	env := environment{lookup: w.lookup, all: func() []string { return nil }}
	require.Equal(w.t, code, run(w.t.Context(), args, env, &out, &errs), errs.String())
	return out.String(), errs.String()
}

// The commands, as somebody types them.
func TestPushesCommands(t *testing.T) {
	t.Run("on Redis", func(t *testing.T) { pushesCommands(t, newPushWorld(t)) })
	t.Run("through a running plugin", func(t *testing.T) {
		w := newPushWorld(t)
		w.serve()
		pushesCommands(t, w)
	})
}

// Both ways print the same, and a tenant's own token shows that tenant alone.
func TestPushesThroughAServerReadLikeOnRedis(t *testing.T) {
	w := newPushWorld(t)
	first, _ := w.fails("acme", "e-1", "unavailable"), w.fails("acme", "e-2", "unauthorized")
	theirs := w.fails("beta", "e-3", "unavailable")
	asked := [][]string{{"--state", "all", "list"}, {"--limit", "2", "list"}, {"show", first}, {"--from", "2100-01-01T00:00:00Z", "list"}}
	var here []string
	for _, args := range asked {
		out, _ := w.say(exitOK, args...)
		here = append(here, out)
	}
	w.serve()
	for i, args := range asked {
		there, _ := w.say(exitOK, args...)
		require.Equal(t, here[i], there, args)
	}
	out, _ := w.say(exitOK, "--token", "env:BETA", "list")
	require.Contains(t, out, theirs)
	require.NotContains(t, out, first)
	_, errs := w.say(exitFailure, "--token", "env:BETA", "show", first)
	require.Contains(t, errs, "The tenant does not exist.")
	_, errs = w.say(exitFailure, "--token", "wrong", "list")
	require.Contains(t, errs, "does not take the token")
}

func pushesCommands(t *testing.T, w *pushWorld) {
	t.Helper()
	first, second, third := w.fails("acme", "e-1", "unavailable"), w.fails("acme", "e-2", "unauthorized"), w.fails("beta", "e-3", "unavailable")
	say := w.say
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"list"}, []string{first, second, third}},
		{[]string{"--tenant", "acme", "list"}, []string{first, second}},
		{[]string{"--integration", "Ideas", "list"}, []string{third}},
		{[]string{"--kind", "unauthorized", "list"}, []string{second}},
		{[]string{"--text", "with e-3", "list"}, []string{third}},
		{[]string{"--limit", "2", "list"}, []string{second, first}},
		{[]string{"--state", "all", "--entity", "e-1", "list"}, []string{first}},
		{[]string{"--state", "connected", "list"}, nil},
	} {
		out, _ := say(exitOK, c.args...)
		for _, key := range []string{first, second, third} {
			require.Equal(t, strings.Contains(strings.Join(c.want, " "), key), strings.Contains(out, key+" "), "%v: %s", c.args, out)
		}
	}
	out, _ := say(exitOK, "show", first)
	require.Contains(t, out, "acme/Delivery")
	require.Contains(t, out, "unavailable: Away with e-1. (reference req-1)")
	require.Regexp(t, `(?m)^TIME .*\n(.*\n)*.* failed +open .*unavailable +req-1`, out)

	out, _ = say(exitOK, "retry", first)
	require.Equal(t, "retried "+first+"\n", out)
	out, _ = say(exitOK, "--all", "--kind", "unavailable", "retry")
	require.Equal(t, "retried 1\n", out, "the other one is under way already")
	out, _ = say(exitOK, "reset", second)
	require.Equal(t, "reset "+second+"\n", out)
	out, _ = say(exitOK, "unlink", third)
	require.Equal(t, "unlinked "+third+"\n", out)
	out, _ = say(exitOK, "--state", "initial", "list")
	require.Contains(t, out, second)
	require.Contains(t, out, third)
	out, _ = say(exitOK, "--all", "retry")
	require.Equal(t, "retried 0\n", out)

	for _, args := range [][]string{{}, {"list", first}, {"show"}, {"retry"}, {"--all", "retry", first}, {"link", first}, {"reset"}, {"unlink", "acme"}, {"burn", first}} {
		_, errs := say(exitUsage, args...)
		require.NotEmpty(t, errs, args)
	}
	for _, c := range []struct {
		args []string
		told string
	}{
		{[]string{"show", strings.Replace(first, "e-1", "e-9", 1)}, "There is no such connection."},
		{[]string{"retry", strings.Replace(first, "acme/", "beta/", 1)}, "does not exist"},
		{[]string{"--integration", "Nobody", "list"}, "integration: is neither the id nor the name"},
		{[]string{"--state", "done", "list"}, "state: must be "},
		{[]string{"refresh", first}, "The button "},
		{[]string{"--integration", "acme/Nobody", "refresh"}, "integration: is neither the id nor the name"},
	} {
		_, errs := say(exitFailure, c.args...)
		require.Contains(t, errs, c.told, c.args)
	}
}

// linking is a scope that can only link, to one issue.
type linking struct {
	pushScope
	tenant string
}

func (l linking) TenantIDs(context.Context) iter.Seq2[string, error] { return nil }
func (l linking) Pushes(tenant string) pushScope                     { return linking{tenant: tenant} }

func (l linking) Link(_ context.Context, integration, entity, issue string) (pushes.Push, error) {
	if issue != "ENG-1" {
		return pushes.Push{}, &pushes.FieldError{Field: pushes.FieldIssue, Err: fault.New(fault.NotFound, "link", "There is no issue "+issue+".")}
	}
	return pushes.Push{Key: connections.Key{Tenant: l.tenant, Integration: integration, Entity: entity}, Issue: &targets.Issue{Key: issue}}, nil
}

func (l linking) Refresh(_ context.Context, integration, entity string) (pushes.RefreshResult, error) {
	if entity == "e-9" {
		return pushes.RefreshResult{}, fault.New(fault.Conflict, "refresh", "The button shows no issue.")
	}
	return pushes.RefreshResult{Verdict: "gone", Message: "The tracker deleted the issue. The button now says so.", Changed: true}, nil
}

func (l linking) RefreshIntegration(_ context.Context, integration string) error {
	if integration != "Ideas/Big" || l.tenant != "beta" {
		return fault.New(fault.Conflict, "refresh", "not "+l.tenant+" "+integration)
	}
	return nil
}

func TestRefreshCommand(t *testing.T) {
	var out bytes.Buffer
	inv := &invocation{stdout: &out}
	say := func(o pushOptions, args ...string) error {
		t.Helper()
		out.Reset()
		do, err := inv.pushes(o, args)
		if err != nil {
			return err
		}
		return do(t.Context(), linking{})
	}
	require.NoError(t, say(pushOptions{}, "refresh", "acme/abc:e-1", "acme/abc:e-2"))
	require.Equal(t, "acme/abc:e-1: The tracker deleted the issue. The button now says so. (gone)\n"+
		"acme/abc:e-2: The tracker deleted the issue. The button now says so. (gone)\n", out.String())
	require.ErrorContains(t, say(pushOptions{}, "refresh", "acme/abc:e-9"), "acme/abc:e-9: ")
	whole := func(tenant, integration string) pushOptions {
		return pushOptions{tenant: tenant, filter: pushes.Filter{Integration: integration}}
	}
	for _, o := range []pushOptions{whole("", "beta/Ideas/Big"), whole("beta", "Ideas/Big")} {
		require.NoError(t, say(o, "refresh"))
		require.Equal(t, "refreshing beta/Ideas/Big: workers read its issues soon\n", out.String())
	}
	var usage *usageError
	require.ErrorAs(t, say(whole("", "Ideas"), "refresh"), &usage)
	require.ErrorAs(t, say(whole("", "beta/Ideas"), "refresh", "acme/abc:e-1"), &usage)
	require.ErrorAs(t, say(pushOptions{}, "refresh"), &usage)
}

func TestLinkCommand(t *testing.T) {
	var out bytes.Buffer
	inv := &invocation{stdout: &out}
	do, err := inv.pushes(pushOptions{}, []string{"link", "acme/abc:e-1", "ENG-1"})
	require.NoError(t, err)
	require.NoError(t, do(t.Context(), linking{}))
	require.Equal(t, "linked acme/abc:e-1 to ENG-1\n", out.String())
	do, err = inv.pushes(pushOptions{}, []string{"link", "acme/abc:e-1", "ENG-2"})
	require.NoError(t, err)
	require.EqualError(t, do(t.Context(), linking{}), "acme/abc:e-1: issue: There is no issue ENG-2.")
}
