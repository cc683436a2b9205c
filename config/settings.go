package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
)

// prefix starts the name of every environment variable.
const prefix = "PLUGIN_"

// Bounds of the numbers.
const (
	maxConcurrency     = 1000
	minAdminRate       = 2
	maxAdminRate       = 100_000
	minPushDeadline    = 30 * time.Second
	maxPushDeadline    = 24 * time.Hour
	minRefresh         = time.Second
	maxRefresh         = 24 * time.Hour
	minConfirmDeleted  = time.Second
	maxConfirmDeleted  = 24 * time.Hour
	minShutdownTimeout = time.Second
	maxShutdownTimeout = 10 * time.Minute
	maxDrainDelay      = 5 * time.Minute
	maxWaitReplicas    = 5
	minMemoryBudget    = 16 << 20
	maxMemoryBudget    = 64 << 30
	minHookSecret      = 16
)

// Setting describes one setting.
type Setting struct {
	// Env is the environment variable.
	Env string
	// Default is used if nothing is set; it may be empty.
	Default string
	// Example is a typical value where Default is none.
	Example string
	// Help is one or two sentences, without the default.
	Help string
	// Secret settings are not echoed, neither in help nor in errors.
	Secret bool
	// Client settings are for commands that work through a running plugin's
	// admin API instead of its Redis; they are flags of those alone.
	Client bool

	flag string
	set  func(c *Config, value string) error
}

// Flag is the name of the command-line flag, without the dashes:
// "redis-url" for PLUGIN_REDIS_URL.
func (s Setting) Flag() string {
	if s.flag != "" {
		return s.flag
	}
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(s.Env, prefix)), "_", "-")
}

// Settings lists every setting in the order of the documentation.
func Settings() []Setting {
	return slices.Concat(addressSettings(), storeSettings(), adminSettings(), runSettings(), clientSettings())
}

func addressSettings() []Setting {
	return []Setting{
		{
			Env: "PLUGIN_LISTEN", Default: ":8080",
			Help: "Address to listen on for Productboard's probe and clicks, and for the admin API.",
			set:  func(c *Config, v string) (err error) { c.Listen, err = listenAddress(v); return },
		}, {
			Env: "PLUGIN_OPS_LISTEN", Default: "127.0.0.1:9090",
			Help: "Address for /healthz, /readyz and /metrics. Keep it off the internet.",
			set:  func(c *Config, v string) (err error) { c.OpsListen, err = listenAddress(v); return },
		}, {
			Env: PublicURL, Example: "https://push.example.com",
			Help: "Address by which Productboard reaches the plugin: https, with a certificate that a public authority signed. A path in front is allowed.",
			set:  func(c *Config, v string) (err error) { c.PublicURL, err = publicURL(v); return },
		}, {
			Env: "PLUGIN_PRODUCTBOARD_API_URL", Default: "https://api.productboard.com/v2",
			Help: "Productboard's REST API. Change it for a simulator only.",
			set:  func(c *Config, v string) (err error) { c.ProductboardAPIURL, err = baseURL(v); return },
		}, {
			Env: "PLUGIN_PRODUCTBOARD_APP_URL", Default: "https://app.productboard.com",
			Help: "Productboard's application, for links and sign-in. Change it for a simulator only.",
			set:  func(c *Config, v string) (err error) { c.ProductboardAppURL, err = baseURL(v); return },
		}, {
			Env: "PLUGIN_OUTBOUND_ALLOW", Example: "10.20.0.0/16,192.168.1.7",
			Help: "Private address ranges (CIDR) or single addresses of self-hosted trackers that may be reached, also by plain http. Other addresses that are not public are blocked.",
			set:  func(c *Config, v string) (err error) { c.OutboundAllow, err = prefixes(v); return },
		}, {
			Env: "PLUGIN_OUTBOUND_PROXY", Example: "http://proxy.lan:3128", Secret: true,
			Help: "HTTP proxy (http:// or https://) that public addresses, Productboard's among them, are reached through by CONNECT; it may name a user and a password. What PLUGIN_OUTBOUND_ALLOW lists and plain http are reached directly. Names of trackers must be resolvable on this machine too: they are checked before the proxy is asked.",
			set: func(c *Config, v string) error {
				c.OutboundProxy = secret.New(v)
				_, err := outbound.ParseProxy(c.OutboundProxy)
				return err
			},
		},
	}
}

