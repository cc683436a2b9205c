package pbauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

const (
	// grantJWT is the grant type of an assertion (RFC 7523).
	grantJWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	// assertionLife is Productboard's limit for an access token got this way;
	// the assertion itself is used at once and lives shorter.
	assertionLife = 2 * time.Minute
	// backdate is how much an assertion's issue is dated back, for a clock that
	// is ahead of Productboard's.
	backdate = 10 * time.Second
	// leastLife is assumed of a token that comes without its life.
	leastLife = 5 * time.Minute
	// leastRefreshLife likewise of a refresh token: 180 days are published.
	leastRefreshLife = 90 * 24 * time.Hour
	// maxAhead bounds how long before its end a token is renewed; it is a fifth
	// of its life otherwise.
	maxAhead = 5 * time.Minute
	maxReply = 64 << 10
	// maxValues bounds the values in it.
	maxValues = 200
)

// reply is a success of the token endpoint.
type reply struct {
	AccessToken           string  `json:"access_token"`
	TokenType             string  `json:"token_type"`
	ExpiresIn             float64 `json:"expires_in"`
	RefreshToken          string  `json:"refresh_token"`
	RefreshTokenExpiresIn float64 `json:"refresh_token_expires_in"`
}

// oauthError is the error that Productboard names (RFC 6749, 5.2).
type oauthError struct{ code string }

func (e *oauthError) Error() string { return "OAuth error: " + e.code }

// hasOAuthCode reports whether an error is an oauthError with one of the codes.
func hasOAuthCode(err error, codes ...string) bool {
	var r *oauthError
	return errors.As(err, &r) && slices.Contains(codes, r.code)
}

// refresh asks for the next pair of a session.
func (a *Auth) refresh(ctx context.Context, in tenants.Integration, token secret.String) (pair, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()}}
	p, err := a.ask(ctx, "refresh", in.Productboard, form)
	if err == nil && p.refresh.Empty() {
		p.refresh, p.refreshUntil = token, a.opts.Now().Add(leastRefreshLife) // it was not rotated
	}
	return p, err
}

// assert exchanges a signed assertion for a token.
func (a *Auth) assert(ctx context.Context, auth tenants.ProductboardAuth) (pair, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(auth.PrivateKey.Reveal()))
	if err != nil { // the cause may repeat what it could not read
		return pair{}, unauthorized("sign assertion", "The private key for Productboard cannot be used. An admin must replace it in this integration's settings.", errors.New("not an RSA private key"))
	}
	now := a.opts.Now()
	claims := jwt.MapClaims{
		"iss": auth.ClientID, "sub": auth.Subject, "aud": a.at.App + "/oauth2/token",
		"iat": now.Add(-backdate).Unix(), "exp": now.Add(assertionLife).Unix(),
	}
	if auth.Scope != "" {
		claims["scope"] = auth.Scope
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	if auth.KeyID != "" {
		t.Header["kid"] = auth.KeyID
	}
	signed, err := t.SignedString(key)
	if err != nil {
		return pair{}, fault.Wrap(fault.Internal, "sign assertion", err)
	}
	return a.ask(ctx, "assertion", tenants.ProductboardAuth{}, url.Values{"grant_type": {grantJWT}, "assertion": {signed}})
}

// ask sends one request to the token endpoint. Its error is a *fault.Error.
func (a *Auth) ask(ctx context.Context, grant string, client tenants.ProductboardAuth, form url.Values) (pair, error) {
	sent := a.opts.Now()
	var got reply
	err := a.post(ctx, grant, "/oauth2/token", client, form, func(r outbound.Reply) error {
		if err := json.Unmarshal(r.Body, &got); err != nil || got.AccessToken == "" || !strings.EqualFold(got.TokenType, "bearer") {
			return errors.New("not the documented reply")
		}
		return nil
	})
	if a.opts.Observe != nil {
		a.opts.Observe(grant, err)
	}
	if err != nil {
		return pair{}, err
	}
	life := seconds(got.ExpiresIn, leastLife)
	p := pair{access: secret.New(got.AccessToken), until: sent.Add(life), renew: sent.Add(life - min(life/5, maxAhead))}
	if got.RefreshToken != "" {
		p.refresh = secret.New(got.RefreshToken)
		p.refreshUntil = sent.Add(seconds(got.RefreshTokenExpiresIn, leastRefreshLife))
	}
	return p, nil
}

// maxLife bounds what is believed of a token's life.
const maxLife = 366 * 24 * time.Hour

func seconds(n float64, def time.Duration) time.Duration {
	if n <= 0 || n > maxLife.Seconds() {
		return def
	}
	return time.Duration(n * float64(time.Second))
}

// revokeAt tells Productboard that a token is not needed any more.
func (a *Auth) revokeAt(ctx context.Context, auth tenants.ProductboardAuth, token secret.String) error {
	err := a.post(ctx, "revoke", "/oauth2/revoke", auth, url.Values{"token": {token.Reveal()}}, func(outbound.Reply) error { return nil })
	if a.opts.Observe != nil {
		a.opts.Observe("revoke", err)
	}
	return err
}

// post sends a form with the client's name, and its secret if it has one. No
// error repeats anything of a reply but the code of a refusal, if it is one of
// the known ones.
func (a *Auth) post(ctx context.Context, grant, path string, client tenants.ProductboardAuth, form url.Values, read func(outbound.Reply) error) error {
	if client.ClientID != "" {
		form.Set("client_id", client.ClientID)
	}
	if !client.ClientSecret.Empty() {
		form.Set("client_secret", client.ClientSecret.Reveal())
	}
	header := http.Header{}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	header.Set("Accept", "application/json")
	_, err := a.http.Send(ctx, outbound.Call{
		Op: "productboard token: " + grant, Method: http.MethodPost, URL: a.at.App + path, Header: header,
		Body: []byte(form.Encode()), Timeout: a.opts.Lock / 3, Bound: outbound.Bound{Bytes: maxReply, Values: maxValues},
		Refine: func(r outbound.Reply, verdict *fault.Error) *fault.Error {
			if verdict != nil {
				return refine(r, verdict)
			}
			if err := read(r); err != nil {
				return &fault.Error{Kind: fault.Unavailable, Unsure: true, Err: fmt.Errorf("status %d with %d bytes: %w", r.Status, len(r.Body), err)}
			}
			return nil
		},
	})
	if err == nil {
		return nil
	}
	ferr := fault.From(err)
	ferr.Blame(fault.SideProductboard, "")
	if ferr.Public == "" {
		ferr.Public = "Productboard does not give this plugin a new access token at the moment. Please try again in a few minutes."
	}
	return ferr
}

func refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	var body struct {
		Error string `json:"error"`
	}
	known := []string{"invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_request"}
	if (r.Status != http.StatusBadRequest && r.Status != http.StatusUnauthorized) || json.Unmarshal(r.Body, &body) != nil || !slices.Contains(known, body.Error) {
		return verdict
	}
	public := "Productboard refuses this plugin's client (" + body.Error + "). An admin must correct the Productboard credential in this integration's settings."
	if body.Error == "invalid_grant" {
		public = ended
	}
	return unauthorized("", public, fmt.Errorf("%w: %w", verdict.Err, &oauthError{body.Error}))
}
