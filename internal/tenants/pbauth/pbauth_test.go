package pbauth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

const (
	admin  = "admin-7"
	public = "https://plugin.example"
)

// rig is a simulated Productboard with an application, an integration that
// uses it, and our side as two processes see it.
type rig struct {
	t      *testing.T
	env    redistest.Env
	clock  *pbfake.ManualClock
	fake   *pbfake.Fake
	server *httptest.Server
	store  *tenants.Store
	in     tenants.Integration
	auth   [2]*pbauth.Auth
	log    *bytes.Buffer
}

func signingKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func newRig(t *testing.T, env redistest.Env, credential tenants.ProductboardAuth, publicKey string) *rig {
	t.Helper()
	r := &rig{t: t, env: env, clock: pbfake.NewManualClock(time.Now()), log: &bytes.Buffer{}}
	r.fake = pbfake.New(&pbfake.Options{RateLimit: -1, Clock: r.clock, Apps: []pbfake.OAuthApp{{
		ClientID: "app", Secret: "canary-client-secret", RedirectURIs: []string{public + pbauth.CallbackPath},
		Scopes:    []string{"entities:read", "plugin-integrations:read", "plugin-integrations:write", "plugin-integrations:delete"},
		PublicKey: publicKey, Users: []string{"user-1"},
	}}})
	t.Cleanup(r.fake.Close)
	r.server = httptest.NewServer(r.fake)
	t.Cleanup(r.server.Close)
	keys, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	r.store = tenants.NewStore(env.Client, keys)
	_, err = r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	r.in, err = r.store.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", ActionAuth: tenants.NewActionAuth(), Productboard: credential})
	require.NoError(t, err)
	for i := range r.auth {
		out := outbound.New(&outbound.Options{Unguarded: true})
		t.Cleanup(out.Close)
		r.auth[i] = pbauth.New(env.Client, keys, r.store, out, pbauth.Addresses{App: r.server.URL, Public: public}, &pbauth.Options{
			Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: r.clock.Now,
		})
	}
	return r
}

func oauth() tenants.ProductboardAuth {
	return tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "app", ClientSecret: secret.New("canary-client-secret")}
}

// consent is what the admin's browser does: it follows to Productboard and
// returns what comes back.
func (r *rig) consent(authorize string) url.Values {
	r.t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, authorize, nil)
	require.NoError(r.t, err)
	resp, err := browser.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	require.Equal(r.t, http.StatusFound, resp.StatusCode, string(body))
	back, err := resp.Location()
	require.NoError(r.t, err)
	require.Equal(r.t, public+pbauth.CallbackPath, back.Scheme+"://"+back.Host+back.Path)
	return back.Query()
}

func (r *rig) connect() {
	r.t.Helper()
	started, err := r.auth[0].Start(r.t.Context(), r.in, admin)
	require.NoError(r.t, err)
	back := r.consent(started.AuthorizeURL)
	require.Equal(r.t, started.State, back.Get("state"))
	require.NoError(r.t, r.auth[0].Finish(r.t.Context(), "acme", r.in.ID, back.Get("state"), back.Get("code"), admin))
}

// call makes a call to Productboard as a process does.
func (r *rig) call(process int) error {
	out := outbound.New(&outbound.Options{Unguarded: true})
	defer out.Close()
	client, err := pbapi.New(r.server.URL+"/v2", out, pbapi.NoRateLimit())
	if err != nil {
		return err
	}
	for _, err := range client.As(r.auth[process].Source(r.in)).ListIntegrations(r.t.Context()) {
		return err
	}
	return nil
}

func (r *rig) tokenCalls() int { return r.fake.Calls()["token"] }

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, env redistest.Env) { f(newRig(t, env, oauth(), "")) })
}

func TestConnect(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		require.ErrorIs(t, r.call(0), fault.Unauthorized)
		require.Zero(t, r.tokenCalls(), "there is nothing to ask with")
		r.connect()
		require.NoError(t, r.call(0))
		require.NoError(t, r.call(1), "another process finds the session")
		require.Equal(t, 1, r.tokenCalls())
		status, err := r.auth[1].Status(t.Context(), r.in)
		require.NoError(t, err)
		require.True(t, status.Connected)
		require.WithinDuration(t, r.clock.Now().Add(180*24*time.Hour), status.RefreshBy, time.Minute)
	})
}

