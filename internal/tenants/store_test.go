package tenants_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func keyring(t *testing.T, ids ...string) *secret.Keyring {
	t.Helper()
	var keys []secret.Key
	for _, id := range ids {
		keys = append(keys, secret.Key{ID: id, Bytes: bytes.Repeat([]byte("k"), secret.KeySize)})
	}
	ring, err := secret.NewKeyring(keys)
	require.NoError(t, err)
	return ring
}

func integration(name string) tenants.Integration {
	return tenants.Integration{
		ID: tenants.NewID(), Name: name, Type: "com.example.test", ButtonLabel: "Push",
		ActionAuth: secret.New("Bearer canary-auth"), Productboard: tenants.APIToken(secret.New("canary-token")),
		Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkLeave, Refresh: tenants.RefreshSettings{ResetDeleted: true},
		Target: tenants.TargetConfig{
			Type:        "redmine",
			Settings:    map[string]any{"url": "http://r", "n": 3.0, "on": true, "map": map[string]any{"New": "blue"}, "list": []any{"a"}},
			Credentials: map[string]secret.String{"apiKey": secret.New("canary-key")},
		},
	}
}

func open(t *testing.T, env redistest.Env, names ...string) *tenants.Store {
	t.Helper()
	s := tenants.NewStore(env.Client, keyring(t, "k1"))
	for _, name := range names {
		_, err := s.CreateTenant(t.Context(), name)
		require.NoError(t, err)
	}
	return s
}

func TestStoreKeepsWhatItIsGiven(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		before := time.Now()
		want, err := acme.Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)
		require.Equal(t, int64(1), want.Version)
		require.Equal(t, "acme", want.Tenant)
		require.False(t, want.CreatedAt.Before(before.Add(-time.Second)))

		for name, read := range map[string]func() (tenants.Integration, error){
			"by id alone": func() (tenants.Integration, error) { return s.ByID(t.Context(), want.ID) },
			"by id":       func() (tenants.Integration, error) { return acme.Integration(t.Context(), want.ID) },
			"by name":     func() (tenants.Integration, error) { return acme.ByName(t.Context(), "Engineering") },
		} {
			got, err := read()
			require.NoError(t, err, name)
			require.Equal(t, want, got, name)
		}

		want.ProductboardID, want.CreateBegun, want.Disabled, want.Registered = "pb", time.Unix(1, 0).UTC(), true, "digest"
		want.Productboard.Token = secret.New("canary-token-2")
		updated, err := acme.Update(t.Context(), want)
		require.NoError(t, err)
		require.Equal(t, int64(2), updated.Version)
		got, err := s.ByID(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, updated, got)
		require.Equal(t, "canary-token-2", got.Productboard.Token.Reveal())
	})
}

func TestStoreSealsCredentials(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme", "other")
		in, err := s.Tenant("acme").Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)
		raw := env.Client.HGet(t.Context(), "pb:{t:acme}:integrations", in.ID).Val()
		require.NotEmpty(t, raw)
		require.NotContains(t, raw, "canary")

		t.Run("bound to their tenant", func(t *testing.T) {
			require.NoError(t, env.Client.HSet(t.Context(), "pb:{t:other}:integrations", in.ID, raw).Err())
			_, err := s.Tenant("other").Integration(t.Context(), in.ID)
			require.ErrorIs(t, err, fault.Internal)
			require.NotContains(t, err.Error(), "canary")
		})
		t.Run("bound to their field", func(t *testing.T) {
			auth := between(raw, `"actionAuth":"`, `"`)
			token := between(raw, `"token":"`, `"`)
			require.NoError(t, env.Client.HSet(t.Context(), "pb:{t:acme}:integrations", in.ID, strings.Replace(raw, auth, token, 1)).Err())
			_, err := s.Tenant("acme").Integration(t.Context(), in.ID)
			require.ErrorIs(t, err, fault.Internal)
		})
		t.Run("a lost key is named", func(t *testing.T) {
			require.NoError(t, env.Client.HSet(t.Context(), "pb:{t:acme}:integrations", in.ID, raw).Err())
			_, err := tenants.NewStore(env.Client, keyring(t, "k2")).ByID(t.Context(), in.ID)
			require.ErrorIs(t, err, fault.Internal)
			require.ErrorContains(t, err, `"k1"`)
			require.Contains(t, fault.From(err).Public, "PLUGIN_ENCRYPTION_KEYS")
		})
		t.Run("an older key still opens", func(t *testing.T) {
			got, err := tenants.NewStore(env.Client, keyring(t, "k2", "k1")).ByID(t.Context(), in.ID)
			require.NoError(t, err)
			require.Equal(t, "canary-token", got.Productboard.Token.Reveal())
		})
	})
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	got, _, _ := strings.Cut(rest, to)
	return got
}

