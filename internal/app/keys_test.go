package app

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// appWith composes an App over a Redis with sealing keys of these ids.
func appWith(t *testing.T, env redistest.Env, ids ...string) *App {
	t.Helper()
	var keys string
	for _, id := range ids {
		keys += "," + id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(id[:1]), secret.KeySize))
	}
	rdb, ok := env.Client.(*redis.Client)
	require.True(t, ok)
	a, err := New(config.Config{EncryptionKeys: secret.New(keys[1:]), ProductboardAPIURL: "http://127.0.0.1:1/v2", PushDeadline: time.Minute}, rdb, slog.New(slog.DiscardHandler), "test")
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func TestAProcessWithoutAKeyThatIsInUseRefuses(t *testing.T) {
	env := redistest.Mini(t)
	old := appWith(t, env, "a1")
	_, err := old.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	_, err = old.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "E", ActionAuth: secret.New("Bearer x")})
	require.NoError(t, err)

	err = appWith(t, env, "b2").requireKeys(t.Context())
	require.EqualError(t, err, `credentials are sealed with keys that PLUGIN_ENCRYPTION_KEYS does not hold: "a1" (1 integrations). `+
		"Put them back behind the first one; `plugin keys rotate` then makes them dispensable")
	var out bytes.Buffer
	require.Error(t, appWith(t, env, "b2").RotateKeys(t.Context(), &out))
	require.Contains(t, out.String(), `still sealed with key "a1": 1 integrations`)

	out.Reset()
	require.NoError(t, appWith(t, env, "b2", "a1").requireKeys(t.Context()))
	require.NoError(t, appWith(t, env, "b2", "a1").RotateKeys(t.Context(), &out))
	require.Contains(t, out.String(), `1 integrations of 1 tenants: 1 sealed anew with key "b2"`)
	require.NoError(t, appWith(t, env, "b2").requireKeys(t.Context()))
}