func TestFinishRefuses(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		start := func() url.Values {
			started, err := r.auth[0].Start(t.Context(), r.in, admin)
			require.NoError(t, err)
			return r.consent(started.AuthorizeURL)
		}
		finish := func(tenant, integration, state, code, subject string) error {
			return r.auth[0].Finish(t.Context(), tenant, integration, state, code, subject)
		}
		for name, f := range map[string]func(b url.Values) error{
			"another admin":       func(b url.Values) error { return finish("acme", r.in.ID, b.Get("state"), b.Get("code"), "admin-8") },
			"another tenant":      func(b url.Values) error { return finish("other", r.in.ID, b.Get("state"), b.Get("code"), admin) },
			"another integration": func(b url.Values) error { return finish("acme", "x", b.Get("state"), b.Get("code"), admin) },
			"unknown state":       func(b url.Values) error { return finish("acme", r.in.ID, "x", b.Get("code"), admin) },
			"unknown code":        func(b url.Values) error { return finish("acme", r.in.ID, b.Get("state"), "x", admin) },
			"another's code":      func(b url.Values) error { return finish("acme", r.in.ID, b.Get("state"), start().Get("code"), admin) },
			"a code too late": func(b url.Values) error {
				r.clock.Advance(2 * time.Minute)
				return finish("acme", r.in.ID, b.Get("state"), b.Get("code"), admin)
			},
			"twice": func(b url.Values) error {
				require.NoError(t, finish("acme", r.in.ID, b.Get("state"), b.Get("code"), admin))
				return finish("acme", r.in.ID, b.Get("state"), b.Get("code"), admin)
			},
		} {
			require.ErrorIs(t, f(start()), fault.Invalid, name)
		}
		r.fake.DenyConsent(true)
		require.Equal(t, "access_denied", start().Get("error"))
	})
}

// However many need a token at once in however many processes, one asks.
func TestOneRefreshAtATime(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		together := func() {
			var group sync.WaitGroup
			for i := range 16 {
				group.Go(func() {
					if err := r.call(i % 2); err != nil {
						t.Errorf("call: %v", err)
					}
				})
			}
			group.Wait()
		}
		r.clock.Advance(56 * time.Minute) // of 60: ahead of the end
		together()
		require.Equal(t, pbfake.OAuthStats{Refreshes: 1, Sessions: 1}, r.fake.OAuthStats())
		r.fake.ExpireAccess() // before its time: found out by a 401
		together()
		require.Equal(t, pbfake.OAuthStats{Refreshes: 2, Sessions: 1}, r.fake.OAuthStats())
	})
}

// The reply with the new pair is lost: the former refresh token is used again.
func TestGraceAfterALostReply(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		_, err := r.fake.SetFault(pbfake.Fault{Class: pbfake.ClassOAuth, Kind: pbfake.FaultDropAfter, Count: 1})
		require.NoError(t, err)
		r.fake.ExpireAccess()
		require.ErrorIs(t, r.call(0), fault.Unavailable)
		require.NoError(t, r.call(1))
		require.Equal(t, pbfake.OAuthStats{Refreshes: 2, GraceUses: 1, Sessions: 1}, r.fake.OAuthStats())
	})
}

// While there is time a refresh that fails stops nobody.
func TestRefreshAheadMayFail(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		_, err := r.fake.SetFault(pbfake.Fault{ID: "f", Class: pbfake.ClassOAuth, Kind: pbfake.FaultStatus, Status: 503})
		require.NoError(t, err)
		r.clock.Advance(56 * time.Minute)
		require.NoError(t, r.call(0))
		r.clock.Advance(5 * time.Minute)
		require.ErrorIs(t, r.call(0), fault.Unavailable)
		r.fake.ClearFaults()
		require.NoError(t, r.call(0))
	})
}