func TestStoreSeparatesTenants(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme", "other")
		in, err := s.Tenant("acme").Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)
		other := s.Tenant("other")

		_, err = other.Integration(t.Context(), in.ID)
		require.ErrorIs(t, err, fault.NotFound)
		_, err = other.ByName(t.Context(), in.Name)
		require.ErrorIs(t, err, fault.NotFound)
		_, err = other.Update(t.Context(), in)
		require.ErrorIs(t, err, fault.NotFound)
		require.ErrorIs(t, other.Delete(t.Context(), in.ID, in.Version), fault.NotFound)
		page, next, err := other.Integrations(t.Context(), "", 0)
		require.NoError(t, err)
		require.Empty(t, page)
		require.Empty(t, next)
		_, err = other.Create(t.Context(), integration("Engineering"))
		require.NoError(t, err, "names are unique within a tenant only")

		got, err := s.ByID(t.Context(), in.ID)
		require.NoError(t, err)
		require.Equal(t, in, got)
	})
}

func TestStoreRefusals(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		a, err := acme.Create(t.Context(), integration("A"))
		require.NoError(t, err)
		b, err := acme.Create(t.Context(), integration("B"))
		require.NoError(t, err)

		taken := integration("A")
		_, err = acme.Create(t.Context(), taken)
		require.ErrorIs(t, err, fault.Conflict)
		require.Contains(t, fault.From(err).Public, "name")
		require.Zero(t, env.Client.Exists(t.Context(), "pb:owner:"+taken.ID).Val(), "nothing is left of a refused create")
		_, err = s.Tenant("nobody").Create(t.Context(), integration("A"))
		require.ErrorIs(t, err, fault.NotFound)
		odd := integration("C")
		odd.ID = "short"
		_, err = acme.Create(t.Context(), odd)
		require.ErrorIs(t, err, fault.Internal)
		huge := integration("C")
		huge.Target.Settings["x"] = strings.Repeat("x", tenants.MaxRecord)
		_, err = acme.Create(t.Context(), huge)
		require.ErrorIs(t, err, fault.Invalid)

		b.Name = "A"
		_, err = acme.Update(t.Context(), b)
		require.ErrorIs(t, err, fault.Conflict)
		stale := a
		a.ButtonLabel = "Go"
		a, err = acme.Update(t.Context(), a)
		require.NoError(t, err)
		_, err = acme.Update(t.Context(), stale)
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorIs(t, acme.Delete(t.Context(), a.ID, stale.Version), fault.Conflict)
		require.ErrorIs(t, acme.DeleteTenant(t.Context()), fault.Conflict)

		for _, id := range []string{"", "UPPER", "a b", "a/b", "a}b", strings.Repeat("a", 64), "é"} {
			_, err = s.CreateTenant(t.Context(), id)
			require.ErrorIs(t, err, fault.Invalid, id)
		}
		_, err = s.CreateTenant(t.Context(), "acme")
		require.ErrorIs(t, err, fault.Conflict)
		for _, id := range []string{"", "x", strings.ToUpper(a.ID), tenants.NewID(), a.ID + "a"} {
			_, err = s.ByID(t.Context(), id)
			require.ErrorIs(t, err, fault.NotFound, id)
		}
	})
}

func TestStoreRenamesAndDeletes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		in, err := acme.Create(t.Context(), integration("Old"))
		require.NoError(t, err)
		in.Name = "New"
		in, err = acme.Update(t.Context(), in)
		require.NoError(t, err)
		_, err = acme.ByName(t.Context(), "Old")
		require.ErrorIs(t, err, fault.NotFound)
		_, err = acme.ByName(t.Context(), "New")
		require.NoError(t, err)

		require.NoError(t, acme.Delete(t.Context(), in.ID, in.Version))
		_, err = s.ByID(t.Context(), in.ID)
		require.ErrorIs(t, err, fault.NotFound)
		require.NoError(t, acme.DeleteTenant(t.Context()))
		_, err = acme.Get(t.Context())
		require.ErrorIs(t, err, fault.NotFound)
		require.ErrorIs(t, acme.DeleteTenant(t.Context()), fault.NotFound)
		require.Equal(t, []string{"pb:keys"}, env.Keys(t, "*"), "nothing is left behind but the index of keys")
	})
}

func TestStoreLists(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "a", "b", "c", "d", "e")
		// What a crash between the index and the tenant leaves.
		require.NoError(t, env.Client.ZAdd(t.Context(), "pb:tenants", redis.Z{Member: "bb"}).Err())
		var got []string
		pages := 0
		for after := ""; pages == 0 || after != ""; pages++ {
			page, next, err := s.Tenants(t.Context(), after, 2)
			require.NoError(t, err)
			for _, tenant := range page {
				got = append(got, tenant.ID)
			}
			after = next
		}
		require.Equal(t, []string{"a", "b", "c", "d", "e"}, got)
		require.Equal(t, 4, pages)

		for _, name := range []string{"3", "1", "2"} {
			_, err := s.Tenant("a").Create(t.Context(), integration(name))
			require.NoError(t, err)
		}
		page, next, err := s.Tenant("a").Integrations(t.Context(), "", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"1", "2"}, names(page))
		page, next, err = s.Tenant("a").Integrations(t.Context(), next, 2)
		require.NoError(t, err)
		require.Equal(t, []string{"3"}, names(page))
		require.Empty(t, next)
	})
}

