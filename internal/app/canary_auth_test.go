package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/tenants"
)

// tokenEndpoint is Productboard's authorization server: it gives tokens that
// are secrets, or says back whatever it was sent.
func (r *canaryRig) tokenEndpoint(w http.ResponseWriter, req *http.Request) {
	switch status := int(r.tokens.Load()); status {
	case http.StatusOK:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "bearer", "expires_in": 3600, "refresh_token_expires_in": 86400,
			"access_token": r.c.plant("access token"), "refresh_token": r.c.plant("refresh token")})
	default:
		// The assertion is a secret for as long as it lives, and so is a code.
		if err := req.ParseForm(); err == nil {
			for _, name := range []string{"assertion", "code", "code_verifier"} {
				if v := req.PostForm.Get(name); len(v) > 2*canaryHalf {
					r.c.watch(name, v)
				}
			}
			said := fmt.Sprint(req.PostForm)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Request-Id", url.QueryEscape(said))
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": said, "error_description": said, "access_token": "", "message": said})
		}
	}
}

// authorisations goes through the life of an OAuth session and of an
// assertion's tokens, with every answer that the token endpoint can give.
func (r *canaryRig) authorisations() {
	ctx := r.t.Context()
	scope := r.app.tenants.Tenant("canary")
	_, err := r.app.tenants.CreateTenant(ctx, "canary")
	require.NoError(r.t, err)
	store := func(name string, auth tenants.ProductboardAuth) tenants.Integration {
		in, err := scope.Create(ctx, tenants.Integration{ID: tenants.NewID(), Name: name, ActionAuth: tenants.NewActionAuth(), Productboard: auth,
			Target: tenants.TargetConfig{Type: "memory", Settings: map[string]any{"url": r.address + trackerPath, "project": "canary"}}})
		require.NoError(r.t, err)
		r.out.add("%v %+v %#v", in, in, in)
		return in
	}
	oauth := store("OAuth", tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "app", ClientSecret: secret.New(r.c.plant("OAuth client secret"))})
	signed := store("JWT", tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "app", Subject: "user", PrivateKey: secret.New(r.c.plantKey(r.t, "JWT private key"))})
	refusals := []int64{http.StatusBadRequest, http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusCreated}
	connect := func() error {
		started, err := r.app.auth.Start(ctx, oauth, "jane")
		require.NoError(r.t, err)
		return r.app.auth.Finish(ctx, "canary", oauth.ID, started.State, r.c.plant("authorization code"), "jane")
	}
	for _, status := range refusals {
		r.tokens.Store(status)
		err := connect()
		require.Error(r.t, err, status)
		r.tell("connect", err)
		_, err = r.app.auth.Source(signed).Token(ctx)
		require.Error(r.t, err, status)
		r.tell("assertion", err)
	}
	r.tokens.Store(http.StatusOK)
	require.NoError(r.t, connect())
	for _, in := range []tenants.Integration{oauth, signed} {
		source := r.app.auth.Source(in)
		token, err := source.Token(ctx)
		require.NoError(r.t, err)
		r.out.add("%v %+v %#v", token, source, token)
		// What the API refuses, it may say back.
		r.productboard.Store(http.StatusUnprocessableEntity)
		for _, err := range r.app.peers.session(in).ListIntegrations(ctx) {
			r.tell("list", err)
		}
		r.productboard.Store(0)
		for _, status := range refusals {
			r.tokens.Store(status)
			_, err := source.Renew(ctx, token)
			require.Error(r.t, err, status)
			r.tell("renew", err)
		}
		r.tokens.Store(http.StatusOK)
		_, err = source.Renew(ctx, token)
		require.NoError(r.t, err)
	}
	r.tokens.Store(http.StatusInternalServerError)
	for _, in := range []tenants.Integration{oauth, signed} {
		r.tell("revoke", r.app.auth.Revoke(ctx, in))
		stored, err := scope.Integration(ctx, in.ID)
		require.NoError(r.t, err)
		require.NoError(r.t, scope.Delete(ctx, in.ID, stored.Version))
	}
	r.tokens.Store(http.StatusOK)
	require.ErrorIs(r.t, r.app.auth.Finish(ctx, "canary", oauth.ID, r.c.plant("a guessed state"), r.c.plant("a guessed code"), "jane"), fault.Invalid)
}

// hooks reads webhooks whose sender knows the secret and sends it along, in
// every place where it does not belong.
func (r *canaryRig) hooks(kind targets.Kind) {
	if _, ok := targets.Ability[targets.HookReader](kind.Driver); !ok {
		return
	}
	signing := r.c.plant("webhook secret of " + kind.Type)
	for _, body := range []string{"", "{}", signing, `{"action":"` + signing + `","issue":{"id":"` + signing + `"},"webhookTimestamp":"` + signing + `"}`} {
		header := http.Header{}
		for _, name := range []string{"Authorization", "X-Gitlab-Token", "X-Hub-Signature", "X-Hub-Signature-256", "X-Gitea-Signature", "Linear-Signature",
			"X-Hook-Signature", "Payload-Signature", "Webhook-Signature", "Webhook-Timestamp", "Webhook-Id", "X-Github-Event", "X-Gitlab-Event", "X-Memory-Signature", "X-Memory-Delivery"} {
			header.Set(name, signing)
		}
		for _, given := range []secret.String{secret.New(signing), secret.New("other"), {}} {
			_, err := kind.ReadHook(given, targets.Hook{Header: header, Body: []byte(body), URL: "https://push.example.com/hooks", Now: time.Now()})
			r.tell("webhook of "+kind.Type, err)
		}
	}
}