func TestARevokedSessionIsNotAskedForAgain(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		r.fake.RevokeSessions("app")
		require.ErrorIs(t, r.call(0), fault.Unauthorized)
		before := r.tokenCalls()
		require.ErrorIs(t, r.call(1), fault.Unauthorized)
		require.Equal(t, before, r.tokenCalls())
		status, err := r.auth[1].Status(t.Context(), r.in)
		require.NoError(t, err)
		require.False(t, status.Connected)
		require.Contains(t, status.Ended, "An admin must connect")

		set, err := r.store.NeedReconnect(t.Context(), r.in, fault.SideProductboard, status.Ended)
		require.NoError(t, err)
		require.True(t, set)
		r.connect()
		require.NoError(t, r.call(0))
		require.NoError(t, r.call(1))
		in, err := r.store.ByID(t.Context(), r.in.ID)
		require.NoError(t, err)
		require.Nil(t, in.Reconnect, "connecting clears the mark")
	})
}

func TestTheClientsSecretMayBeReplaced(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		r.in.Productboard.ClientSecret = secret.New("canary-wrong")
		r.fake.ExpireAccess()
		require.ErrorIs(t, r.call(0), fault.Unauthorized)
		r.in.Productboard.ClientSecret = secret.New("canary-client-secret")
		require.NoError(t, r.call(0), "the session was not ended by it")
		r.in.Productboard.ClientID = "another"
		require.ErrorIs(t, r.call(0), fault.Unauthorized, "another application has no session")
	})
}

func TestRevoke(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		r.connect()
		r.connect() // the former session is revoked
		require.Equal(t, pbfake.OAuthStats{Sessions: 1, Revoked: 1}, r.fake.OAuthStats())
		require.NoError(t, r.auth[0].Revoke(t.Context(), r.in))
		require.Equal(t, pbfake.OAuthStats{Revoked: 2}, r.fake.OAuthStats())
		require.ErrorIs(t, r.call(0), fault.Unauthorized)
		keys, err := r.env.Client.Keys(t.Context(), "pb:*oauth*").Result()
		require.NoError(t, err)
		require.Empty(t, keys)
	})
}

// Whatever rests is kept alive, and what was cut short is finished.
func TestTend(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		none := func(tenants.Integration, error) { t.Error("nothing is dead") }
		r.connect()
		require.NoError(t, r.auth[1].Tend(t.Context(), none))
		require.Zero(t, r.fake.OAuthStats().Refreshes, "it is not time")
		for range 3 {
			r.clock.Advance(91 * 24 * time.Hour)
			require.NoError(t, r.auth[1].Tend(t.Context(), none))
		}
		require.Equal(t, pbfake.OAuthStats{Refreshes: 3, Sessions: 1}, r.fake.OAuthStats())
		require.NoError(t, r.call(0), "after nine months")

		_, err := r.fake.SetFault(pbfake.Fault{Class: pbfake.ClassOAuth, Kind: pbfake.FaultDropAfter, Count: 1})
		require.NoError(t, err)
		r.fake.ExpireAccess()
		require.Error(t, r.call(0))
		r.clock.Advance(5 * time.Minute)
		require.NoError(t, r.auth[1].Tend(t.Context(), none))
		r.clock.Advance(2 * time.Hour) // nobody used it within the grace
		require.NoError(t, r.call(0))
		require.Zero(t, r.fake.OAuthStats().Reuses)

		r.fake.RevokeSessions("app")
		r.clock.Advance(91 * 24 * time.Hour)
		dead := 0
		require.NoError(t, r.auth[0].Tend(t.Context(), func(tenants.Integration, error) { dead++ }))
		require.NoError(t, r.auth[0].Tend(t.Context(), func(tenants.Integration, error) { dead++ }))
		require.Equal(t, 1, dead)
	})
}