func names(page []tenants.Integration) []string {
	var out []string
	for _, in := range page {
		out = append(out, in.Name)
	}
	return out
}

func TestStoreNamesAreUniqueUnderConcurrency(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		const at = 16
		errs := make([]error, at)
		var wg sync.WaitGroup
		for i := range at {
			wg.Go(func() { _, errs[i] = s.Tenant("acme").Create(t.Context(), integration("same")) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, fault.Conflict)
			}
		}
		require.Equal(t, 1, won)
		keys := env.Keys(t, "pb:owner:*")
		require.Len(t, keys, 1, "the losers left nothing")
	})
}

// A create that ended between its two writes has left an owner and no
// integration.
func TestStoreCrashBetweenIndexAndRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		in := integration("Engineering")
		require.NoError(t, env.Client.Set(t.Context(), "pb:owner:"+in.ID, "acme", 0).Err())
		_, err := s.ByID(t.Context(), in.ID)
		require.ErrorIs(t, err, fault.NotFound)
		_, err = s.Tenant("acme").Create(t.Context(), in)
		require.NoError(t, err)
	})
}

func TestStoreSaysThatRedisIsToBlame(t *testing.T) {
	env := redistest.Mini(t)
	s := open(t, env, "acme")
	in, err := s.Tenant("acme").Create(t.Context(), integration("A"))
	require.NoError(t, err)
	env.Mini.SetError("READONLY You can't write against a read only replica.")
	acme := s.Tenant("acme")
	for name, do := range map[string]func() error{
		"create tenant": func() error { _, err := s.CreateTenant(t.Context(), "b"); return err },
		"tenants":       func() error { _, _, err := s.Tenants(t.Context(), "", 0); return err },
		"by id":         func() error { _, err := s.ByID(t.Context(), in.ID); return err },
		"tenant":        func() error { _, err := acme.Get(t.Context()); return err },
		"integration":   func() error { _, err := acme.Integration(t.Context(), in.ID); return err },
		"by name":       func() error { _, err := acme.ByName(t.Context(), "A"); return err },
		"list":          func() error { _, _, err := acme.Integrations(t.Context(), "", 0); return err },
		"create":        func() error { _, err := acme.Create(t.Context(), integration("B")); return err },
		"update":        func() error { _, err := acme.Update(t.Context(), in); return err },
		"delete":        func() error { return acme.Delete(t.Context(), in.ID, in.Version) },
		"delete tenant": func() error { return acme.DeleteTenant(t.Context()) },
	} {
		err := do()
		require.ErrorIs(t, err, fault.Unavailable, name)
		require.Equal(t, fault.SidePlugin, fault.From(err).Side, name)
		require.Equal(t, "Redis", fault.From(err).Peer, name)
	}
}

func TestNewIDAndAuth(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id, auth := tenants.NewID(), tenants.NewActionAuth().Reveal()
		require.Regexp(t, `^[a-z2-7]{26}$`, id)
		require.Regexp(t, `^Bearer [A-Za-z0-9_-]{43}$`, auth)
		require.False(t, seen[id] || seen[auth])
		seen[id], seen[auth] = true, true
	}
}

func TestAuthenticate(t *testing.T) {
	env := redistest.Mini(t)
	s := open(t, env, "acme")
	in, err := s.Tenant("acme").Create(t.Context(), integration("A"))
	require.NoError(t, err)
	bare := integration("B")
	bare.ActionAuth = secret.String{}
	bare, err = s.Tenant("acme").Create(t.Context(), bare)
	require.NoError(t, err)

	got, err := tenants.Authenticate(t.Context(), s, in.ID, "Bearer canary-auth")
	require.NoError(t, err)
	require.Equal(t, in, got)
	for _, tc := range []struct {
		id, auth string
		kind     fault.Kind
	}{
		{in.ID, "", fault.Unauthorized}, {in.ID, "Bearer canary-auth ", fault.Unauthorized}, {in.ID, "canary-auth", fault.Unauthorized},
		{bare.ID, "", fault.Unauthorized}, {tenants.NewID(), "Bearer canary-auth", fault.NotFound},
	} {
		got, err := tenants.Authenticate(t.Context(), s, tc.id, tc.auth)
		require.ErrorIs(t, err, tc.kind, fmt.Sprint(tc))
		require.Empty(t, got.ID)
		require.NotErrorIs(t, err, fault.Internal)
	}
}
