package config_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/secret"
)

func env(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func key() string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", secret.KeySize)))
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{})
	require.NoError(t, err)
	require.Equal(t, config.Config{
		Listen: ":8080", OpsListen: "127.0.0.1:9090", DataDir: "plugin-data",
		ProductboardAPIURL: "https://api.productboard.com/v2", ProductboardAppURL: "https://app.productboard.com",
		AdminRate: 50, Concurrency: 64, PushDeadline: 10 * time.Minute, Refresh: 5 * time.Minute, ConfirmDeleted: 10 * time.Minute, ShutdownTimeout: 25 * time.Second, DrainDelay: 5 * time.Second,
		LogLevel: slog.LevelInfo, LogFormat: config.LogAuto,
	}, c)
}

func TestLoadReadsEveryValue(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Lookup: env(
		"PLUGIN_LISTEN", "[::1]:80", "PLUGIN_OPS_LISTEN", "localhost:0",
		"PLUGIN_PUBLIC_URL", "https://push.example.com/pb/", "PLUGIN_REDIS_URL", "rediss://u:p%40ss@redis:6380/2",
		"PLUGIN_DATA_DIR", "/var/lib/plugin", "PLUGIN_ALLOW_VOLATILE_REDIS", "true",
		"PLUGIN_PRODUCTBOARD_API_URL", "http://127.0.0.1:4000/v2/", "PLUGIN_PRODUCTBOARD_APP_URL", "http://127.0.0.1:4000",
		"PLUGIN_ENCRYPTION_KEYS", "k1:"+key()+",k0:"+key(), "PLUGIN_OUTBOUND_ALLOW", "10.20.0.0/16, 192.168.1.7,fd00::/8,::ffff:127.0.0.1",
		"PLUGIN_OUTBOUND_PROXY", "https://u:p%40ss@proxy:3128",
		"PLUGIN_CONCURRENCY", "7", "PLUGIN_MEMORY_BUDGET", "96MiB", "PLUGIN_PUSH_DEADLINE", "90s", "PLUGIN_REFRESH", "20s", "PLUGIN_CONFIRM_DELETED", "30s", "PLUGIN_SHUTDOWN_TIMEOUT", "1m", "PLUGIN_DRAIN_DELAY", "0s",
		"PLUGIN_LOG_LEVEL", "DEBUG", "PLUGIN_LOG_FORMAT", "json", "PLUGIN_GITHUB_APP_HOOK_SECRET", "0123456789abcdef",
	)})
	require.NoError(t, err)
	require.Equal(t, config.Config{
		Listen: "[::1]:80", OpsListen: "localhost:0", PublicURL: "https://push.example.com/pb",
		RedisURL: secret.New("rediss://u:p%40ss@redis:6380/2"), DataDir: "/var/lib/plugin", AllowVolatileRedis: true,
		ProductboardAPIURL: "http://127.0.0.1:4000/v2", ProductboardAppURL: "http://127.0.0.1:4000",
		EncryptionKeys: secret.New("k1:" + key() + ",k0:" + key()),
		OutboundAllow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("192.168.1.7/32"),
			netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("127.0.0.1/32")},
		OutboundProxy: secret.New("https://u:p%40ss@proxy:3128"),
		AdminRate:     50, Concurrency: 7, MemoryBudget: 96 << 20, PushDeadline: 90 * time.Second, Refresh: 20 * time.Second, ConfirmDeleted: 30 * time.Second, ShutdownTimeout: time.Minute,
		GitHubAppHookSecret: secret.New("0123456789abcdef"),
		LogLevel:            slog.LevelDebug, LogFormat: config.LogJSON,
	}, c)
	ring, err := c.Keyring()
	require.NoError(t, err)
	sealed, err := ring.Seal(secret.New("x"), "t")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(sealed, "k1:"), "the first key seals")

	for _, s := range []string{fmt.Sprintf("%v %+v %#v", c, c, c)} {
		require.NotContains(t, s, "p%40ss")
		require.NotContains(t, s, key())
	}
}

func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	src := config.Sources{
		Lookup:   env("PLUGIN_CONCURRENCY", "2", "PLUGIN_LISTEN", " "),
		Flags:    map[string]string{"concurrency": "3"},
		Defaults: map[string]string{"PLUGIN_LISTEN": ":1", "PLUGIN_DRAIN_DELAY": "0s", "PLUGIN_CONCURRENCY": "4"},
	}
	c, err := config.Load(src)
	require.NoError(t, err)
	require.Equal(t, 3, c.Concurrency, "a flag goes before the environment")
	require.Equal(t, ":1", c.Listen, "an empty variable is none")
	require.Zero(t, c.DrainDelay)

	src.Flags["concurrency"] = ""
	c, err = config.Load(src)
	require.NoError(t, err)
	require.Equal(t, 4, c.Concurrency, "an empty flag hides the variable and gives the default")
}

func TestLoadReportsAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{
		Lookup: env(
			"PLUGIN_LISTEN", "8080", "PLUGIN_CONCURRENCY", "0", "PLUGIN_PUSH_DEADLINE", "ten",
			"PLUGIN_ENCRYPTION_KEYS", "k1:c2hvcnQ=,k2:hunter2", "PLUGIN_REDIS_URL", "http://:hunter2@redis",
		),
		Required: []string{config.PublicURL},
	})
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 6, "one line per setting: %s", err)
	for _, want := range []string{"PLUGIN_LISTEN (--listen): ", "PLUGIN_CONCURRENCY (--concurrency): ", "PLUGIN_PUSH_DEADLINE (--push-deadline): ",
		"PLUGIN_ENCRYPTION_KEYS (--encryption-keys): key 1: ", "PLUGIN_REDIS_URL (--redis-url): ",
		"PLUGIN_PUBLIC_URL (--public-url): is required, for example https://push.example.com"} {
		require.Contains(t, err.Error(), want)
	}
	require.NotContains(t, err.Error(), "hunter2")
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, value, want string }{
		{"PLUGIN_LISTEN", "localhost:http", "no port between"},
		{"PLUGIN_LISTEN", ":65536", "no port between"},
		{"PLUGIN_PUBLIC_URL", "http://push.example.com", "must start with https://"},
		{"PLUGIN_PUBLIC_URL", "push.example.com", "must start with https://"},
		{"PLUGIN_PUBLIC_URL", "https:///path", "names no host"},
		{"PLUGIN_PUBLIC_URL", "https://:443", "names no host"},
		{"PLUGIN_PUBLIC_URL", "https://push.example.com/?a=1", "must not have a query"},
		{"PLUGIN_PUBLIC_URL", "https://push.example.com/#a", "fragment"},
		{"PLUGIN_PUBLIC_URL", "https://me:pw@push.example.com", "user name or password"},
		{"PLUGIN_PUBLIC_URL", "https://push.example.com/" + strings.Repeat("a", 900), "longer than 900"},
		{"PLUGIN_PRODUCTBOARD_API_URL", "ftp://x", "must start with https://"},
		{"PLUGIN_PRODUCTBOARD_APP_URL", "http://a b", "is not a URL"},
		{"PLUGIN_REDIS_URL", "redis:6379", "must start with"},
		{"PLUGIN_REDIS_URL", "localhost", "must start with"},
		{"PLUGIN_REDIS_URL", "redis:///0", "names no host"},
		{"PLUGIN_REDIS_URL", "redis://h/zero", "number of a database"},
		{"PLUGIN_REDIS_URL", "unix://run/redis.sock", "full path"},
		{"PLUGIN_REDIS_URL", "redis://:a%zz@h", "percent-encoded"},
		{"PLUGIN_ENCRYPTION_KEYS", "k1", "id:base64"},
		{"PLUGIN_OUTBOUND_ALLOW", "10.20.3.4/16", "did you mean 10.20.0.0/16?"},
		{"PLUGIN_OUTBOUND_ALLOW", "redmine.local", "neither an address nor a range"},
		{"PLUGIN_OUTBOUND_ALLOW", "fe80::1%eth0", "neither an address nor a range"},
		{"PLUGIN_OUTBOUND_ALLOW", "::ffff:10.0.0.0/104", "neither an address nor a range"},
		{"PLUGIN_OUTBOUND_ALLOW", "a, b", `"a" is neither an address nor a range such as 10.20.0.0/16; "b"`},
		{"PLUGIN_OUTBOUND_PROXY", "proxy:3128", "must start with http:// or https://"},
		{"PLUGIN_OUTBOUND_PROXY", "socks5://proxy", "must start with http:// or https://"},
		{"PLUGIN_OUTBOUND_PROXY", "http://u:a%zz@proxy", "percent-encoded"},
		{"PLUGIN_CONCURRENCY", "1001", "from 1 to 1000"},
		{"PLUGIN_CONCURRENCY", "2.5", "whole number"},
		{"PLUGIN_MEMORY_BUDGET", "15MiB", "between 16MiB and 64GiB"},
		{"PLUGIN_MEMORY_BUDGET", "65GiB", "between 16MiB and 64GiB"},
		{"PLUGIN_MEMORY_BUDGET", "99999999999999999999", "between 16MiB and 64GiB"},
		{"PLUGIN_MEMORY_BUDGET", "half", "not a size"},
		{"PLUGIN_MEMORY_BUDGET", "-1GiB", "not a size"},
		{"PLUGIN_PUSH_DEADLINE", "5s", "between 30s and 24h"},
		{"PLUGIN_REFRESH", "25h", "between 1s and 24h"},
		{"PLUGIN_CONFIRM_DELETED", "0s", "between 1s and 24h"},
		{"PLUGIN_SHUTDOWN_TIMEOUT", "0s", "between 1s and 10m"},
		{"PLUGIN_DRAIN_DELAY", "-1s", "between 0s and 5m"},
		{"PLUGIN_ALLOW_VOLATILE_REDIS", "maybe", "neither true nor false"},
		{"PLUGIN_LOG_LEVEL", "loud", "not one of debug, error, info, warn"},
		{"PLUGIN_LOG_FORMAT", "xml", "not one of auto, json, text"},
		{"PLUGIN_DATA_DIR", "a\x00b", "is not a path"},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Sources{Lookup: env(tc.name, tc.value)})
			require.ErrorContains(t, err, tc.name+" (--")
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestLoadRefusesNamesThatAreNone(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{
		Flags: map[string]string{"redis": "x"}, Defaults: map[string]string{"PLUGIN_X": "y"}, Required: []string{"PLUGIN_Z"},
	})
	require.ErrorContains(t, err, "--redis: is not a setting")
	require.ErrorContains(t, err, "PLUGIN_X: is not a setting")
	require.ErrorContains(t, err, "PLUGIN_Z: is not a setting")
}

func TestMisnamed(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"PLUGIN_REDIS_ULR"},
		config.Misnamed([]string{"HOME=/", "PLUGIN_REDIS_ULR=redis://x", "PLUGIN_REDIS_URL=redis://x", "PLUGIN_LISTEN="}))
}
