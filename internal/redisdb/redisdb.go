// Package redisdb reaches the plugin's Redis. It opens the client, checks that the
// server keeps its data, waits for replicas, and runs a redis-server of its own
// where the operator has none. Its sentences name the operator's settings, which
// the composition maps to its options.
//
// What must not live here: what is stored in Redis, and the configuration.
package redisdb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redisurl"
	"pushbutton/internal/secret"
	"pushbutton/internal/telemetry"
)

// Timeout bounds every Redis command. Productboard waits 5 s for an answer to a
// click; the client's defaults would spend 10 s on a Redis that hangs.
const Timeout = 500 * time.Millisecond

// poolTimeout bounds the wait for a free connection.
const poolTimeout = 700 * time.Millisecond

// Options say how Redis is reached. A nil *Options means all zero values.
type Options struct {
	// CAFile, if set, holds the certificate authorities in PEM form that sign
	// the certificates of Redis. Empty: those of the machine.
	CAFile string
	// WaitReplicas is how many replicas Scripts will wait for.
	WaitReplicas int
	// Concurrency is how many runs the process does at the same time. The pool
	// of connections has room for them.
	Concurrency int
}

// Open returns a client of the Redis at an address (see redisurl). It does not
// connect yet.
func Open(url secret.String, o *Options) (redis.UniversalClient, error) {
	if o == nil {
		o = &Options{}
	}
	address, err := redisurl.Parse(url.Reveal())
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_REDIS_URL: %w", err)
	}
	trust, err := tlsConfig(address, o.CAFile)
	if err != nil {
		return nil, err
	}
	if o.WaitReplicas > 0 && address.Kind == redisurl.Cluster {
		return nil, errors.New("PLUGIN_REDIS_WAIT_REPLICAS: not with a Cluster: set min-replicas-to-write on its nodes")
	}
	opts := &redis.UniversalOptions{
		Addrs: address.Hosts, MasterName: address.Master, DB: address.DB, IsClusterMode: address.Kind == redisurl.Cluster,
		Username: address.Username, Password: address.Password,
		SentinelUsername: address.SentinelUsername, SentinelPassword: address.SentinelPassword, TLSConfig: trust,
		DialTimeout: Timeout, ReadTimeout: Timeout, WriteTimeout: Timeout,
		PoolTimeout: poolTimeout, MaxRetries: 1, ContextTimeoutEnabled: true,
		PoolSize: max(32, o.Concurrency+16),
		// Nothing that RESP3 adds is used, and with it the client looks for push
		// messages before each reply.
		Protocol: 2,
	}
	if address.Socket != "" {
		simple := opts.Simple()
		simple.Network, simple.Addr = "unix", address.Socket
		return redis.NewClient(simple), nil
	}
	return redis.NewUniversalClient(opts), nil
}

// maxCA bounds a file of certificate authorities, in bytes.
const maxCA = 1 << 20

// tlsConfig returns nil for an address without TLS. The client checks the name
// in a certificate against the host that it dials. With Sentinels or a Cluster,
// they name the host.
func tlsConfig(address redisurl.Address, caFile string) (*tls.Config, error) {
	if !address.TLS {
		if caFile != "" {
			return nil, errors.New("PLUGIN_REDIS_CA_FILE: is of no use without TLS: PLUGIN_REDIS_URL must start with rediss")
		}
		return nil, nil
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return trust, nil
	}
	f, err := os.Open(caFile) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_REDIS_CA_FILE: %w", err)
	}
	defer func() { _ = f.Close() }()
	pem, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, fmt.Errorf("PLUGIN_REDIS_CA_FILE: %w", err)
	}
	trust.RootCAs = x509.NewCertPool()
	if !trust.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("PLUGIN_REDIS_CA_FILE: holds no certificate in PEM form")
	}
	return trust, nil
}

// clientLog logs the lines of the Redis client, folded and at debug level. The
// client logs every failed dial, and the caller of the command logs it too.
type clientLog struct{ fold *telemetry.Fold }

func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	l.fold.Say(ctx, slog.LevelDebug, fmt.Sprintf(format, args...))
}

// LogClient sends the client's own lines to a log. The library has one logger
// for the whole process.
func LogClient(log *slog.Logger) {
	redis.SetLogger(clientLog{telemetry.NewFold(log, "redis client")})
}

// Fault classifies the error of a Redis command: Redis, and not the caller, is
// to blame. It returns nil for a nil error.
func Fault(op string, err error) error {
	if err == nil {
		return nil
	}
	e := fault.Wrap(fault.Unavailable, op, err)
	e.Side, e.Peer = fault.SidePlugin, "Redis"
	return e
}
