package pbfake

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lifetimes, as published; how long a code and an access token of the
// authorization code flow live is not.
const (
	RefreshLife = 180 * 24 * time.Hour
	// RefreshGrace is how long a refresh token that was used may still be used.
	RefreshGrace = time.Hour
	// AssertedLife is the life of an access token for an assertion, and the
	// longest life of the assertion.
	AssertedLife      = 300 * time.Second
	DefaultAccessLife = time.Hour
	codeLife          = time.Minute
)

// OAuthPrefix is where the paths of OAuth begin, beside the API's.
const OAuthPrefix = "/oauth2"

// OAuthApp is a registered application.
type OAuthApp struct {
	ClientID string `json:"clientId"`
	// Secret is what a confidential client authenticates with; empty: the
	// client is public.
	Secret       string   `json:"secret"`
	RedirectURIs []string `json:"redirectUris"`
	// Scopes are the most that it may be granted.
	Scopes []string `json:"scopes"`
	// PublicKey verifies its assertions, PEM; empty: no server-to-server.
	PublicKey string `json:"publicKey"`
	// Users are the subjects that its assertions may name.
	Users []string `json:"users"`
}

// OAuthStats counts what happened to sessions.
type OAuthStats struct {
	// Refreshes counts refresh tokens that were accepted; GraceUses those of
	// them that had been used before, within the grace.
	Refreshes int `json:"refreshes"`
	GraceUses int `json:"graceUses"`
	// Reuses counts refresh tokens that were used again after the grace; each
	// revoked its session.
	Reuses int `json:"reuses"`
	// Assertions counts assertions that were accepted.
	Assertions int `json:"assertions"`
	// Sessions counts those that live, Lost those that were revoked for a
	// reuse, Revoked those that the client or a control revoked.
	Sessions int `json:"sessions"`
	Lost     int `json:"lost"`
	Revoked  int `json:"revoked"`
}

// oauth is the authorization server.
type oauth struct {
	mu         sync.Mutex
	apps       map[string]OAuthApp
	codes      map[string]*code
	sessions   map[string]*session // by each of their refresh tokens
	access     map[string]access
	accessLife time.Duration
	deny       bool
	stats      OAuthStats
}

// code is an authorization code.
type code struct {
	app, redirect, challenge string
	scopes                   []string
	issued                   time.Time
	used                     *session
}

// session is a chain of refresh tokens that began with one consent.
type session struct {
	app     string
	scopes  []string
	refresh map[string]*refreshToken
	revoked bool
}

// refreshToken is superseded when it, or another of its session, was used.
type refreshToken struct {
	issued, superseded time.Time
}

type access struct {
	token  Token
	until  time.Time
	of     *session // nil: for an assertion
	user   string
	issued time.Time
}

func newOAuth(accessLife time.Duration) *oauth {
	return &oauth{apps: map[string]OAuthApp{}, codes: map[string]*code{}, sessions: map[string]*session{}, access: map[string]access{}, accessLife: accessLife}
}

// oauthError is an error reply of RFC 6749.
type oauthError struct {
	status      int
	code        string
	description string
}

func oauthRefusal(status int, code, description string) *oauthError {
	return &oauthError{status, code, description}
}

func invalidGrant(description string) *oauthError {
	return oauthRefusal(http.StatusBadRequest, "invalid_grant", description)
}

// AddApp registers an application, or changes it.
func (f *Fake) AddApp(app OAuthApp) error {
	if app.ClientID == "" {
		return errors.New("clientId: is missing")
	}
	if app.PublicKey != "" {
		if _, err := rsaKey(app.PublicKey); err != nil {
			return err
		}
	}
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	f.oauth.apps[app.ClientID] = app
	return nil
}

// OAuthStats returns what happened so far.
func (f *Fake) OAuthStats() OAuthStats {
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	s := f.oauth.stats
	live := map[*session]bool{}
	for _, session := range f.oauth.sessions {
		if !session.revoked {
			live[session] = true
		}
	}
	s.Sessions = len(live)
	return s
}

