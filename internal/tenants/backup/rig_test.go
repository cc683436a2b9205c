package backup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// canary is in every secret.
const canary = "canary-secret-"

// deployment is one with a Redis and a sealing key of its own.
type deployment struct {
	*Backups
	rdb redis.UniversalClient
}

func deploy(tb testing.TB, env redistest.Env, key string) deployment {
	tb.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: key, Bytes: bytes.Repeat([]byte(key[:1]), secret.KeySize)}})
	require.NoError(tb, err)
	return deployment{rdb: env.Client, Backups: New(tenants.NewStore(env.Client, ring), connections.NewStore(env.Client, connections.Timing{}), &Options{
		Now: func() time.Time { return time.Unix(1_800_000_000, 0).UTC() },
	})}
}

func at(n int64) time.Time { return time.Unix(1_700_000_000+n, 0).UTC() }

// full is an integration in which every field is set.
func full(name string) tenants.Integration {
	hidden := func(what string) secret.String { return secret.New(canary + what + "\"<&\u2028" + name) }
	return tenants.Integration{
		ID: tenants.NewID(), Tenant: "acme", Name: name, Type: "com.example.x", ProductboardID: "pb-1", CreateBegun: at(1), ButtonLabel: "Push",
		ActionAuth: hidden("action"), Former: tenants.FormerAuth{Value: hidden("former"), Until: at(2)},
		Productboard: tenants.ProductboardAuth{Kind: tenants.AuthJWT, Token: hidden("token"), ClientID: "client", ClientSecret: hidden("client"),
			Subject: "subject", PrivateKey: hidden("key"), KeyID: "kid", Scope: "scope"},
		Reconnect: &tenants.Reconnect{Side: fault.SideTracker, Reason: "Renew it.", Since: at(3)},
		Expires:   map[fault.Side]tenants.Expiry{fault.SideTracker: {At: at(10)}},
		Answer:    tenants.AnswerV1, OnUnlink: tenants.UnlinkClose, Refresh: tenants.RefreshSettings{Off: true, ResetDeleted: true}, Hooks: tenants.HooksManual,
		Target: tenants.TargetConfig{Type: "redmine", Settings: map[string]any{"url": "https://t.example", "deep": map[string]any{"list": []any{"x", 1.5, true, nil}}},
			Credentials: map[string]secret.String{"apiKey": hidden("tracker")}},
		Disabled: true, Deleting: at(4), CreatedAt: at(5), UpdatedAt: at(6), SecretsSet: map[string]time.Time{"actionAuth": at(7)},
		Registered: "digest", Version: 9,
	}
}

// unset lists the exported fields of a struct that are zero, at any depth.
func unset(v reflect.Value, path string) (out []string) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || v.NumField() == 0 || !v.Type().Field(v.NumField()-1).IsExported() && !v.Type().Field(0).IsExported() {
		if v.IsZero() {
			out = append(out, path)
		}
		return out
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			out = append(out, unset(v.Field(i), path+"."+f.Name)...)
		}
	}
	return out
}

// settle makes a tenant with integrations and connections in all states.
func (d deployment) settle(tb testing.TB, integrations ...tenants.Integration) {
	tb.Helper()
	ctx := context.Background()
	_, err := d.tenants.AddTenant(ctx, tenants.Tenant{ID: "acme", Name: "Acme", Limits: tenants.TenantLimits{MaxInFlight: 3, MaxQueued: 4, Connections: 5, PerSecond: 6, Integrations: 7}})
	require.NoError(tb, err)
	for _, in := range integrations {
		require.NoError(tb, d.tenants.Tenant("acme").Restore(ctx, in))
	}
}

func key(in tenants.Integration, n int) connections.Key {
	return connections.Key{Tenant: "acme", Integration: in.ID, Entity: fmt.Sprintf("entity-%d", n)}
}

// push clicks, and works on it up to where do says.
func (d deployment) push(tb testing.TB, k connections.Key, do func(ctx context.Context, l *connections.Lease)) {
	tb.Helper()
	ctx := context.Background()
	_, w, err := d.records.Push(ctx, k, connections.Person{Name: "Jane"})
	require.NoError(tb, err)
	if do == nil {
		return
	}
	require.NotNil(tb, w)
	l, err := d.records.Begin(ctx, k, w.Run)
	require.NoError(tb, err)
	require.NotNil(tb, l)
	do(ctx, l)
}

func connected(tb testing.TB) func(context.Context, *connections.Lease) {
	tb.Helper()
	return func(ctx context.Context, l *connections.Lease) {
		require.NoError(tb, l.Intend(ctx))
		_, err := l.Opened(ctx, targets.Issue{ID: "4711", Key: "#4711", URL: "https://t.example/4711", Title: "T", Status: "New", Progress: targets.Open})
		require.NoError(tb, err)
		_, err = l.Settled(ctx)
		require.NoError(tb, err)
	}
}

func cheap(tb testing.TB, phrase string) *age.ScryptRecipient {
	tb.Helper()
	r, err := age.NewScryptRecipient(phrase)
	require.NoError(tb, err)
	r.SetWorkFactor(8)
	return r
}

func pair(tb testing.TB) (age.Recipient, []age.Identity) {
	tb.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(tb, err)
	return id.Recipient(), []age.Identity{id}
}

// export is a tenant's file.
func (d deployment) export(tb testing.TB, to age.Recipient) []byte {
	tb.Helper()
	var file bytes.Buffer
	_, err := d.Export(context.Background(), &file, "acme", to, nil)
	require.NoError(tb, err)
	return file.Bytes()
}

// everything is all that stands in a Redis, to see that nothing was written.
func everything(tb testing.TB, env redistest.Env) []string {
	tb.Helper()
	return env.Keys(tb, "*")
}

// sealed encrypts lines as an export would.
func sealed(tb testing.TB, to age.Recipient, lines ...string) []byte {
	tb.Helper()
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	require.NoError(tb, err)
	_, err = io.WriteString(w, strings.Join(lines, "\n"))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return file.Bytes()
}

// plain opens a file.
func plain(tb testing.TB, file []byte, keys []age.Identity) []string {
	tb.Helper()
	r, err := age.Decrypt(bytes.NewReader(file), keys...)
	require.NoError(tb, err)
	raw, err := io.ReadAll(r)
	require.NoError(tb, err)
	return strings.Split(string(raw), "\n")
}