func TestAssertions(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		private, publicKey := signingKey(t)
		r := newRig(t, env, tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "app", Subject: "user-1", PrivateKey: secret.New(private), KeyID: "k"}, publicKey)
		for range 3 {
			require.NoError(t, r.call(0))
			require.NoError(t, r.call(1))
		}
		require.Equal(t, 1, r.tokenCalls(), "one token for all processes")
		r.clock.Advance(241 * time.Second) // of 300
		require.NoError(t, r.call(0))
		require.NoError(t, r.call(1))
		require.Equal(t, 2, r.tokenCalls())
		r.fake.ExpireAccess()
		require.NoError(t, r.call(0))
		require.Equal(t, 3, r.fake.OAuthStats().Assertions)

		other, _ := signingKey(t)
		for name, change := range map[string]func(*tenants.ProductboardAuth){
			"another key":      func(a *tenants.ProductboardAuth) { a.PrivateKey = secret.New(other) },
			"another user":     func(a *tenants.ProductboardAuth) { a.Subject = "user-2" },
			"another issuer":   func(a *tenants.ProductboardAuth) { a.ClientID = "other" },
			"no key at all":    func(a *tenants.ProductboardAuth) { a.PrivateKey = secret.New("canary-key") },
			"a scope too many": func(a *tenants.ProductboardAuth) { a.Scope = "notes:read" },
		} {
			before := r.in.Productboard
			change(&r.in.Productboard)
			err := r.call(0)
			require.ErrorIs(t, err, fault.Unauthorized, name)
			require.NotContains(t, err.Error(), "canary")
			r.in.Productboard = before
		}
		require.NoError(t, r.call(0))
	})
}

// Without Redis a token that is known serves while it works.
func TestWithoutRedis(t *testing.T) {
	r := newRig(t, redistest.Mini(t), oauth(), "")
	r.connect()
	require.NoError(t, r.call(0))
	r.env.Mini.SetError("LOADING Redis is loading")
	r.clock.Advance(56 * time.Minute)
	require.NoError(t, r.call(0))
	r.clock.Advance(5 * time.Minute)
	err := r.call(0)
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, fault.SidePlugin, fault.From(err).Side)
	require.Equal(t, "Redis", fault.From(err).Peer)
	r.env.Mini.SetError("")
	require.NoError(t, r.call(0))
}

// No token, verifier, code or client secret stands anywhere in the open.
func TestNothingIsInTheOpen(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		started, err := r.auth[0].Start(t.Context(), r.in, admin)
		require.NoError(t, err)
		back := r.consent(started.AuthorizeURL)
		require.NoError(t, r.auth[0].Finish(t.Context(), "acme", r.in.ID, back.Get("state"), back.Get("code"), admin))
		token, err := r.auth[0].Source(r.in).Token(t.Context())
		require.NoError(t, err)
		_, err = r.auth[0].Start(t.Context(), r.in, admin)
		require.NoError(t, err)
		r.fake.RevokeSessions("app")
		_ = r.call(0)
		all := r.log.String() + dump(t.Context(), t, r.env.Client)
		require.Contains(t, all, r.in.ID)
		for _, open := range []string{token.Reveal(), back.Get("state"), back.Get("code"), "canary"} {
			require.NotContains(t, all, open)
		}
	})
}

func dump(ctx context.Context, t *testing.T, rdb redis.UniversalClient) string {
	t.Helper()
	keys, err := rdb.Keys(ctx, "*").Result()
	require.NoError(t, err)
	all := ""
	for _, key := range keys {
		raw, err := rdb.Dump(ctx, key).Result()
		if err != nil || raw == "" {
			continue
		}
		all += key + raw
		for _, v := range rdb.HGetAll(ctx, key).Val() {
			all += v
		}
		all += rdb.Get(ctx, key).Val()
	}
	return all
}

// Sign-ins that are begun and never finished take no more than their share.
func TestSignInsAreBounded(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		begin := func(integration string) string {
			in := r.in
			in.ID = integration
			started, err := r.auth[0].Start(t.Context(), in, admin)
			require.NoError(t, err)
			return started.State
		}
		states := func() int { return len(r.env.Keys(t, "pb:oauth:state:*")) }
		for range 30 {
			begin(r.in.ID)
		}
		require.Equal(t, 10, states(), "of one integration")
		for i := range 300 {
			begin(fmt.Sprint("other", i))
		}
		require.Equal(t, 100, states(), "of a tenant")
		started, err := r.auth[0].Start(t.Context(), r.in, admin)
		require.NoError(t, err)
		back := r.consent(started.AuthorizeURL)
		require.NoError(t, r.auth[0].Finish(t.Context(), "acme", r.in.ID, back.Get("state"), back.Get("code"), admin), "the latest can be finished")
	})
}