// ExpireAccess makes every access token of OAuth expire now.
func (f *Fake) ExpireAccess() {
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	clear(f.oauth.access)
}

// RevokeSessions revokes every session and access token of an application, as
// a user does who disconnects it.
func (f *Fake) RevokeSessions(clientID string) {
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	for _, s := range f.oauth.sessions {
		if s.app == clientID && !s.revoked {
			f.oauth.revoke(s)
			f.oauth.stats.Revoked++
		}
	}
	for value, a := range f.oauth.access {
		if a.token.App == clientID {
			delete(f.oauth.access, value)
		}
	}
}

// DenyConsent makes the user refuse from now on, or consent again.
func (f *Fake) DenyConsent(deny bool) {
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	f.oauth.deny = deny
}

// revoke ends a session and its access tokens; the caller holds the lock.
func (o *oauth) revoke(s *session) {
	s.revoked = true
	for value, a := range o.access {
		if a.of == s {
			delete(o.access, value)
		}
	}
}

// token finds a live access token.
func (o *oauth) token(value string, now time.Time) (access, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, known := o.access[value]
	if known && !now.Before(a.until) {
		delete(o.access, value)
		known = false
	}
	return a, known
}

// authorize is where the browser is sent. The simulated user consents at once,
// or refuses at once (DenyConsent).
func (f *Fake) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.counters.count("authorize", connectionKey{})
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	app, known := f.oauth.apps[q.Get("client_id")]
	redirect := q.Get("redirect_uri")
	// Only to an address that is registered, to the letter, may a code go.
	if !known || !slices.Contains(app.RedirectURIs, redirect) {
		http.Error(w, "The application or its redirect URI is not known.", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": q["state"]}
	scopes := strings.Fields(q.Get("scope"))
	challenge, err := base64.RawURLEncoding.DecodeString(q.Get("code_challenge"))
	switch {
	case q.Get("response_type") != "code":
		back.Set("error", "unsupported_response_type")
	case q.Get("state") == "":
		back.Set("error", "invalid_request")
		back.Set("error_description", "state is missing")
	case q.Get("code_challenge_method") != "S256" || err != nil || len(challenge) != sha256.Size:
		back.Set("error", "invalid_request")
		back.Set("error_description", "PKCE with S256 is needed")
	case len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(app.Scopes, s) }):
		back.Set("error", "invalid_scope")
	case f.oauth.deny:
		back.Set("error", "access_denied")
	default:
		value := rand.Text()
		f.oauth.codes[value] = &code{app: app.ClientID, redirect: redirect, challenge: q.Get("code_challenge"), scopes: scopes, issued: f.clock.Now()}
		back.Set("code", value)
	}
	http.Redirect(w, r, redirect+"?"+back.Encode(), http.StatusFound) //nolint:gosec // registered, to the letter: checked above
}

// client authenticates an application by its form or by Basic.
func (o *oauth) client(r *http.Request) (OAuthApp, *oauthError) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		var errs [2]error
		if id != "" || secret != "" {
			return OAuthApp{}, oauthRefusal(http.StatusBadRequest, "invalid_request", "more than one way of client authentication")
		}
		id, errs[0] = url.QueryUnescape(user)
		secret, errs[1] = url.QueryUnescape(pass)
		if errors.Join(errs[:]...) != nil {
			id = ""
		}
	}
	app, known := o.apps[id]
	if !known || subtle.ConstantTimeCompare([]byte(app.Secret), []byte(secret)) != 1 {
		return OAuthApp{}, oauthRefusal(http.StatusUnauthorized, "invalid_client", "the client is not known or not authenticated")
	}
	return app, nil
}

// verifies reports whether a verifier is that of a challenge (RFC 7636, 4.6).
func verifies(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return len(verifier) >= 43 && len(verifier) <= 128 && base64.RawURLEncoding.EncodeToString(sum[:]) == challenge
}
