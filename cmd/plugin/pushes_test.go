package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pushes"
	"pushbutton/internal/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// The commands on a Redis, as somebody types them.
func TestPushesCommands(t *testing.T) {
	env := redistest.Mini(t)
	raw := bytes.Repeat([]byte("k"), secret.KeySize)
	vars := map[string]string{"PLUGIN_REDIS_URL": env.URL, "PLUGIN_ENCRYPTION_KEYS": "k1:" + base64.StdEncoding.EncodeToString(raw)}
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: raw}})
	require.NoError(t, err)
	store, records := tenants.NewStore(env.Client, ring), connections.NewStore(env.Client, connections.Timing{})
	ids := map[string]string{}
	fails := func(tenant, entity, kind string) string {
		key := connections.Key{Tenant: tenant, Integration: ids[tenant], Entity: entity}
		_, w, err := records.Push(t.Context(), key, connections.Person{Name: "Jane", Email: "jane@example.com"})
		require.NoError(t, err)
		l, err := records.Begin(t.Context(), w.Key, w.Run)
		require.NoError(t, err)
		require.NoError(t, l.Failed(t.Context(), connections.Failure{Kind: kind, Message: "Away with " + entity + ".", Ref: "req-1"}))
		_, err = l.Settled(t.Context())
		require.NoError(t, err)
		return key.String()
	}
	for tenant, name := range map[string]string{"acme": "Delivery", "beta": "Ideas"} {
		_, err := store.CreateTenant(t.Context(), tenant)
		require.NoError(t, err)
		in, err := store.Tenant(tenant).Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: name, ProductboardID: "pb", Target: tenants.TargetConfig{Type: "memory"}})
		require.NoError(t, err)
		ids[tenant] = in.ID
	}
	first, second, third := fails("acme", "e-1", "unavailable"), fails("acme", "e-2", "unauthorized"), fails("beta", "e-3", "unavailable")
	say := func(code int, args ...string) (string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		require.Equal(t, code, run(t.Context(), append([]string{"pushes"}, args...), environment{lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, all: func() []string { return nil }}, &out, &errs), errs.String())
		return out.String(), errs.String()
	}

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
		{[]string{"--state", "done", "list"}, "state: must be initial"},
	} {
		_, errs := say(exitFailure, c.args...)
		require.Contains(t, errs, c.told, c.args)
	}
}

// linking is a desk that can only link, to one issue.
type linking struct {
	pushDesk
	tenant string
}

func (l linking) TenantIDs(context.Context) iter.Seq2[string, error] { return nil }
func (l linking) Pushes(tenant string) pushDesk                      { return linking{tenant: tenant} }

func (l linking) Link(_ context.Context, integration, entity, issue string) (pushes.Push, error) {
	if issue != "ENG-1" {
		return pushes.Push{}, &pushes.FieldError{Field: pushes.FieldIssue, Err: fault.New(fault.NotFound, "link", "There is no issue "+issue+".")}
	}
	return pushes.Push{Key: connections.Key{Tenant: l.tenant, Integration: integration, Entity: entity}, Issue: &targets.Issue{Key: issue}}, nil
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