func storeSettings() []Setting {
	return []Setting{
		{
			Env: RedisURL, Example: "redis://redis:6379/0", Secret: true,
			Help: "Redis that keeps everything: redis://, rediss:// (TLS) or unix://; redis+sentinel://s1,s2,s3/name for one that Sentinels watch; redis+cluster://n1,n2,n3 for a Cluster. Empty: `plugin serve` starts a redis-server of its own, found on the PATH.",
			set: func(c *Config, v string) error {
				c.RedisURL = secret.New(v)
				return redisURL(v)
			},
		}, {
			Env: "PLUGIN_REDIS_CA_FILE", Example: "/etc/plugin/redis-ca.pem",
			Help: "Certificate authorities (PEM) by which the Redis of a rediss:// address is known, instead of those of the system.",
			set:  func(c *Config, v string) (err error) { c.RedisCAFile, err = folder(v); return },
		}, {
			Env: "PLUGIN_REDIS_WAIT_REPLICAS", Default: "0",
			Help: "How many replicas must have a click, and every step of its work, before it counts, 0 to 5. With 1, a fail-over by Sentinels loses no answered click; with none in reach clicks are rejected. Not with a Cluster.",
			set: func(c *Config, v string) (err error) {
				c.RedisWaitReplicas, err = number(v, 0, maxWaitReplicas)
				return
			},
		}, {
			Env: "PLUGIN_DATA_DIR", Default: "plugin-data",
			Help: "Folder where a Redis of our own keeps its append-only file.",
			set:  func(c *Config, v string) (err error) { c.DataDir, err = folder(v); return },
		}, {
			Env: "PLUGIN_ALLOW_VOLATILE_REDIS", Default: "false",
			Help: "Accept a Redis that may lose what was written (no append-only file, or an evicting maxmemory-policy). Clicks can then be lost.",
			set:  func(c *Config, v string) (err error) { c.AllowVolatileRedis, err = yesNo(v); return },
		}, {
			Env: EncryptionKeys, Example: "k1:(output of: openssl rand -base64 32)", Secret: true,
			Help: "Keys that seal stored credentials, as id:base64,... with 32 bytes each. The first one seals, all of them open. Without its key a credential is lost: keep a copy.",
			set: func(c *Config, v string) error {
				c.EncryptionKeys = secret.New(v)
				return encryptionKeys(v)
			},
		},
	}
}

func adminSettings() []Setting {
	return []Setting{
		{
			Env: AdminJWTKey, Example: "(output of: openssl rand -base64 32)", Secret: true,
			Help: "Key in base64, at least 32 bytes, that signs the admin API's tokens (HS256); `plugin token` makes them with it. With neither this nor public keys nor a JWKS address the admin API is off.",
			set: func(c *Config, v string) error {
				c.AdminJWTKey = secret.New(v)
				_, err := adminKey(v)
				return err
			},
		}, {
			Env: adminKeys, Example: "/etc/plugin/issuer.pem",
			Help: "PEM files, comma-separated, with public keys or certificates of whoever signs the admin API's tokens (RS256, ES256, EdDSA).",
			set:  func(c *Config, v string) (err error) { c.AdminJWTPublicKeys, err = files(v); return },
		}, {
			Env: adminJWKS, Example: "https://id.example.com/.well-known/jwks.json",
			Help: "Address of the key set (JWKS) of whoever signs the admin API's tokens. It is cached, read again when keys rotate, and used further while it cannot be reached.",
			set:  func(c *Config, v string) (err error) { c.AdminJWKSURL, err = jwksURL(v); return },
		}, {
			Env: adminIssuer, Example: "https://id.example.com",
			Help: "The `iss` that the admin API's tokens must have. Required with public keys or a JWKS address.",
			set:  func(c *Config, v string) (err error) { c.AdminJWTIssuer, err = claim(v); return },
		}, {
			Env: adminAudience, Example: "pushbutton",
			Help: "The `aud` that the admin API's tokens must have. Required with public keys or a JWKS address.",
			set:  func(c *Config, v string) (err error) { c.AdminJWTAudience, err = claim(v); return },
		}, {
			Env: "PLUGIN_ADMIN_RATE", Default: "50",
			Help: "How many requests of one token the admin API takes in a second, 2 to 100000; half of them may come at once. All tokens of a tenant together have four times as many. Further requests are answered 429.",
			set: func(c *Config, v string) (err error) {
				c.AdminRate, err = number(v, minAdminRate, maxAdminRate)
				return
			},
		},
	}
}

