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

// world is a simulated Productboard with an application, an integration that
// uses it, and our side as two processes see it.
type world struct {
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

func newWorld(t *testing.T, env redistest.Env, credential tenants.ProductboardAuth, publicKey string) *world {
	w := &world{t: t, env: env, clock: pbfake.NewManualClock(time.Now()), log: &bytes.Buffer{}}
	w.fake = pbfake.New(&pbfake.Options{RateLimit: -1, Clock: w.clock, Apps: []pbfake.OAuthApp{{
		ClientID: "app", Secret: "canary-client-secret", RedirectURIs: []string{public + pbauth.CallbackPath},
		Scopes:    []string{"entities:read", "plugin-integrations:read", "plugin-integrations:write", "plugin-integrations:delete"},
		PublicKey: publicKey, Users: []string{"user-1"},
	}}})
	t.Cleanup(w.fake.Close)
	w.server = httptest.NewServer(w.fake)
	t.Cleanup(w.server.Close)
	keys, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	w.store = tenants.NewStore(env.Client, keys)
	_, err = w.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	w.in, err = w.store.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", ActionAuth: tenants.NewActionAuth(), Productboard: credential})
	require.NoError(t, err)
	for i := range w.auth {
		out := outbound.New(outbound.Options{Unguarded: true})
		t.Cleanup(out.Close)
		w.auth[i] = pbauth.New(env.Client, keys, w.store, out, pbauth.Addresses{App: w.server.URL, Public: public}, &pbauth.Options{
			Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.clock.Now,
		})
	}
	return w
}

func oauth() tenants.ProductboardAuth {
	return tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "app", ClientSecret: secret.New("canary-client-secret")}
}

// consent is what the admin's browser does: it follows to Productboard and
// gives what comes back.
func (w *world) consent(authorize string) url.Values {
	w.t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, authorize, nil)
	require.NoError(w.t, err)
	resp, err := browser.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	require.Equal(w.t, http.StatusFound, resp.StatusCode, string(body))
	back, err := resp.Location()
	require.NoError(w.t, err)
	require.Equal(w.t, public+pbauth.CallbackPath, back.Scheme+"://"+back.Host+back.Path)
	return back.Query()
}

func (w *world) connect() {
	w.t.Helper()
	started, err := w.auth[0].Start(w.t.Context(), w.in, admin)
	require.NoError(w.t, err)
	back := w.consent(started.AuthorizeURL)
	require.Equal(w.t, started.State, back.Get("state"))
	require.NoError(w.t, w.auth[0].Finish(w.t.Context(), "acme", w.in.ID, back.Get("state"), back.Get("code"), admin))
}

// call makes a call to Productboard as a process does.
func (w *world) call(process int) error {
	out := outbound.New(outbound.Options{Unguarded: true})
	defer out.Close()
	client, err := pbapi.New(w.server.URL+"/v2", out, pbapi.NoRateLimit())
	require.NoError(w.t, err)
	for _, err := range client.As(w.auth[process].Source(w.in)).ListIntegrations(w.t.Context()) {
		return err
	}
	return nil
}

func (w *world) tokenCalls() int { return w.fake.Calls()["token"] }

func each(t *testing.T, f func(w *world)) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) { f(newWorld(t, env, oauth(), "")) })
}

func TestConnect(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		require.ErrorIs(t, w.call(0), fault.Unauthorized)
		require.Zero(t, w.tokenCalls(), "there is nothing to ask with")
		w.connect()
		require.NoError(t, w.call(0))
		require.NoError(t, w.call(1), "another process finds the session")
		require.Equal(t, 1, w.tokenCalls())
		status, err := w.auth[1].Status(t.Context(), w.in)
		require.NoError(t, err)
		require.True(t, status.Connected)
		require.WithinDuration(t, w.clock.Now().Add(180*24*time.Hour), status.RefreshBy, time.Minute)
	})
}

