package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/deletion"
	"pushbutton/internal/admin/idempotency"
	"pushbutton/internal/connections"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/refresh"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// maxKeyFile bounds a file with public keys, in bytes.
const maxKeyFile = 1 << 20

// adminAPI makes the admin API, nil if no key for its tokens is configured.
func (a *App) adminAPI(out *slog.Logger) (http.Handler, error) {
	if !a.cfg.AdminOn() {
		return nil, nil
	}
	verifier, err := a.verifier()
	if err != nil {
		return nil, err
	}
	log := audit.New(a.rdb)
	routes := slices.Concat(admin.TenantRoutes(a.tenants, a.records), admin.IntegrationRoutes(a.Registrar(), adminSweeps{a.sweeps}), admin.ApplyRoutes(a.Registrar()),
		admin.HookRoutes(a.Hooks()), admin.ConnectionRoutes(a.Pushes()), admin.AuditRoutes(log),
		admin.TokenRoutes(auth.NewRevocationStore(a.rdb)), admin.DeletionRoutes(a.deleter()), admin.CredentialRoutes(a.auth, a.tenants))
	return admin.New(verifier, a.tenants, log, idempotency.New(a.rdb), routes, &admin.Options{RateLimit: a.adminRateLimit(), Memory: a.memory, Log: out})
}

// adminRateLimit bounds the admin API's requests: of each token as configured, of
// all of a tenant's four times as many. Half of a second's may come at once.
func (a *App) adminRateLimit() admin.RateLimit {
	const tokens, least = 4, 2
	rate := max(a.cfg.AdminRate, least)
	gate := func(prefix string, limit int) admin.Gate { return ratelimit.NewGate(a.rdb, prefix, limit, limit/2) }
	return admin.RateLimit{Token: gate("token", rate), Tenant: gate("admin", tokens*rate)}
}

// adminSweeps tells the admin API of sweeps.
type adminSweeps struct{ schedule *refresh.Schedule }

// Sweeps implements admin.Sweeps.
func (s adminSweeps) Sweeps(ctx context.Context, tenant string, integrations []string) ([]admin.Sweep, error) {
	known, err := s.schedule.Statuses(ctx, tenant, integrations)
	out := make([]admin.Sweep, len(known))
	for i, k := range known {
		out[i] = admin.Sweep{Ended: k.Ended.UTC(), Stopped: k.Stopped}
	}
	return out, err
}

// deleter deletes tenants.
func (a *App) deleter() *deletion.Deleter {
	return deletion.New(a.rdb, a.tenants, integrationDeleter{a}, audit.New(a.rdb), &deletion.Options{Log: a.log,
		Forget: []func(context.Context, string) error{func(ctx context.Context, tenant string) error {
			return a.records.SetLimits(ctx, tenant, connections.TenantLimits{})
		}, idempotency.New(a.rdb).Forget},
	})
}

// integrationDeleter deletes integrations for the deleter of tenants.
type integrationDeleter struct{ a *App }

// Delete implements deletion.Integrations.
func (d integrationDeleter) Delete(ctx context.Context, in tenants.Integration, keepAtProductboard bool, progress func(done int64)) error {
	return d.a.Registrar().Delete(ctx, in.Tenant, in.ID, register.Deletion{Confirm: in.Name, KeepAtProductboard: keepAtProductboard, Progress: progress})
}

// verifier verifies the admin API's tokens with every key that is configured.
func (a *App) verifier() (*auth.Verifier, error) {
	var keys []auth.Keys
	shared, err := a.cfg.AdminKey()
	if err != nil {
		return nil, err
	}
	if !shared.Empty() {
		key, err := auth.NewSharedKey(shared)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	for _, path := range a.cfg.AdminJWTPublicKeys {
		public, err := publicKeys(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		keys = append(keys, public)
	}
	if a.cfg.AdminJWKSURL != "" {
		// The operator's own setting, like Productboard's address: not guarded.
		keys = append(keys, auth.NewJWKS(a.cfg.AdminJWKSURL, a.pbHTTP, nil))
	}
	return auth.NewVerifier(keys, &auth.Options{
		Issuer: a.cfg.AdminJWTIssuer, Audience: a.cfg.AdminJWTAudience, Revocations: auth.NewRevocationStore(a.rdb),
	})
}

func publicKeys(path string) (auth.PublicKeys, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's own setting
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	return auth.ParsePublicKeys(raw)
}
