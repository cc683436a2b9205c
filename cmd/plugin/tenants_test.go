package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// installation is a deployment as the command line sees it.
type installation struct {
	t     *testing.T
	redis redistest.Env
	vars  map[string]string
}

func install(t *testing.T, key, public string) installation {
	t.Helper()
	env := redistest.Mini(t)
	return installation{t, env, map[string]string{
		"PLUGIN_REDIS_URL": env.URL, "PLUGIN_PUBLIC_URL": public,
		"PLUGIN_ENCRYPTION_KEYS": key + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(key), secret.KeySize)),
	}}
}

func (i installation) store() *tenants.Store {
	i.t.Helper()
	keys, err := secret.ParseKeys(i.vars["PLUGIN_ENCRYPTION_KEYS"])
	require.NoError(i.t, err)
	ring, err := secret.NewKeyring(keys)
	require.NoError(i.t, err)
	return tenants.NewStore(i.redis.Client, ring)
}

// tenants runs `plugin tenants`.
func (i installation) tenants(stdin io.Reader, args ...string) (code int, out, errs string) {
	i.t.Helper()
	var stdout, stderr bytes.Buffer
	env := environment{lookup: func(name string) (string, bool) { v, ok := i.vars[name]; return v, ok }, all: func() []string { return nil }, stdin: stdin}
	code = run(i.t.Context(), append([]string{"tenants"}, args...), env, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestATenantIsMovedByCommands(t *testing.T) {
	ctx := t.Context()
	from, to := install(t, "a", "https://old.example.com"), install(t, "b", "https://new.example.com")
	store := from.store()
	_, err := store.CreateTenant(ctx, "acme")
	require.NoError(t, err)
	in, err := store.Tenant("acme").Create(ctx, tenants.Integration{ID: tenants.NewID(), Name: "Engineering", ProductboardID: "pb-1", ActionAuth: secret.New("Bearer canary"),
		Productboard: tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "c"}, Target: tenants.TargetConfig{Type: "memory"}, Registered: "told the old address"})
	require.NoError(t, err)
	records := connections.NewStore(from.redis.Client, connections.Timing{})
	_, _, err = records.Push(ctx, connections.Key{Tenant: "acme", Integration: in.ID, Entity: "e-1"}, connections.Person{})
	require.NoError(t, err)

	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	require.NoError(t, os.WriteFile(keyFile, []byte("# created by age-keygen\n"+identity.String()+"\n"), 0o600))

	code, _, errs := from.tenants(nil, "export", "acme", "--recipient", identity.Recipient().String())
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, errs, "The tenant is in use")
	code, _, errs = from.tenants(nil, "suspend", "acme", "--reason", "Moving.")
	require.Equal(t, exitOK, code, errs)
	code, file, errs := from.tenants(nil, "export", "acme", "--recipient", identity.Recipient().String())
	require.Equal(t, exitOK, code, errs)
	require.NotContains(t, errs, "in use")
	require.NotContains(t, file, "canary")

	code, out, errs := to.tenants(strings.NewReader(file), "import", "acme", "--identity-file", keyFile)
	require.Equal(t, exitOK, code, errs)
	require.Empty(t, out)
	require.Contains(t, errs, "imported acme: 1 integrations, 1 connections (1 unfinished)")
	require.Contains(t, errs, "Productboard calls another address")
	require.Contains(t, errs, "connect it to Productboard again")
	require.Contains(t, errs, "plugin tenants repoint acme")
	moved, err := to.store().Tenant("acme").Integration(ctx, in.ID)
	require.NoError(t, err)
	require.Equal(t, in.ActionAuth, moved.ActionAuth)

	code, _, errs = to.tenants(strings.NewReader(file), "import", "acme", "--identity-file", keyFile)
	require.Equal(t, exitFailure, code)
	require.Contains(t, errs, "exists already")
	code, _, errs = to.tenants(nil, "resume", "acme")
	require.Equal(t, exitOK, code, errs)
	tenant, err := to.store().Tenant("acme").Get(ctx)
	require.NoError(t, err)
	require.False(t, tenant.Halted())

	entries, _, err := audit.New(to.redis.Client).List(ctx, audit.Deployment, audit.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "importTenant", entries[1].Operation)
	require.Equal(t, audit.Done, entries[1].Outcome)
	require.Equal(t, "conflict", entries[0].Outcome)
	entries, _, err = audit.New(from.redis.Client).List(ctx, "acme", audit.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 3, "two exports and a suspension, where the tenant sees them")
}

func TestAPassphraseAndAFileAsInput(t *testing.T) {
	from, to := install(t, "a", "https://old.example.com"), install(t, "b", "https://new.example.com")
	_, err := from.store().CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	require.NoError(t, os.WriteFile(good, []byte("correct horse battery staple\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("canary horse battery staple\n"), 0o600))
	code, file, errs := from.tenants(nil, "export", "acme", "--passphrase-file", good)
	require.Equal(t, exitOK, code, errs)
	path := filepath.Join(dir, "acme.age")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	for _, c := range []struct {
		phrase string
		code   int
		says   string
	}{{bad, exitFailure, "not the one that the file was encrypted to"}, {good, exitOK, "plugin tenants resume acme"}} {
		in, err := os.Open(path)
		require.NoError(t, err)
		code, _, errs := to.tenants(in, "import", "acme", "--passphrase-file", c.phrase)
		require.NoError(t, in.Close())
		require.Equal(t, c.code, code, errs)
		require.Contains(t, errs, c.says)
		require.NotContains(t, errs, "canary")
	}
}

func TestTenantsRefusesWhatItCannotDo(t *testing.T) {
	i := install(t, "a", "https://old.example.com")
	dir := t.TempDir()
	short, key := filepath.Join(dir, "short"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(short, []byte("canary\n"), 0o600))
	require.NoError(t, os.WriteFile(key, []byte("AGE-SECRET-KEY-CANARY\n"), 0o600))
	for _, c := range []struct {
		args string
		says string
	}{
		{"", "say export TENANT"}, {"export", "say export TENANT"}, {"list acme", "say export TENANT"}, {"export Acme", "a tenant's id"},
		{"export acme", "either --recipient or --passphrase-file"},
		{"export acme --recipient age1x", "--recipient is not one public key"},
		{"export acme --recipient age1x --passphrase-file " + short, "either"},
		{"export acme --passphrase-file " + short, "shorter than 16"},
		{"export acme --passphrase-file " + filepath.Join(dir, "none"), "no such file"},
		{"import acme", "either --identity-file or --passphrase-file"},
		{"import acme --identity-file " + key, "--identity-file holds no private key"},
		{"import acme --recipient age1x --identity-file " + key, "either"},
		{"suspend acme", "--reason is required"}, {"resume acme more", "unexpected argument"},
	} {
		code, out, errs := i.tenants(nil, strings.Fields(c.args)...)
		require.Equal(t, exitUsage, code, c.args)
		require.Empty(t, out)
		require.Contains(t, errs, c.says, c.args)
		require.NotContains(t, strings.ToLower(errs), "canary", c.args)
	}
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	code, out, errs := i.tenants(nil, "export", "nobody", "--recipient", identity.Recipient().String())
	require.Equal(t, exitFailure, code)
	require.Empty(t, out)
	require.Contains(t, errs, "does not exist")
}
