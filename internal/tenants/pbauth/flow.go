package pbauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/secret"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
)

// stateLife is how long an admin may take from the start to the finish.
const stateLife = 10 * time.Minute

// secretBytes is the length of a state and of a verifier before encoding.
const secretBytes = 32

// Started is a connection that has begun.
type Started struct {
	// AuthorizeURL is where the admin's browser goes next.
	AuthorizeURL string
	// State has to be given to Finish, by the same subject.
	State   string
	Expires time.Time
}

// pendingFlow is a Start's record, stored under the digest of its state.
type pendingFlow struct {
	Tenant      string `json:"tenant"`
	Integration string `json:"integration"`
	Subject     string `json:"subject"`
	Client      string `json:"client"`
	Verifier    string `json:"verifier"`
}

func stateKey(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "pb:oauth:state:" + hex.EncodeToString(sum[:])
}

func random() string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Start begins to connect an integration: authorization code with PKCE. The
// state is bound to the tenant, the integration and the admin (subject), can be
// used once, and ends after ten minutes. fault.Invalid where the integration's
// credential is not OAuth.
func (a *Auth) Start(ctx context.Context, in tenants.Integration, subject string) (Started, error) {
	const op = "start connection"
	if in.Productboard.Kind != tenants.AuthOAuth {
		return Started{}, fault.New(fault.Invalid, op, "The integration's Productboard credential is not an OAuth client.")
	}
	state, verifier := random(), random()
	sealed, err := a.keys.Seal(secret.New(verifier), bound(in.Tenant, in.ID, boundVerifier))
	if err != nil {
		return Started{}, fault.Wrap(fault.Internal, op, err)
	}
	raw, err := json.Marshal(pendingFlow{in.Tenant, in.ID, subject, client(in.Productboard), sealed})
	if err != nil {
		return Started{}, fault.Wrap(fault.Internal, op, err)
	}
	if err := a.begin(ctx, in, stateKey(state), string(raw)); err != nil {
		return Started{}, err
	}
	scope := in.Productboard.Scope
	if scope == "" {
		scope = DefaultScope
	}
	challenge := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {in.Productboard.ClientID}, "redirect_uri": {a.redirect()}, "scope": {scope}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	return Started{AuthorizeURL: a.at.App + "/oauth2/authorize?" + q.Encode(), State: state, Expires: a.opts.Now().Add(stateLife).UTC()}, nil
}

func (a *Auth) redirect() string { return a.at.Public + CallbackPath }

// Finish exchanges the code that the browser brought back for a session, and
// clears what marked the integration. The tenant, the integration and the
// subject must be those of Start. The state is used up whatever comes of it.
// The error is fault.Invalid where the state is not known (any more) or
// Productboard rejects the code.
func (a *Auth) Finish(ctx context.Context, tenant, integration, state, code, subject string) error {
	const op = "finish connection"
	unknown := func() error {
		return fault.New(fault.Invalid, op, "This sign-in at Productboard is not known, has expired, or was finished already. Start again.")
	}
	raw, err := a.rdb.GetDel(ctx, stateKey(state)).Result()
	if errors.Is(err, redis.Nil) {
		return unknown()
	}
	if err != nil {
		return redisdb.Fault(op, err)
	}
	var b pendingFlow
	if err := json.Unmarshal([]byte(raw), &b); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	for _, list := range []string{flowKey(b.Tenant, b.Integration), tenantFlowKey(b.Tenant)} {
		_ = a.rdb.LRem(ctx, list, 1, stateKey(state)).Err() // one that stays is over with its list
	}
	if b.Tenant != tenant || b.Integration != integration || b.Subject != subject {
		return unknown()
	}
	in, err := a.store.Tenant(tenant).Integration(ctx, integration)
	if err != nil {
		return err
	}
	if b.Client != client(in.Productboard) {
		return fault.New(fault.Conflict, op, "The integration's Productboard credential was changed meanwhile. Start again.")
	}
	verifier, err := a.keys.Open(b.Verifier, bound(tenant, integration, boundVerifier))
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	p, err := a.ask(ctx, "code", in.Productboard, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect()}, "code_verifier": {verifier.Reveal()},
	})
	switch {
	case hasOAuthCode(err, "invalid_grant"):
		return &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.SideProductboard, Err: err, Public: "Productboard does not accept the code: it has expired or was used already. Start again."}
	case err != nil:
		return err
	case p.refresh.Empty():
		return &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.SideProductboard, Public: "Productboard gave no refresh token, so the connection would end within the hour."}
	}
	return a.connect(ctx, in, p)
}

// connect stores a new session in place of what there was, which it revokes.
func (a *Auth) connect(ctx context.Context, in tenants.Integration, p pair) error {
	raw, err := a.encode(in, p)
	if err != nil {
		return fault.Wrap(fault.Internal, "seal tokens", err)
	}
	_, former, err := a.run(ctx, in, "replace", "", a.life(p), raw)
	if err != nil {
		return err
	}
	a.remember(in, p)
	if err := a.due(ctx, in, p.refreshUntil.Add(-p.refreshUntil.Sub(a.opts.Now())/2)); err != nil {
		return err
	}
	if old, err := a.decode(in, former); err == nil && !old.refresh.Empty() {
		if err := a.revokeAt(ctx, in.Productboard, old.refresh); err != nil {
			a.opts.Log.WarnContext(ctx, "the former session could not be revoked", telemetry.KeyTenant, in.Tenant, telemetry.KeyIntegration, in.ID, telemetry.KeyError, err)
		}
	}
	_, err = a.store.Reconnected(ctx, in.Tenant, in.ID, fault.SideProductboard)
	return err
}

// Revoke ends an integration's session at Productboard, if it has one, and
// forgets its tokens. If Productboard cannot be told, it forgets them all the
// same and returns the error.
func (a *Auth) Revoke(ctx context.Context, in tenants.Integration) error {
	a.forget(in.ID)
	var revokeErr error
	if in.Productboard.Kind == tenants.AuthOAuth {
		p, err := a.current(ctx, in)
		if err != nil {
			return err
		}
		a.forget(in.ID)
		if !p.refresh.Empty() {
			revokeErr = a.revokeAt(ctx, in.Productboard, p.refresh)
		}
	}
	if err := a.rdb.Del(ctx, sessionKey(in.Tenant, in.ID), flowKey(in.Tenant, in.ID)).Err(); err != nil {
		return redisdb.Fault("forget tokens", err)
	}
	if err := a.rdb.ZRem(ctx, dueKey, in.Tenant+"/"+in.ID).Err(); err != nil {
		return redisdb.Fault("forget tokens", err)
	}
	return revokeErr
}

// Status describes an integration's tokens, without them.
type Status struct {
	// Connected reports whether there is a session, or need not be one.
	Connected bool
	// RefreshBy is when a session ends if it is not used before; zero if there
	// is none.
	RefreshBy time.Time
	// Ended is why the session ended, a sentence.
	Ended string
}

// Status reads it.
func (a *Auth) Status(ctx context.Context, in tenants.Integration) (Status, error) {
	if in.Productboard.Kind != tenants.AuthOAuth {
		return Status{Connected: true}, nil
	}
	p, err := a.current(ctx, in)
	return Status{Connected: !p.refresh.Empty(), RefreshBy: p.refreshUntil, Ended: p.ended}, err
}
