package tenants_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

func TestTenantsAreUpdatedOneAfterTheOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env)
		created, err := s.AddTenant(t.Context(), tenants.Tenant{ID: "acme", Name: "Acme", Limits: tenants.TenantLimits{Integrations: 1}, CA: certificate(t, true), Version: 7})
		require.NoError(t, err)
		require.EqualValues(t, 1, created.Version)
		acme := s.Tenant("acme")
		got, err := acme.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, created, got)

		_, err = acme.Create(t.Context(), integration("A"))
		require.NoError(t, err)
		_, err = acme.Create(t.Context(), integration("B"))
		require.ErrorIs(t, err, fault.Conflict, "its own limit")

		got.Name, got.Limits = "Acme 2", tenants.TenantLimits{}
		updated, err := acme.UpdateTenant(t.Context(), got)
		require.NoError(t, err)
		require.EqualValues(t, 2, updated.Version)
		_, err = acme.UpdateTenant(t.Context(), got)
		require.ErrorIs(t, err, tenants.ErrStale)
		require.ErrorIs(t, err, fault.Conflict)
		_, err = acme.Create(t.Context(), integration("B"))
		require.NoError(t, err, "without a limit of its own")

		calls := 0
		altered, err := acme.Alter(t.Context(), func(tenant *tenants.Tenant) {
			if calls++; calls == 1 {
				_, err := s.Tenant("acme").Alter(t.Context(), func(tenant *tenants.Tenant) { tenant.Name = "Acme 3" })
				require.NoError(t, err)
			}
			tenant.Deleting = time.Now().UTC()
		})
		require.NoError(t, err)
		require.Equal(t, 2, calls, "again after a lost race")
		require.Equal(t, "Acme 3", altered.Name)
		_, err = acme.Create(t.Context(), integration("C"))
		require.ErrorIs(t, err, fault.NotFound, "nothing new in what is being deleted")
		_, err = s.Tenant("nobody").UpdateTenant(t.Context(), got)
		require.ErrorIs(t, err, fault.NotFound)
	})
}

func TestWrongTenants(t *testing.T) {
	ca := certificate(t, true)
	for name, c := range map[string]struct {
		change func(*tenants.Tenant)
		field  string
	}{
		"good":            {func(*tenants.Tenant) {}, ""},
		"two authorities": {func(t *tenants.Tenant) { t.CA = ca + "\n" + ca }, ""},
		"id":              {func(t *tenants.Tenant) { t.ID = "A" }, "id"},
		"name":            {func(t *tenants.Tenant) { t.Name = strings.Repeat("é", 256) }, "name"},
		"a line break":    {func(t *tenants.Tenant) { t.Name = "A\nB" }, "name"},
		"an escape":       {func(t *tenants.Tenant) { t.Name = "A\x1b[2J" }, "name"},
		"a turn":          {func(t *tenants.Tenant) { t.Name = "A\u202eB" }, "name"},
		"no UTF-8":        {func(t *tenants.Tenant) { t.Name = "A\xff" }, "name"},
		"letters":         {func(t *tenants.Tenant) { t.Name = "Müller & Söhne 株式会社 עברית 👍" }, ""},
		"reason":          {func(t *tenants.Tenant) { t.Suspended = &tenants.Suspension{Reason: strings.Repeat("x", 501)} }, "reason"},
		"limit":           {func(t *tenants.Tenant) { t.Limits.PerSecond = -1 }, "limits.perSecond"},
		"integrations":    {func(t *tenants.Tenant) { t.Limits.Integrations = tenants.MaxIntegrations + 1 }, "limits.integrations"},
		"no PEM":          {func(t *tenants.Tenant) { t.CA = "x" }, "ca"},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := tenants.Tenant{ID: "acme", CA: ca}
			c.change(&tenant)
			wrong := tenant.Check()
			if c.field == "" {
				require.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			require.Equal(t, c.field, wrong[0].Field)
			require.NotEmpty(t, wrong[0].Message)
		})
	}
}

func TestCacheOfTenants(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		read := func(id string) (tenants.Tenant, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return r.cache.Tenant(ctx, id)
		}
		r.read(t) // the connection is made
		require.Equal(t, 1, r.trips(func() { _, err := read("acme"); require.NoError(t, err) }))
		require.Zero(t, r.trips(func() { _, err := read("acme"); require.NoError(t, err) }), "from memory")

		suspend := func(s *tenants.Store, reason string) {
			_, err := s.Tenant("acme").Alter(t.Context(), func(t *tenants.Tenant) { t.Suspended = &tenants.Suspension{Reason: reason} })
			require.NoError(t, err)
		}
		suspend(r.store, "here")
		got, err := read("acme")
		require.NoError(t, err)
		require.Equal(t, "here", got.Suspended.Reason, "a change of this process is seen at once")
		suspend(r.other, "elsewhere")
		got, err = read("acme")
		require.NoError(t, err)
		require.Equal(t, "here", got.Suspended.Reason)
		r.clock.advance(6 * time.Second)
		got, err = read("acme")
		require.NoError(t, err)
		require.Equal(t, "elsewhere", got.Suspended.Reason, "one of another process after a moment")

		for _, id := range []string{"nobody", "NOT AN ID"} {
			_, err = read(id)
			require.ErrorIs(t, err, fault.NotFound)
		}
		require.Zero(t, r.trips(func() { _, err = read("nobody"); require.ErrorIs(t, err, fault.NotFound) }), "guesses cost little")
		_, err = r.store.CreateTenant(t.Context(), "nobody")
		require.NoError(t, err)
		_, err = read("nobody")
		require.NoError(t, err)

		r.wire.down.Store(true)
		r.clock.advance(20 * time.Second)
		got, err = read("acme")
		require.NoError(t, err, "an old one while Redis is away")
		require.Equal(t, "elsewhere", got.Suspended.Reason)
		r.clock.advance(2 * time.Minute)
		_, err = read("acme")
		require.ErrorIs(t, err, fault.Unavailable, "but not a very old one")
	})
}
