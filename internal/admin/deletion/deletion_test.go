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

// world is a deleter over a Redis, whose clock the test moves.
type world struct {
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

func newWorld(t *testing.T, env redistest.Env) *world {
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	w := &world{t: t, store: tenants.NewStore(env.Client, ring), log: audit.New(env.Client), now: time.Now()}
	w.d = w.deleter(env, w)
	return w
}

func (w *world) deleter(env redistest.Env, integrations deletion.Integrations) *deletion.Deleter {
	return deletion.New(env.Client, w.store, integrations, w.log, &deletion.Options{Now: func() time.Time { return w.now },
		Forget: []func(context.Context, string) error{func(_ context.Context, tenant string) error {
			w.forgotten = append(w.forgotten, tenant)
			return nil
		}}})
}

// Delete implements deletion.Integrations.
func (w *world) Delete(ctx context.Context, in tenants.Integration, keep bool, progress func(int64)) error {
	if w.fail != nil {
		if err := w.fail(in, keep); err != nil {
			return err
		}
	}
	progress(5)
	progress(10)
	w.deleted = append(w.deleted, in.Name)
	return w.store.Tenant(in.Tenant).Delete(ctx, in.ID, in.Version)
}

func (w *world) tenant(id string, names ...string) tenants.Tenant {
	w.t.Helper()
	tenant, err := w.store.CreateTenant(w.t.Context(), id)
	require.NoError(w.t, err)
	for _, name := range names {
		_, err := w.create(id, name)
		require.NoError(w.t, err)
	}
	return tenant
}

func (w *world) create(id, name string) (tenants.Integration, error) {
	return w.store.Tenant(id).Create(w.t.Context(), tenants.Integration{ID: tenants.NewID(), Name: name})
}

func (w *world) begin(tenant tenants.Tenant, at bool) {
	w.t.Helper()
	_, err := w.d.Begin(w.t.Context(), tenant, deletion.Job{AtProductboard: at, Subject: "jane", Token: "jti"})
	require.NoError(w.t, err)
}

func (w *world) look() deletion.Job {
	w.t.Helper()
	require.NoError(w.t, w.d.Look(w.t.Context()))
	return w.job()
}

func (w *world) job() deletion.Job {
	w.t.Helper()
	j, err := w.d.Get(w.t.Context(), "acme")
	require.NoError(w.t, err)
	return j
}

func TestATenantIsDeleted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env)
		acme, _ := w.tenant("acme", "a", "b"), w.tenant("other", "a")
		require.NoError(t, w.log.Add(t.Context(), audit.Entry{}, "acme", "other"))
		_, err := w.d.Get(t.Context(), "acme")
		require.ErrorIs(t, err, fault.NotFound)

		w.begin(acme, true)
		got, err := w.store.Tenant("acme").Get(t.Context())
		require.NoError(t, err)
		require.True(t, got.Halted(), "at once")
		_, err = w.create("acme", "c")
		require.ErrorIs(t, err, fault.NotFound, "nothing new")

		j := w.look()
		require.True(t, j.Done())
		require.Equal(t, 2, j.Integrations)
		require.Zero(t, j.Left)
		require.EqualValues(t, 20, j.Connections)
		require.Equal(t, []string{"a", "b"}, w.deleted)
		require.Equal(t, []string{"acme"}, w.forgotten)
		require.Empty(t, env.Keys(t, "*{t:acme}*"), "nothing of it is left")
		require.Zero(t, env.Client.Exists(t.Context(), "pb:deletions").Val())
		require.Equal(t, 1, len(env.Keys(t, "*{t:other}*:audit")))
		entries, _, err := w.log.List(t.Context(), audit.Deployment, audit.Query{Limit: 5})
		require.NoError(t, err)
		require.Equal(t, "tenantDeleted", entries[0].Operation)
		require.Equal(t, "jane", entries[0].Subject)
	})
}

// Whatever a process was at when it died, another goes on.
func TestACrashLosesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env)
		w.begin(w.tenant("acme", "a", "b", "c"), false)
		ctx, crash := context.WithCancel(t.Context())
		w.fail = func(in tenants.Integration, keep bool) error {
			require.True(t, keep)
			if in.Name == "b" {
				crash()
			}
			return ctx.Err()
		}
		require.Error(t, w.d.Look(ctx))
		require.False(t, w.job().Done())
		require.Empty(t, w.job().Problem, "a shutdown is nobody's failure")
		w.fail = nil
		w.now = w.now.Add(2 * time.Second)
		j := w.look()
		require.True(t, j.Done())
		require.Equal(t, 3, j.Integrations)
		require.Equal(t, []string{"a", "b", "c"}, w.deleted)
	})
}

// A process that has a job keeps it from others until it falls silent.
func TestAJobIsOneProcess(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env)
		w.begin(w.tenant("acme", "a"), false)
		other := w.deleter(env, nil) // it would panic
		w.fail = func(tenants.Integration, bool) error {
			require.NoError(t, other.Look(t.Context()))
			require.Empty(t, w.job().Problem)
			w.now = w.now.Add(2 * time.Minute)
			require.NoError(t, other.Look(t.Context()))
			require.NotEmpty(t, w.job().Problem, "after a silence it tries, and its panic is noted")
			return nil
		}
		require.True(t, w.look().Done())
	})
}

// A failure is reported and tried again, and there is a way out.
func TestAFailureIsReported(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env)
		acme := w.tenant("acme", "a")
		w.begin(acme, true)
		w.fail = func(_ tenants.Integration, keep bool) error {
			if keep {
				return nil
			}
			return &fault.Error{Kind: fault.Unauthorized, Side: fault.SideProductboard, Public: "The token is not accepted."}
		}
		j := w.look()
		require.False(t, j.Done())
		require.Equal(t, "Productboard: The token is not accepted.", j.Problem)
		require.Equal(t, 1, j.Left)
		require.Equal(t, 1, w.look().Failures, "not again at once")
		w.now = w.now.Add(time.Minute)
		require.Equal(t, 2, w.look().Failures)
		w.begin(acme, false)
		require.True(t, w.look().Done())
	})
}

// A tenant that took the id of one that is gone is not touched.
func TestALaterTenantIsAnother(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		w := newWorld(t, env)
		w.begin(w.tenant("acme"), false)
		require.NoError(t, w.store.Tenant("acme").DeleteTenant(t.Context()), "as if the process had died right after")
		w.tenant("acme", "a")
		require.True(t, w.look().Done())
		got, err := w.store.Tenant("acme").Get(t.Context())
		require.NoError(t, err)
		require.False(t, got.Halted())
		_, err = w.store.Tenant("acme").ByName(t.Context(), "a")
		require.NoError(t, err)
		w.begin(got, false)
		require.True(t, w.look().Done(), "and can be deleted itself")
		require.Equal(t, []string{"a"}, w.deleted)
	})
}
