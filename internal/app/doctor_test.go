package app

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/connections"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

func TestDoctorSaysWhenIssuesWereRead(t *testing.T) {
	rdb, ok := redistest.Mini(t).Client.(*redis.Client)
	require.True(t, ok)
	a, err := New(config.Config{
		EncryptionKeys:     secret.New("k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), secret.KeySize))),
		ProductboardAPIURL: "http://127.0.0.1:1/v2", PushDeadline: time.Minute, Refresh: time.Hour,
	}, rdb, slog.New(slog.DiscardHandler), "test")
	require.NoError(t, err)
	defer a.Close()
	_, err = a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	create := func(name string, s tenants.RefreshSettings) tenants.Integration {
		in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{
			ID: tenants.NewID(), Name: name, ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New("token")), Refresh: s,
			Target: tenants.TargetConfig{Type: "redmine", Settings: map[string]any{"url": "http://127.0.0.1:1", "project": "p"}},
		})
		require.NoError(t, err)
		return in
	}
	in := create("Engineering", tenants.RefreshSettings{})
	create("Silent", tenants.RefreshSettings{Off: true})
	doctor := func() string {
		var told bytes.Buffer
		_ = a.Doctor(t.Context(), &told) // neither side is there
		return told.String()
	}
	sweep := func(stopped string) {
		require.NoError(t, a.sweeps.Now(t.Context(), "acme", in.ID))
		claim, ok, err := a.sweeps.Claim(t.Context(), time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, a.sweeps.Done(t.Context(), claim, time.Hour, stopped))
	}
	told := doctor()
	require.Contains(t, told, "acme/Engineering: its issues were not read back yet\n")
	require.Contains(t, told, "acme/Silent: its issues are not read back\n")
	sweep("")
	require.Contains(t, doctor(), "acme/Engineering: issues last read 20")
	sweep("Redmine cannot be reached.")
	require.Regexp(t, `note  acme/Engineering: The last sweep over its issues stopped \S+: Redmine cannot be reached\.`, doctor())

	const late = "No sweep over its issues has ended since"
	a.cfg.Refresh = time.Nanosecond
	require.NotContains(t, doctor(), late, "it has no buttons")
	require.NoError(t, a.records.Import(t.Context(), []connections.Entry{{Key: connections.Key{Tenant: "acme", Integration: in.ID, Entity: "e-1"}, Changed: time.Now(),
		Record: connections.Record{State: connections.Connected, Generation: 1, Epoch: 1, Run: 1, Issue: &targets.Issue{ID: "1"}}}}))
	require.Equal(t, 1, strings.Count(doctor(), late))
	a.cfg.Refresh = time.Hour
	require.NotContains(t, doctor(), late)
}