func TestFinishRefuses(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		start := func() url.Values {
			started, err := w.auth[0].Start(t.Context(), w.in, admin)
			require.NoError(t, err)
			return w.consent(started.AuthorizeURL)
		}
		finish := func(tenant, integration, state, code, subject string) error {
			return w.auth[0].Finish(t.Context(), tenant, integration, state, code, subject)
		}
		for name, f := range map[string]func(b url.Values) error{
			"another admin":       func(b url.Values) error { return finish("acme", w.in.ID, b.Get("state"), b.Get("code"), "admin-8") },
			"another tenant":      func(b url.Values) error { return finish("other", w.in.ID, b.Get("state"), b.Get("code"), admin) },
			"another integration": func(b url.Values) error { return finish("acme", "x", b.Get("state"), b.Get("code"), admin) },
			"unknown state":       func(b url.Values) error { return finish("acme", w.in.ID, "x", b.Get("code"), admin) },
			"unknown code":        func(b url.Values) error { return finish("acme", w.in.ID, b.Get("state"), "x", admin) },
			"another's code":      func(b url.Values) error { return finish("acme", w.in.ID, b.Get("state"), start().Get("code"), admin) },
			"a code too late": func(b url.Values) error {
				w.clock.Advance(2 * time.Minute)
				return finish("acme", w.in.ID, b.Get("state"), b.Get("code"), admin)
			},
			"twice": func(b url.Values) error {
				require.NoError(t, finish("acme", w.in.ID, b.Get("state"), b.Get("code"), admin))
				return finish("acme", w.in.ID, b.Get("state"), b.Get("code"), admin)
			},
		} {
			require.ErrorIs(t, f(start()), fault.Invalid, name)
		}
		w.fake.DenyConsent(true)
		require.Equal(t, "access_denied", start().Get("error"))
	})
}

// However many need a token at once in however many processes, one asks.
func TestOneRefreshAtATime(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		together := func() {
			var group sync.WaitGroup
			for i := range 16 {
				group.Go(func() {
					if err := w.call(i % 2); err != nil {
						t.Errorf("call: %v", err)
					}
				})
			}
			group.Wait()
		}
		w.clock.Advance(56 * time.Minute) // of 60: ahead of the end
		together()
		require.Equal(t, pbfake.OAuthStats{Refreshes: 1, Sessions: 1}, w.fake.OAuthStats())
		w.fake.ExpireAccess() // before its time: found out by a 401
		together()
		require.Equal(t, pbfake.OAuthStats{Refreshes: 2, Sessions: 1}, w.fake.OAuthStats())
	})
}

// The reply with the new pair is lost: the former refresh token is used again.
func TestGraceAfterALostReply(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		_, err := w.fake.SetFault(pbfake.Fault{Class: pbfake.ClassOAuth, Kind: pbfake.FaultDropAfter, Count: 1})
		require.NoError(t, err)
		w.fake.ExpireAccess()
		require.ErrorIs(t, w.call(0), fault.Unavailable)
		require.NoError(t, w.call(1))
		require.Equal(t, pbfake.OAuthStats{Refreshes: 2, GraceUses: 1, Sessions: 1}, w.fake.OAuthStats())
	})
}

// While there is time a refresh that fails stops nobody.
func TestRefreshAheadMayFail(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		_, err := w.fake.SetFault(pbfake.Fault{ID: "f", Class: pbfake.ClassOAuth, Kind: pbfake.FaultStatus, Status: 503})
		require.NoError(t, err)
		w.clock.Advance(56 * time.Minute)
		require.NoError(t, w.call(0))
		w.clock.Advance(5 * time.Minute)
		require.ErrorIs(t, w.call(0), fault.Unavailable)
		w.fake.ClearFaults()
		require.NoError(t, w.call(0))
	})
}

