package app

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/gitlab/gitlabfake"
	"pushbutton/internal/tenants"
)

// A day of a process, over a GitLab that tells when its token ends.
func TestTheEndOfATokenIsSeen(t *testing.T) {
	env := redistest.Mini(t)
	rdb, ok := env.Client.(*redis.Client)
	require.True(t, ok)
	var log bytes.Buffer
	a, err := New(config.Config{
		EncryptionKeys:     secret.New("k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), secret.KeySize))),
		ProductboardAPIURL: "http://127.0.0.1:1/v2", PushDeadline: time.Minute, OutboundAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, rdb, slog.New(slog.NewTextHandler(&log, nil)), "test")
	require.NoError(t, err)
	defer a.Close()
	_, err = a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	server := gitlabfake.New(t)
	account := gitlabfake.Account(gitlabfake.Mine, "acme/mine")
	in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{
		ID: tenants.NewID(), Name: "Engineering", ActionAuth: tenants.NewActionAuth(), Productboard: tenants.APIToken(secret.New("token")),
		Target: tenants.TargetConfig{Type: "gitlab", Settings: account.Settings(server.Root()), Credentials: account.Credentials},
	})
	require.NoError(t, err)
	pass := func() { a.expiryWatcher().Pass(t.Context()) }
	lines := func() int { return strings.Count(log.String(), `msg="credential expires"`) }
	expiring := func() int64 {
		n, err := a.tenants.Expiring(t.Context(), time.Now().Add(tenants.ExpiryWarning))
		require.NoError(t, err)
		return n
	}
	pass()
	require.Zero(t, lines(), "it has no end")

	server.Expires(gitlabfake.Mine, time.Now().Add(5*24*time.Hour).UTC().Format(time.DateOnly))
	pass()
	require.Zero(t, lines(), "asked within a day")
	env.Mini.FastForward(expiryDay)
	pass()
	pass()
	require.Equal(t, 1, lines(), log.String())
	require.EqualValues(t, 1, expiring())
	stored, err := a.tenants.ByID(t.Context(), in.ID)
	require.NoError(t, err)
	require.True(t, stored.Expires[fault.SideTracker].Soon(time.Now()))
	require.NotContains(t, log.String(), gitlabfake.Mine)

	var told bytes.Buffer
	_ = a.Doctor(t.Context(), &told) // Productboard is not there
	require.Contains(t, told.String(), "note  acme/Engineering: The credential for GitLab ends on")

	checked, err := a.peers.checkTarget(t.Context(), "acme", in.Target)
	require.NoError(t, err)
	require.True(t, checked.ExpiryKnown)
	require.Equal(t, stored.Expires[fault.SideTracker].At, checked.Expires)

	server.Expires(gitlabfake.Mine, nil)
	env.Mini.FastForward(expiryDay)
	pass()
	require.Equal(t, 1, lines())
	require.Zero(t, expiring())
}
