// Package config is what an operator can set: every setting described once,
// as data, from which the loader, the help texts, example.env and the table
// in the documentation are made.
//
// What must not live here: reading the environment or the command line (the
// program hands both in), and what belongs to a tenant.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"pushbutton/internal/secret"
)

// Config is the configuration of one process, checked.
type Config struct {
	// Listen is the address of the front door, OpsListen that of health and
	// metrics, both "host:port".
	Listen    string
	OpsListen string
	// PublicURL is what the outside calls us by: https, no trailing slash.
	// Empty if it was not required.
	PublicURL string
	// RedisURL may hold a password. Empty: the program brings its own Redis.
	RedisURL secret.String
	// RedisCAFile is the path of a PEM file; empty: the system's authorities.
	RedisCAFile string
	// RedisWaitReplicas is how many replicas must have a change before it
	// counts.
	RedisWaitReplicas int
	// DataDir is where a Redis of our own keeps its files.
	DataDir string
	// AllowVolatileRedis accepts a Redis that may lose what was written.
	AllowVolatileRedis bool
	// ProductboardAPIURL and ProductboardAppURL have no trailing slash.
	ProductboardAPIURL string
	ProductboardAppURL string
	// EncryptionKeys is "id:base64,..."; Keyring reads it.
	EncryptionKeys secret.String
	// AdminJWTKey is the HS256 key of the admin API's tokens, in base64, and
	// AdminJWTPublicKeys are PEM files with the keys of whoever signs them.
	// AdminJWKSURL is where their issuer publishes its keys. With none of the
	// three the admin API is off.
	AdminJWTKey        secret.String
	AdminJWTPublicKeys []string
	AdminJWKSURL       string
	// AdminJWTIssuer and AdminJWTAudience, if set, must be a token's.
	AdminJWTIssuer   string
	AdminJWTAudience string
	// OutboundAllow lists private ranges that may be reached all the same.
	OutboundAllow []netip.Prefix
	// OutboundProxy is what public addresses are reached through, with its
	// credentials; outbound.ParseProxy reads it. Empty: none.
	OutboundProxy secret.String
	// AdminRate is how many requests of one token the admin API takes in a
	// second, at least 2.
	AdminRate int
	// Concurrency is how many pushes one worker process works on at a time.
	Concurrency int
	// MemoryBudget is what large answers and texts may take at once, in bytes; 0:
	// half of GOMEMLIMIT.
	MemoryBudget int64
	// PushDeadline is when a push that is not finished becomes an error.
	PushDeadline time.Duration
	// Refresh is how often a button whose issue is not done is compared with it.
	Refresh time.Duration
	// ConfirmDeleted is how long after a reading that found an issue deleted
	// another one has to agree before its button says so.
	ConfirmDeleted time.Duration
	// ShutdownTimeout bounds the time from the end of DrainDelay to the exit.
	ShutdownTimeout time.Duration
	// DrainDelay is how long to keep serving after /readyz has turned false.
	DrainDelay time.Duration
	LogLevel   slog.Level
	LogFormat  LogFormat
	// GitHubAppHookSecret is what GitHub signs the webhook of the deployment's own
	// GitHub App with; empty: such webhooks are refused.
	GitHubAppHookSecret secret.String
	// Server is a running plugin that a command works through, without a
	// trailing slash; empty: it works on Redis. AdminToken is the token for it,
	// or a reference that ResolveSecret reads.
	Server     string
	AdminToken secret.String
}

// Keyring makes the keyring that seals credentials.
func (c Config) Keyring() (*secret.Keyring, error) {
	keys, err := secret.ParseKeys(c.EncryptionKeys.Reveal())
	if err != nil {
		return nil, err
	}
	return secret.NewKeyring(keys)
}

// LogFormat is how log lines are written.
type LogFormat string

// The formats. LogAuto is text on a terminal and JSON elsewhere.
const (
	LogAuto LogFormat = "auto"
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// The names of the settings that callers refer to, in Sources or in a text.
const (
	PublicURL      = "PLUGIN_PUBLIC_URL"
	RedisURL       = "PLUGIN_REDIS_URL"
	EncryptionKeys = "PLUGIN_ENCRYPTION_KEYS"
	DrainDelay     = "PLUGIN_DRAIN_DELAY"
	AdminJWTKey    = "PLUGIN_ADMIN_JWT_KEY"
	Server         = "PLUGIN_SERVER"
	AdminToken     = "PLUGIN_ADMIN_TOKEN"
	adminKeys      = "PLUGIN_ADMIN_JWT_PUBLIC_KEYS"
	adminJWKS      = "PLUGIN_ADMIN_JWKS_URL"
	adminIssuer    = "PLUGIN_ADMIN_JWT_ISSUER"
	adminAudience  = "PLUGIN_ADMIN_JWT_AUDIENCE"
)
