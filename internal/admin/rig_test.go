package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/deletion"
	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/connections"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// rig is a whole admin API over a Redis.
type rig struct {
	t     testing.TB
	api   *admin.API
	key   auth.SharedKey
	store *tenants.Store
	log   *audit.Log

	records *connections.Store
	revoked *auth.RevocationStore
	deleter *deletion.Deleter
	env     redistest.Env
}

// rigMemory is what the rig's requests may take at once, in bytes.
const rigMemory = 8 << 20

func newRig(tb testing.TB, env redistest.Env, extra ...admin.Route) *rig {
	tb.Helper()
	return newLimitedRig(tb, env, admin.RateLimit{}, extra...)
}

func newLimitedRig(tb testing.TB, env redistest.Env, limit admin.RateLimit, extra ...admin.Route) *rig {
	tb.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(tb, err)
	r := &rig{t: tb, env: env, store: tenants.NewStore(env.Client, ring)}
	r.key, err = auth.NewSharedKey(secret.New(strings.Repeat("s", auth.MinSharedKey)))
	require.NoError(tb, err)
	r.records = connections.NewStore(env.Client, connections.Timing{})
	r.revoked, r.log = auth.NewRevocationStore(env.Client), audit.New(env.Client)
	r.deleter = deletion.New(env.Client, r.store, nil, r.log, nil)
	verifier, err := auth.NewVerifier([]auth.Keys{r.key}, &auth.Options{Revocations: r.revoked})
	require.NoError(tb, err)
	routes := slices.Concat(admin.TenantRoutes(r.store, r.records), admin.AuditRoutes(r.log), admin.TokenRoutes(r.revoked), admin.DeletionRoutes(r.deleter), extra)
	r.api, err = admin.New(verifier, r.store, r.log, idempotency.New(env.Client), routes, &admin.Options{RateLimit: limit, Memory: memory.NewBudget(rigMemory)})
	require.NoError(tb, err)
	return r
}

// token makes a token: an operator's if the tenant is empty.
func (r *rig) token(tenant string, role auth.Role) string {
	r.t.Helper()
	token, _, err := r.key.Mint(auth.Grant{Subject: "jane", Tenant: tenant, Roles: []auth.Role{role}, Life: time.Hour}, time.Now())
	require.NoError(r.t, err)
	return token
}

type reply struct {
	status int
	head   http.Header
	raw    string
	body   map[string]any
}

// problem returns the name of a problem's type, and the fields that it names.
func (p reply) problem() (name string, fields []string) {
	text, _ := p.body["type"].(string)
	list, _ := p.body["errors"].([]any)
	for _, e := range list {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	return strings.TrimPrefix(text, admin.ProblemPrefix), fields
}

// do sends one request; head is pairs of names and values.
func (r *rig) do(token, method, path, body string, head ...string) reply {
	r.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, admin.Base+path, in)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	rec := httptest.NewRecorder()
	r.api.ServeHTTP(rec, req)
	out := reply{status: rec.Code, head: rec.Header(), raw: rec.Body.String()}
	if rec.Body.Len() > 0 {
		assert.NoError(r.t, json.Unmarshal(rec.Body.Bytes(), &out.body), out.raw)
	}
	return out
}
