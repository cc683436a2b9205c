package deletion_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/deletion"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// rig is a deleter over a Redis, whose clock the test moves.
type rig struct {
	t     *testing.T
	store *tenants.Store
	log   *audit.Log
	d     *deletion.Deleter
	now   time.Time
	// fail, if set, is asked before an integration is deleted.
	fail    func(in tenants.Integration, keep bool) error
	deleted []string
	// forgotten are the tenants that the other rooms were told to forget.
	forgotten []string
}

func newRig(t *testing.T, env redistest.Env) *rig {
	t.Helper()
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	r := &rig{t: t, store: tenants.NewStore(env.Client, ring), log: audit.New(env.Client), now: time.Now()}
	r.d = r.deleter(env, r)
	return r
}

func (r *rig) deleter(env redistest.Env, integrations deletion.Integrations) *deletion.Deleter {
	return deletion.New(env.Client, r.store, integrations, r.log, &deletion.Options{Now: func() time.Time { return r.now },
		Forget: []func(context.Context, string) error{func(_ context.Context, tenant string) error {
			r.forgotten = append(r.forgotten, tenant)
			return nil
		}}})
}

// Delete implements deletion.Integrations.
func (r *rig) Delete(ctx context.Context, in tenants.Integration, keep bool, progress func(int64)) error {
	if r.fail != nil {
		if err := r.fail(in, keep); err != nil {
			return err
		}
	}
	progress(5)
	progress(10)
	r.deleted = append(r.deleted, in.Name)
	return r.store.Tenant(in.Tenant).Delete(ctx, in.ID, in.Version)
}

func (r *rig) tenant(id string, names ...string) tenants.Tenant {
	r.t.Helper()
	tenant, err := r.store.CreateTenant(r.t.Context(), id)
	require.NoError(r.t, err)
	for _, name := range names {
		_, err := r.create(id, name)
		require.NoError(r.t, err)
	}
	return tenant
}

func (r *rig) create(id, name string) (tenants.Integration, error) {
	return r.store.Tenant(id).Create(r.t.Context(), tenants.Integration{ID: tenants.NewID(), Name: name})
}

func (r *rig) begin(tenant tenants.Tenant, at bool) {
	r.t.Helper()
	_, err := r.d.Begin(r.t.Context(), tenant, deletion.Job{AtProductboard: at, Subject: "jane", Token: "jti"})
	require.NoError(r.t, err)
}

func (r *rig) look() deletion.Job {
	r.t.Helper()
	require.NoError(r.t, r.d.Look(r.t.Context()))
	return r.job()
}

func (r *rig) job() deletion.Job {
	r.t.Helper()
	j, err := r.d.Get(r.t.Context(), "acme")
	require.NoError(r.t, err)
	return j
}

func TestATenantIsDeleted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		acme, _ := r.tenant("acme", "a", "b"), r.tenant("other", "a")
		require.NoError(t, r.log.Add(t.Context(), audit.Entry{}, "acme", "other"))
		_, err := r.d.Get(t.Context(), "acme")
		require.ErrorIs(t, err, fault.NotFound)

		r.begin(acme, true)
		got, err := r.store.Tenant("acme").Get(t.Context())
		require.NoError(t, err)
		require.True(t, got.Halted(), "at once")
		_, err = r.create("acme", "c")
		require.ErrorIs(t, err, fault.NotFound, "nothing new")

		j := r.look()
		require.True(t, j.Done())
		require.Equal(t, 2, j.Integrations)
		require.Zero(t, j.Left)
		require.EqualValues(t, 20, j.Connections)
		require.Equal(t, []string{"a", "b"}, r.deleted)
		require.Equal(t, []string{"acme"}, r.forgotten)
		require.Empty(t, env.Keys(t, "*{t:acme}*"), "nothing of it is left")
		require.Zero(t, env.Client.Exists(t.Context(), "pb:deletions").Val())
		require.Len(t, env.Keys(t, "*{t:other}*:audit"), 1)
		entries, _, err := r.log.List(t.Context(), audit.Deployment, audit.Query{Limit: 5})
		require.NoError(t, err)
		require.Equal(t, "tenantDeleted", entries[0].Operation)
		require.Equal(t, "jane", entries[0].Subject)
	})
}

// Whatever a process was at when it died, another goes on.
func TestACrashLosesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.begin(r.tenant("acme", "a", "b", "c"), false)
		ctx, crash := context.WithCancel(t.Context())
		r.fail = func(in tenants.Integration, keep bool) error {
			require.True(t, keep)
			if in.Name == "b" {
				crash()
			}
			return ctx.Err()
		}
		require.Error(t, r.d.Look(ctx))
		require.False(t, r.job().Done())
		require.Empty(t, r.job().Problem, "a shutdown is nobody's failure")
		r.fail = nil
		r.now = r.now.Add(2 * time.Second)
		j := r.look()
		require.True(t, j.Done())
		require.Equal(t, 3, j.Integrations)
		require.Equal(t, []string{"a", "b", "c"}, r.deleted)
	})
}

// A process that has a job keeps it from others until it falls silent.
func TestAJobIsOneProcess(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.begin(r.tenant("acme", "a"), false)
		other := r.deleter(env, nil) // it would panic
		r.fail = func(tenants.Integration, bool) error {
			require.NoError(t, other.Look(t.Context()))
			require.Empty(t, r.job().Problem)
			r.now = r.now.Add(2 * time.Minute)
			require.NoError(t, other.Look(t.Context()))
			require.NotEmpty(t, r.job().Problem, "after a silence it tries, and its panic is noted")
			return nil
		}
		require.True(t, r.look().Done())
	})
}

// A failure is reported and tried again, and there is a way out.
func TestAFailureIsReported(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		acme := r.tenant("acme", "a")
		r.begin(acme, true)
		r.fail = func(_ tenants.Integration, keep bool) error {
			if keep {
				return nil
			}
			return &fault.Error{Kind: fault.Unauthorized, Side: fault.SideProductboard, Public: "The token is not accepted."}
		}
		j := r.look()
		require.False(t, j.Done())
		require.Equal(t, "Productboard: The token is not accepted.", j.Problem)
		require.Equal(t, 1, j.Left)
		require.Equal(t, 1, r.look().Failures, "not again at once")
		r.now = r.now.Add(time.Minute)
		require.Equal(t, 2, r.look().Failures)
		r.begin(acme, false)
		require.True(t, r.look().Done())
	})
}

// A tenant that took the id of one that is gone is not touched.
func TestALaterTenantIsAnother(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		r.begin(r.tenant("acme"), false)
		require.NoError(t, r.store.Tenant("acme").DeleteTenant(t.Context()), "as if the process had died right after")
		r.tenant("acme", "a")
		require.True(t, r.look().Done())
		got, err := r.store.Tenant("acme").Get(t.Context())
		require.NoError(t, err)
		require.False(t, got.Halted())
		_, err = r.store.Tenant("acme").ByName(t.Context(), "a")
		require.NoError(t, err)
		r.begin(got, false)
		require.True(t, r.look().Done(), "and can be deleted itself")
		require.Equal(t, []string{"a"}, r.deleted)
	})
}