func TestARevokedSessionIsNotAskedForAgain(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		w.fake.RevokeSessions("app")
		require.ErrorIs(t, w.call(0), fault.Unauthorized)
		before := w.tokenCalls()
		require.ErrorIs(t, w.call(1), fault.Unauthorized)
		require.Equal(t, before, w.tokenCalls())
		status, err := w.auth[1].Status(t.Context(), w.in)
		require.NoError(t, err)
		require.False(t, status.Connected)
		require.Contains(t, status.Ended, "An admin must connect")

		set, err := w.store.NeedReconnect(t.Context(), w.in, fault.SideProductboard, status.Ended)
		require.NoError(t, err)
		require.True(t, set)
		w.connect()
		require.NoError(t, w.call(0))
		require.NoError(t, w.call(1))
		in, err := w.store.ByID(t.Context(), w.in.ID)
		require.NoError(t, err)
		require.Nil(t, in.Reconnect, "connecting clears the mark")
	})
}

func TestTheClientsSecretMayBeReplaced(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		w.in.Productboard.ClientSecret = secret.New("canary-wrong")
		w.fake.ExpireAccess()
		require.ErrorIs(t, w.call(0), fault.Unauthorized)
		w.in.Productboard.ClientSecret = secret.New("canary-client-secret")
		require.NoError(t, w.call(0), "the session was not ended by it")
		w.in.Productboard.ClientID = "another"
		require.ErrorIs(t, w.call(0), fault.Unauthorized, "another application has no session")
	})
}

func TestRevoke(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		w.connect()
		w.connect() // the former session is revoked
		require.Equal(t, pbfake.OAuthStats{Sessions: 1, Revoked: 1}, w.fake.OAuthStats())
		require.NoError(t, w.auth[0].Revoke(t.Context(), w.in))
		require.Equal(t, pbfake.OAuthStats{Revoked: 2}, w.fake.OAuthStats())
		require.ErrorIs(t, w.call(0), fault.Unauthorized)
		keys, err := w.env.Client.Keys(t.Context(), "pb:*oauth*").Result()
		require.NoError(t, err)
		require.Empty(t, keys)
	})
}

// Whatever rests is kept alive, and what was cut short is finished.
func TestTend(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		none := func(tenants.Integration, error) { t.Error("nothing is dead") }
		w.connect()
		require.NoError(t, w.auth[1].Tend(t.Context(), none))
		require.Zero(t, w.fake.OAuthStats().Refreshes, "it is not time")
		for range 3 {
			w.clock.Advance(91 * 24 * time.Hour)
			require.NoError(t, w.auth[1].Tend(t.Context(), none))
		}
		require.Equal(t, pbfake.OAuthStats{Refreshes: 3, Sessions: 1}, w.fake.OAuthStats())
		require.NoError(t, w.call(0), "after nine months")

		_, err := w.fake.SetFault(pbfake.Fault{Class: pbfake.ClassOAuth, Kind: pbfake.FaultDropAfter, Count: 1})
		require.NoError(t, err)
		w.fake.ExpireAccess()
		require.Error(t, w.call(0))
		w.clock.Advance(5 * time.Minute)
		require.NoError(t, w.auth[1].Tend(t.Context(), none))
		w.clock.Advance(2 * time.Hour) // nobody used it within the grace
		require.NoError(t, w.call(0))
		require.Zero(t, w.fake.OAuthStats().Reuses)

		w.fake.RevokeSessions("app")
		w.clock.Advance(91 * 24 * time.Hour)
		dead := 0
		require.NoError(t, w.auth[0].Tend(t.Context(), func(tenants.Integration, error) { dead++ }))
		require.NoError(t, w.auth[0].Tend(t.Context(), func(tenants.Integration, error) { dead++ }))
		require.Equal(t, 1, dead)
	})
}

