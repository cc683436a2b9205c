package pbfake

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// grantJWT is the grant type of an assertion (RFC 7523).
const grantJWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// tokenReply is a success of the token endpoint.
type tokenReply struct {
	AccessToken           string `json:"access_token"`
	TokenType             string `json:"token_type"`
	ExpiresIn             int64  `json:"expires_in"`
	RefreshToken          string `json:"refresh_token,omitempty"`
	RefreshTokenExpiresIn int64  `json:"refresh_token_expires_in,omitempty"`
	Scope                 string `json:"scope"`
	CreatedAt             int64  `json:"created_at"`
}

// form lets a request of the token or the revoke endpoint in: faults first,
// then what must hold for any.
func (f *Fake) form(w http.ResponseWriter, r *http.Request, op string) (effects, bool) {
	f.counters.count(op, connectionKey{})
	e := f.strike(op, connectionKey{}, ClassOAuth)
	if err := f.pause(r.Context(), e.delay); err != nil || e.dropBefore {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	if e.status != 0 {
		f.injected(w, e)
		return e, false
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" || r.ParseForm() != nil {
		f.writeOAuth(w, nil, oauthRefusal(http.StatusBadRequest, "invalid_request", "a form in the body is needed, and no query"))
		return e, false
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			f.writeOAuth(w, nil, oauthRefusal(http.StatusBadRequest, "invalid_request", name+" is repeated"))
			return e, false
		}
	}
	return e, true
}

