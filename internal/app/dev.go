package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/alicebob/miniredis/v2"

	"pushbutton/config"
	"pushbutton/internal/pbapi/pbfake/board"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// devItems is how many items the board of `plugin dev` shows.
const devItems = 24

// Dev is everything on one machine: an embedded Redis, the sandbox, and the
// plugin, on one address.
type Dev struct {
	Config   config.Config
	Listener net.Listener
	Log      *slog.Logger
	Version  string
	// Declare makes the declaration of the start; nil means one integration
	// that pushes to the sandbox' own tracker.
	Declare func(a *App) (register.Declaration, error)
	// Ready is called with the board's address when everything can be used.
	Ready func(url string)
}

// Run runs until the context ends. Nothing survives it.
func (d Dev) Run(ctx context.Context) error {
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		return fmt.Errorf("embedded Redis: %w", err)
	}
	defer mini.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go passTime(ctx, mini)

	address := "http://" + d.Listener.Addr().String()
	box := NewSandbox(address, devItems, 1)
	defer box.Close()
	if err := box.Productboard.SetEdge(SandboxOrigin, address); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	cfg := d.Config
	hosts := []string{cfg.Listen, hostOf(SandboxOrigin), hostOf(cfg.PublicURL)}
	cfg.RedisURL = secret.New("redis://" + mini.Addr())
	cfg.ProductboardAPIURL, cfg.ProductboardAppURL = address+"/v2", address
	cfg.PublicURL = SandboxOrigin
	cfg.OutboundAllow = append(cfg.OutboundAllow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	key := make([]byte, secret.KeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	cfg.EncryptionKeys = secret.New("dev:" + base64.StdEncoding.EncodeToString(key))

	return Program{
		Config: cfg, Roles: Roles{API: true, Worker: true}, Log: d.Log, Version: d.Version,
		Listener: d.Listener, Embedded: true, Extra: box.Handler(), Hosts: hosts,
		Started: func(ctx context.Context, a *App, _ string) error {
			declaration := demoDeclaration(address)
			if d.Declare != nil {
				var err error
				if declaration, err = d.Declare(a); err != nil {
					return err
				}
			}
			if _, err := a.Registrar().Apply(ctx, declaration); err != nil {
				return err
			}
			d.Ready(address + board.Prefix)
			return nil
		},
	}.Run(ctx)
}

// hostOf returns an address' host, or "" if it has none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// demoDeclaration is one integration that pushes to the sandbox' own tracker.
func demoDeclaration(address string) register.Declaration {
	return register.Declaration{Tenants: []register.DesiredTenant{{ID: "demo", Integrations: []register.Desired{{Integration: tenants.Integration{
		Name: "Engineering", ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(SandboxToken)),
		Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkComment,
		Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": address + trackerPath, "project": SandboxProject},
			Credentials: map[string]secret.String{"apiKey": secret.New(SandboxTrackerKey)}},
	}}}}}}
}

// passTime makes keys expire: the embedded Redis does not do so by itself.
func passTime(ctx context.Context, mini *miniredis.Miniredis) {
	const every = 100 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			mini.FastForward(every)
		}
	}
}
