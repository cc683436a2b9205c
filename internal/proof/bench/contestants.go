package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"pushbutton/config"
	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

const (
	benchPBID   = "00000000-0000-4000-8000-00000000000a"
	benchAuth   = "Bearer benchmark"
	benchTenant = "bench"
)

// settings is the configuration of ours.
func settings(server *redisServer, api string) (config.Config, error) {
	key := make([]byte, secret.KeySize)
	_, _ = rand.Read(key)
	cfg, err := config.Load(config.Sources{Flags: map[string]string{
		"redis-url": server.url, "encryption-keys": "bench:" + base64.StdEncoding.EncodeToString(key), "public-url": app.SandboxOrigin,
		"productboard-api-url": api, "ops-listen": "127.0.0.1:0", "listen": "127.0.0.1:0", "drain-delay": "0s",
	}})
	cfg.OutboundAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return cfg, err
}

// newOurs is the whole front of the plugin with one integration; every click
// is the first on an entity of its own, so that each is recorded and queued.
func newOurs(ctx context.Context, server *redisServer, log *slog.Logger) (*contestant, error) {
	cfg, err := settings(server, "http://127.0.0.1:1/v2")
	if err != nil {
		return nil, err
	}
	rdb, err := app.OpenRedis(cfg)
	if err != nil {
		return nil, err
	}
	a, err := app.New(cfg, rdb, log, "bench")
	if err != nil {
		return nil, err
	}
	keys, err := cfg.Keyring()
	if err != nil {
		return nil, err
	}
	store := tenants.NewStore(server.client, keys)
	if _, err := store.CreateTenant(ctx, benchTenant); err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	in, err := store.Tenant(benchTenant).Create(ctx, tenants.Integration{
		ID: tenants.NewID(), Name: "bench", Type: "com.example.bench", ProductboardID: benchPBID, ButtonLabel: "Push",
		ActionAuth: secret.New(benchAuth), Productboard: tenants.APIToken(secret.New("none")), Answer: tenants.AnswerV2,
		Target: tenants.TargetConfig{Type: "memory"},
	})
	if err != nil {
		return nil, fmt.Errorf("integration: %w", err)
	}
	// One tenant stands for many: each click shall be queued.
	many := connections.TenantLimits{MaxInFlight: 1 << 30, MaxQueued: 1 << 30, MaxConnections: 1 << 30, PushesPerSecond: 1 << 30}
	if err := connections.NewStore(server.client, connections.Timing{}).SetLimits(ctx, benchTenant, many); err != nil {
		return nil, err
	}
	front, err := a.Front()
	if err != nil {
		return nil, err
	}
	c, err := serve(front, "/actions/"+in.ID)
	if err != nil {
		return nil, err
	}
	c.done = append(c.done, a.Close, func() { _ = rdb.Close() })
	return c, nil
}

func headers() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "Authorization": {benchAuth}}
}

func notification() []byte {
	entity := uuid.NewString()
	raw, _ := json.Marshal(pbapi.ActionNotification{Data: pbapi.ActionData{
		IntegrationID: benchPBID, Trigger: pbapi.TriggerPush,
		Feature:         pbapi.ActionFeature{ID: entity, Links: pbapi.EntityLinks{Self: "https://api.productboard.com/v2/entities/" + entity, HTML: "https://example.productboard.com/x"}},
		TriggeredByUser: &pbapi.ActionUser{Name: "Jane Doe", Email: "jane@example.com"},
	}})
	return raw
}

// newBare is reference (a): Echo, and nothing but one Enqueue of a task as
// large as ours.
func newBare(server *redisServer) (*contestant, error) {
	client := asynq.NewClientFromRedisClient(server.client)
	payload := []byte(`{"k":"` + strings.Repeat("x", 63) + `","r":1}`)
	e := echo.New()
	e.POST("/", func(c echo.Context) error {
		if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
			return err
		}
		if _, err := client.EnqueueContext(c.Request().Context(), asynq.NewTask("push", payload), asynq.Queue(queueName), asynq.TaskID(uuid.NewString())); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, inProgress())
	})
	return serve(e, "/")
}

func inProgress() any {
	return map[string]any{"data": map[string]any{"fields": map[string]any{"connection": map[string]string{"state": "progress"}}}}
}

// newScript is reference (b): net/http, and nothing but one EVALSHA that writes
// one field.
func newScript(server *redisServer) (*contestant, error) {
	script := redis.NewScript(`redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 'ok'`)
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		if err := script.Run(r.Context(), server.client, []string{"pb:{push-bench}:script"}, uuid.NewString(), "1").Err(); err != nil {
			http.Error(w, "redis", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(inProgress())
	}), "/")
}

// newNothing answers at once: what is left is the generator and net/http,
// which every contestant pays.
func newNothing() (*contestant, error) {
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(inProgress())
	}), "/")
}
