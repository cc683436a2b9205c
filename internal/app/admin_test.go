package app

import (
	"encoding/base64"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files")

const documentFile = "../../docs/openapi.json"

// adminApp is a whole App with the admin API on, and its HS256 key.
func adminApp(tb testing.TB, more ...string) (*App, auth.SharedKey) {
	tb.Helper()
	key := strings.Repeat("s", auth.MinSharedKey)
	env := map[string]string{
		"PLUGIN_ENCRYPTION_KEYS": "k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", secret.KeySize))),
		"PLUGIN_PUBLIC_URL":      "https://push.example.com",
		"PLUGIN_ADMIN_RATE":      "100000",
		"PLUGIN_ADMIN_JWT_KEY":   base64.StdEncoding.EncodeToString([]byte(key)),
	}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	cfg, err := config.Load(config.Sources{Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	require.NoError(tb, err)
	rdb, ok := redistest.Mini(tb).Client.(*redis.Client)
	require.True(tb, ok)
	a, err := New(cfg, rdb, slog.New(slog.DiscardHandler), "test")
	require.NoError(tb, err)
	tb.Cleanup(a.Close)
	shared, err := auth.NewSharedKey(secret.New(key))
	require.NoError(tb, err)
	return a, shared
}

func adminGet(t *testing.T, a *App, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	front, err := a.Front()
	require.NoError(t, err)
	req := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	front.ServeHTTP(rec, req)
	return rec
}

// The document in docs is the one that is served. internal/proof/conformance holds
// it against OpenAPI 3.1 itself.
func TestAdminDocumentIsTheGoldenOne(t *testing.T) {
	a, key := adminApp(t)
	token, _, err := key.Mint(auth.Grant{Subject: "jane", Tenant: "acme", Roles: []auth.Role{auth.Viewer}, Life: time.Hour}, time.Now())
	require.NoError(t, err)
	rec := adminGet(t, a, "/admin/v1/openapi.json", token)
	require.Equal(t, http.StatusOK, rec.Code)
	if *update {
		require.NoError(t, os.WriteFile(documentFile, rec.Body.Bytes(), 0o600))
		return
	}
	want, err := os.ReadFile(documentFile)
	require.NoError(t, err)
	require.Equal(t, string(want), rec.Body.String(), "run: go test ./internal/app -run Document -update")
}

func TestAdminIsOffWithoutAKey(t *testing.T) {
	a, _ := adminApp(t, "PLUGIN_ADMIN_JWT_KEY", "")
	require.Equal(t, http.StatusNotFound, adminGet(t, a, "/admin/v1/openapi.json", "x").Code)
	on, _ := adminApp(t)
	for _, path := range []string{"/admin/v1", "/admin/v1/", "/admin/v1/tenants", "/admin/v1//tenants", "/admin/v1/../v1/tenants"} {
		require.Equal(t, http.StatusUnauthorized, adminGet(t, on, path, "").Code, path)
	}
}