func TestAssertions(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		private, publicKey := signingKey(t)
		w := newWorld(t, env, tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "app", Subject: "user-1", PrivateKey: secret.New(private), KeyID: "k"}, publicKey)
		for range 3 {
			require.NoError(t, w.call(0))
			require.NoError(t, w.call(1))
		}
		require.Equal(t, 1, w.tokenCalls(), "one token for all processes")
		w.clock.Advance(241 * time.Second) // of 300
		require.NoError(t, w.call(0))
		require.NoError(t, w.call(1))
		require.Equal(t, 2, w.tokenCalls())
		w.fake.ExpireAccess()
		require.NoError(t, w.call(0))
		require.Equal(t, 3, w.fake.OAuthStats().Assertions)

		other, _ := signingKey(t)
		for name, change := range map[string]func(*tenants.ProductboardAuth){
			"another key":      func(a *tenants.ProductboardAuth) { a.PrivateKey = secret.New(other) },
			"another user":     func(a *tenants.ProductboardAuth) { a.Subject = "user-2" },
			"another issuer":   func(a *tenants.ProductboardAuth) { a.ClientID = "other" },
			"no key at all":    func(a *tenants.ProductboardAuth) { a.PrivateKey = secret.New("canary-key") },
			"a scope too many": func(a *tenants.ProductboardAuth) { a.Scope = "notes:read" },
		} {
			before := w.in.Productboard
			change(&w.in.Productboard)
			err := w.call(0)
			require.ErrorIs(t, err, fault.Unauthorized, name)
			require.NotContains(t, err.Error(), "canary")
			w.in.Productboard = before
		}
		require.NoError(t, w.call(0))
	})
}

// Without Redis a token that is known serves while it works.
func TestWithoutRedis(t *testing.T) {
	w := newWorld(t, redistest.Mini(t), oauth(), "")
	w.connect()
	require.NoError(t, w.call(0))
	w.env.Mini.SetError("LOADING Redis is loading")
	w.clock.Advance(56 * time.Minute)
	require.NoError(t, w.call(0))
	w.clock.Advance(5 * time.Minute)
	err := w.call(0)
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, fault.SidePlugin, fault.From(err).Side)
	require.Equal(t, "Redis", fault.From(err).Peer)
	w.env.Mini.SetError("")
	require.NoError(t, w.call(0))
}

// No token, verifier, code or client secret stands anywhere in the open.
func TestNothingIsInTheOpen(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		started, err := w.auth[0].Start(t.Context(), w.in, admin)
		require.NoError(t, err)
		back := w.consent(started.AuthorizeURL)
		require.NoError(t, w.auth[0].Finish(t.Context(), "acme", w.in.ID, back.Get("state"), back.Get("code"), admin))
		token, err := w.auth[0].Source(w.in).Token(t.Context())
		require.NoError(t, err)
		_, err = w.auth[0].Start(t.Context(), w.in, admin)
		require.NoError(t, err)
		w.fake.RevokeSessions("app")
		_ = w.call(0)
		all := w.log.String() + dump(t.Context(), t, w.env.Client)
		require.Contains(t, all, w.in.ID)
		for _, open := range []string{token.Reveal(), back.Get("state"), back.Get("code"), "canary"} {
			require.NotContains(t, all, open)
		}
	})
}

func dump(ctx context.Context, t *testing.T, rdb redis.UniversalClient) string {
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
	each(t, func(w *world) {
		t := w.t
		begin := func(integration string) string {
			in := w.in
			in.ID = integration
			started, err := w.auth[0].Start(t.Context(), in, admin)
			require.NoError(t, err)
			return started.State
		}
		states := func() int { return len(w.env.Keys(t, "pb:oauth:state:*")) }
		for range 30 {
			begin(w.in.ID)
		}
		require.Equal(t, 10, states(), "of one integration")
		for i := range 300 {
			begin(fmt.Sprint("other", i))
		}
		require.Equal(t, 100, states(), "of a tenant")
		started, err := w.auth[0].Start(t.Context(), w.in, admin)
		require.NoError(t, err)
		back := w.consent(started.AuthorizeURL)
		require.NoError(t, w.auth[0].Finish(t.Context(), "acme", w.in.ID, back.Get("state"), back.Get("code"), admin), "the latest can be finished")
	})
}
