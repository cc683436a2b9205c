package app

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/gitea/giteafake"
	"pushbutton/internal/tenants"
)

// What apply and a check of an integration tell of settings that give people's
// addresses away.
func TestACheckWarnsOfAddressesInPublic(t *testing.T) {
	rdb, ok := redistest.Mini(t).Client.(*redis.Client)
	require.True(t, ok)
	a, err := New(config.Config{
		EncryptionKeys:     secret.New("k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), secret.KeySize))),
		ProductboardAPIURL: "http://127.0.0.1:1/v2", PushDeadline: time.Minute, OutboundAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, rdb, slog.New(slog.DiscardHandler), "test")
	require.NoError(t, err)
	defer a.Close()
	for name, c := range map[string]struct {
		pushedBy string
		public   bool
		warns    bool
	}{
		"full, in public":  {"full", true, true},
		"full, in private": {"full", false, false},
		"name, in public":  {"name", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := giteafake.Standard(t)
			server.Lock()
			server.Repositories["acme/app"].Public = c.public
			server.Unlock()
			account := giteafake.WithToken("acme/app", giteafake.MineToken, "pushedBy", c.pushedBy)
			checked, err := a.peers.checkTarget(t.Context(), "acme", tenants.TargetConfig{Type: "gitea", Settings: account.Settings(server.URL), Credentials: account.Credentials})
			require.NoError(t, err)
			if c.warns {
				require.Contains(t, checked.Caveat, "settings.pushedBy: full writes the e-mail address")
			} else {
				require.Empty(t, checked.Caveat)
			}
		})
	}
}