func (f *Fake) writeOAuth(w http.ResponseWriter, reply any, failure *oauthError) {
	w.Header().Set("Cache-Control", "no-store")
	if failure == nil {
		writeJSON(w, http.StatusOK, reply)
		return
	}
	if failure.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="oauth2"`)
	}
	f.record(Event{Kind: EventRequestRefused, Op: "token", Status: failure.status, Detail: failure.code + ": " + failure.description})
	writeJSON(w, failure.status, map[string]string{"error": failure.code, "error_description": failure.description})
}

// issueToken is the token endpoint.
func (f *Fake) issueToken(w http.ResponseWriter, r *http.Request) {
	e, ok := f.form(w, r, "token")
	if !ok {
		return
	}
	f.oauth.mu.Lock()
	reply, failure := f.grant(r)
	f.oauth.mu.Unlock()
	if e.dropAfter {
		panic(http.ErrAbortHandler)
	}
	f.writeOAuth(w, reply, failure)
}

func (f *Fake) grant(r *http.Request) (*tokenReply, *oauthError) {
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		return f.grantCode(r)
	case "refresh_token":
		return f.grantRefresh(r)
	case grantJWT:
		return f.grantAssertion(r)
	default:
		return nil, oauthRefusal(http.StatusBadRequest, "unsupported_grant_type", "the grant type is not supported")
	}
}

func (f *Fake) grantCode(r *http.Request) (*tokenReply, *oauthError) {
	o, now := f.oauth, f.clock.Now()
	app, failure := o.client(r)
	if failure != nil {
		return nil, failure
	}
	c := o.codes[r.PostForm.Get("code")]
	if c != nil && c.used != nil {
		// Somebody else has the code as well (RFC 6749, 4.1.2).
		o.revoke(c.used)
		o.stats.Revoked++
		return nil, invalidGrant("the code was used already")
	}
	if c == nil || c.app != app.ClientID || !now.Before(c.issued.Add(codeLife)) || r.PostForm.Get("redirect_uri") != c.redirect {
		return nil, invalidGrant("the code is not valid here")
	}
	if !verifies(r.PostForm.Get("code_verifier"), c.challenge) {
		return nil, invalidGrant("the code verifier does not match")
	}
	s := &session{app: app.ClientID, scopes: c.scopes, refresh: map[string]*refreshToken{}}
	c.used = s
	return o.issue(s, now), nil
}

func (f *Fake) grantRefresh(r *http.Request) (*tokenReply, *oauthError) {
	o, now := f.oauth, f.clock.Now()
	app, failure := o.client(r)
	if failure != nil {
		return nil, failure
	}
	value := r.PostForm.Get("refresh_token")
	s := o.sessions[value]
	if s == nil || s.app != app.ClientID || s.revoked || !now.Before(s.refresh[value].issued.Add(RefreshLife)) {
		return nil, invalidGrant("the refresh token is not valid")
	}
	t := s.refresh[value]
	if !t.superseded.IsZero() {
		if !now.Before(t.superseded.Add(RefreshGrace)) {
			o.stats.Reuses++
			o.stats.Lost++
			o.revoke(s)
			return nil, invalidGrant("the refresh token was used before; its session is revoked")
		}
		o.stats.GraceUses++
	}
	o.stats.Refreshes++
	return o.issue(s, now), nil
}

// issue makes the next pair of a session. All its earlier refresh tokens,
// also those that were never used, are superseded: that is the harder reading.
func (o *oauth) issue(s *session, now time.Time) *tokenReply {
	for _, t := range s.refresh {
		if t.superseded.IsZero() {
			t.superseded = now
		}
	}
	refresh := rand.Text() + rand.Text()
	s.refresh[refresh] = &refreshToken{issued: now}
	o.sessions[refresh] = s
	reply := o.accessToken(s.app, s.scopes, o.accessLife, now)
	a := o.access[reply.AccessToken]
	a.of = s
	o.access[reply.AccessToken] = a
	reply.RefreshToken, reply.RefreshTokenExpiresIn = refresh, int64(RefreshLife/time.Second)
	return reply
}

func (o *oauth) accessToken(app string, scopes []string, life time.Duration, now time.Time) *tokenReply {
	value := rand.Text() + rand.Text()
	o.access[value] = access{token: Token{Value: value, Scopes: scopes, App: app}, issued: now, until: now.Add(life)}
	return &tokenReply{AccessToken: value, TokenType: "bearer", ExpiresIn: int64(life / time.Second), Scope: strings.Join(scopes, " "), CreatedAt: now.Unix()}
}

func rsaKey(pem string) (*rsa.PublicKey, error) {
	key, err := jwt.ParseRSAPublicKeyFromPEM([]byte(pem))
	if err != nil {
		return nil, errors.New("publicKey: is not an RSA public key in PEM")
	}
	return key, nil
}

// assertion are the claims of an assertion.
type assertion struct {
	Scope *string `json:"scope"`
	jwt.RegisteredClaims
}

func (f *Fake) grantAssertion(r *http.Request) (*tokenReply, *oauthError) {
	o, now := f.oauth, f.clock.Now()
	var claims assertion
	var app OAuthApp
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(f.clock.Now), jwt.WithIssuedAt(), jwt.WithExpirationRequired(),
		jwt.WithAudience(scheme+r.Host+OAuthPrefix+"/token", scheme+r.Host)).
		ParseWithClaims(r.PostForm.Get("assertion"), &claims, func(*jwt.Token) (any, error) {
			app = o.apps[claims.Issuer]
			if app.PublicKey == "" {
				return nil, errors.New("the issuer has no key")
			}
			return rsaKey(app.PublicKey)
		})
	switch {
	case err != nil:
		return nil, invalidGrant("the assertion is not valid: " + err.Error())
	case claims.IssuedAt == nil:
		return nil, invalidGrant("the assertion has no iat")
	case claims.ExpiresAt.Sub(claims.IssuedAt.Time) > AssertedLife:
		return nil, invalidGrant("the assertion lives longer than 300 seconds")
	case !slices.Contains(app.Users, claims.Subject):
		return nil, invalidGrant("the subject is not a user")
	}
	scopes := app.Scopes
	if claims.Scope != nil {
		scopes = strings.Fields(*claims.Scope)
	}
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(app.Scopes, s) }) {
		return nil, oauthRefusal(http.StatusBadRequest, "invalid_scope", "the scope is not the application's")
	}
	o.stats.Assertions++
	reply := o.accessToken(app.ClientID, scopes, AssertedLife, now)
	a := o.access[reply.AccessToken]
	a.user = claims.Subject
	o.access[reply.AccessToken] = a
	return reply, nil
}

// revokeToken is the revoke endpoint (RFC 7009): an unknown token is a success.
func (f *Fake) revokeToken(w http.ResponseWriter, r *http.Request) {
	e, ok := f.form(w, r, "revoke")
	if !ok {
		return
	}
	f.oauth.mu.Lock()
	app, failure := f.oauth.client(r)
	if failure == nil {
		value := r.PostForm.Get("token")
		if s := f.oauth.sessions[value]; s != nil && s.app == app.ClientID && !s.revoked {
			f.oauth.revoke(s)
			f.oauth.stats.Revoked++
		}
		if f.oauth.access[value].token.App == app.ClientID {
			delete(f.oauth.access, value)
		}
	}
	f.oauth.mu.Unlock()
	if e.dropAfter {
		panic(http.ErrAbortHandler)
	}
	f.writeOAuth(w, struct{}{}, failure)
}

// tokenInfo tells a bearer about its own token.
func (f *Fake) tokenInfo(w http.ResponseWriter, r *http.Request) {
	_, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a, known := f.oauth.token(value, f.clock.Now())
	if !known {
		f.writeOAuth(w, nil, oauthRefusal(http.StatusUnauthorized, "invalid_token", "the token is not valid"))
		return
	}
	f.writeOAuth(w, map[string]any{
		"scope": a.token.Scopes, "expires_in": int64(a.until.Sub(f.clock.Now()) / time.Second),
		"application": map[string]string{"uid": a.token.App}, "created_at": a.issued.Unix(),
	}, nil)
}