func runSettings() []Setting {
	return []Setting{
		{
			Env: "PLUGIN_CONCURRENCY", Default: "64",
			Help: "How many pushes one worker process works on at a time, 1 to 1000. One tenant gets half of them at most.",
			set:  func(c *Config, v string) (err error) { c.Concurrency, err = number(v, 1, maxConcurrency); return },
		}, {
			Env: "PLUGIN_MEMORY_BUDGET", Example: "128MiB",
			Help: "How much memory large answers, request bodies and long texts may take at once in one process, 16MiB to 64GiB; one tenant gets half of it. What does not fit waits a little, and is then rejected for the moment. Empty: half of GOMEMLIMIT, or 256MiB where that is not set.",
			set: func(c *Config, v string) (err error) {
				c.MemoryBudget, err = size(v, minMemoryBudget, maxMemoryBudget)
				return
			},
		}, {
			Env: "PLUGIN_PUSH_DEADLINE", Default: "10m",
			Help: "When a push that is not finished becomes an error on its button, 30s to 24h.",
			set: func(c *Config, v string) (err error) {
				c.PushDeadline, err = duration(v, minPushDeadline, maxPushDeadline)
				return
			},
		}, {
			Env: "PLUGIN_REFRESH", Default: "5m",
			Help: "How often a button whose issue is not done is compared with it, 1s to 24h.",
			set:  func(c *Config, v string) (err error) { c.Refresh, err = duration(v, minRefresh, maxRefresh); return },
		}, {
			Env: "PLUGIN_CONFIRM_DELETED", Default: "10m",
			Help: "How long after a reading that found an issue deleted or in the trash another one has to agree before its button says `Deleted`, 1s to 24h. Shorter than the longest outage of a tracker is a risk.",
			set: func(c *Config, v string) (err error) {
				c.ConfirmDeleted, err = duration(v, minConfirmDeleted, maxConfirmDeleted)
				return
			},
		}, {
			Env: "PLUGIN_GITHUB_APP_HOOK_SECRET", Example: "(output of: openssl rand -hex 32)", Secret: true,
			Help: "Secret, at least 16 characters, with which GitHub signs the webhook of a GitHub App that integrations use. The app's webhook address is PLUGIN_PUBLIC_URL and /hooks/github. Empty: webhooks of apps are refused.",
			set: func(c *Config, v string) error {
				if len(v) < minHookSecret {
					return fmt.Errorf("has %d characters, at least %d are needed", len(v), minHookSecret)
				}
				c.GitHubAppHookSecret = secret.New(v)
				return nil
			},
		}, {
			Env: "PLUGIN_SHUTDOWN_TIMEOUT", Default: "25s",
			Help: "How long runs may take to finish after the drain delay, 1s to 10m. A run that does not finish goes back to the queue, and another process resumes it.",
			set: func(c *Config, v string) (err error) {
				c.ShutdownTimeout, err = duration(v, minShutdownTimeout, maxShutdownTimeout)
				return
			},
		}, {
			Env: DrainDelay, Default: "5s",
			Help: "How long to keep serving after /readyz has turned false, so that load balancers notice, 0s to 5m.",
			set:  func(c *Config, v string) (err error) { c.DrainDelay, err = duration(v, 0, maxDrainDelay); return },
		}, {
			Env: "PLUGIN_LOG_LEVEL", Default: "info",
			Help: "Least level that is logged: debug, info, warn or error.",
			set: func(c *Config, v string) (err error) {
				c.LogLevel, err = oneOf(v, map[string]slog.Level{
					"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
				})
				return
			},
		}, {
			Env: "PLUGIN_LOG_FORMAT", Default: string(LogAuto),
			Help: "json, text, or auto: text on a terminal and json elsewhere.",
			set: func(c *Config, v string) (err error) {
				c.LogFormat, err = oneOf(v, map[string]LogFormat{"auto": LogAuto, "json": LogJSON, "text": LogText})
				return
			},
		},
	}
}

func clientSettings() []Setting {
	return []Setting{
		{
			Env: Server, Example: "https://push.example.com", Client: true,
			Help: "Address of a running plugin, through whose admin API a command works instead of on its Redis. https, or http to this machine.",
			set:  func(c *Config, v string) (err error) { c.Server, err = baseURL(v); return },
		}, {
			Env: AdminToken, Example: "file:/run/secrets/admin-token", Secret: true, Client: true, flag: "token",
			Help: "Token for that admin API: the token itself, or file:PATH or env:NAME of where it is. As a flag it is seen in the list of processes, so name a file there.",
			set:  func(c *Config, v string) error { c.AdminToken = secret.New(v); return nil },
		},
	}
}
