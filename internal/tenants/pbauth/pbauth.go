// Package pbauth returns the tokens that calls to Productboard are sent with,
// whatever kind of credential an integration has. It stores those that change:
// OAuth sessions, whose refresh token is another one after each use, and the
// short tokens that a signed assertion is exchanged for.
//
// Of all processes one at a time asks Productboard for a token. It holds a
// lock, and stores what it got only if the lock is still its own. What was
// stored before stays until then. So after a crash in between, the former
// refresh token is used again, which Productboard allows for an hour.
//
// What must not live here: what calls are made with the tokens (pbapi), who
// may start a connection (admin), what happens to pushes meanwhile (actions).
package pbauth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// DefaultScope is the scope that this plugin needs of Productboard.
const DefaultScope = "entities:read plugin-integrations:read plugin-integrations:write plugin-integrations:delete"

// CallbackPath is where Productboard sends the browser back to, below the
// public URL.
const CallbackPath = "/oauth/productboard/callback"

// Options are what an Auth can do without. Durations that are zero mean their
// defaults.
type Options struct {
	// Log is where failures go that no caller hears of; nil: nowhere.
	Log *slog.Logger
	// Observe, if set, is told of every request for a token: "code",
	// "refresh", "assertion" or "revoke", and how it ended.
	Observe func(grant string, err error)
	// Lock is how long a process that asks for a token may be silent before
	// another one asks; default 30 s. The request itself is bounded by a third.
	Lock time.Duration
	// Wait is how long a caller waits for a token that another process is
	// asking for; default 20 s.
	Wait time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Auth supplies tokens. It is safe for concurrent use, also by several
// processes.
type Auth struct {
	rdb    redis.UniversalClient
	keys   *secret.Keyring
	store  *tenants.Store
	http   *outbound.Client
	at     Addresses
	opts   Options
	script *redis.Script
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]knownToken
}

// knownToken is a token that this process has seen.
type knownToken struct {
	client string
	pair   pair
}

// maxKnown bounds how many tokens are remembered.
const maxKnown = 10_000

// Addresses are the two that OAuth needs, without a trailing slash.
type Addresses struct {
	// App is where Productboard's authorization server is
	// ("https://app.productboard.com"), Public where this plugin is.
	App, Public string
}

// New makes an Auth for the integrations of a store, whose rotation of keys
// takes the tokens along from then on. opts may be nil.
func New(rdb redis.UniversalClient, keys *secret.Keyring, store *tenants.Store, http *outbound.Client, at Addresses, opts *Options) *Auth {
	a := &Auth{rdb: rdb, keys: keys, store: store, http: http, at: at, script: redis.NewScript(sessionLua), known: map[string]knownToken{}}
	if opts != nil {
		a.opts = *opts
	}
	if a.opts.Log == nil {
		a.opts.Log = slog.New(slog.DiscardHandler)
	}
	if a.opts.Lock <= 0 {
		a.opts.Lock = 30 * time.Second
	}
	if a.opts.Wait <= 0 {
		a.opts.Wait = 20 * time.Second
	}
	if a.opts.Now == nil {
		a.opts.Now = time.Now
	}
	store.Beside(a)
	return a
}

// Source supplies the tokens of one integration. It is a pbapi.TokenSource, and
// a pbapi.Renewer where tokens change.
type Source struct {
	auth *Auth
	in   tenants.Integration
}

// Source makes the source of an integration as it is configured now. Unless
// its credential is OAuth it need not be stored yet.
func (a *Auth) Source(in tenants.Integration) *Source { return &Source{auth: a, in: in} }

// Token returns the token to send now; it asks Productboard for one if the one
// that is known is about to expire. Its error is fault.Unauthorized where only
// an admin can help.
func (s *Source) Token(ctx context.Context) (secret.String, error) {
	if !s.changes() {
		return s.in.Productboard.Token, nil
	}
	a, now := s.auth, s.auth.opts.Now()
	if p, ok := a.remembered(s.in); ok && now.Before(p.renew) {
		return p.access, nil
	}
	got, err := a.current(ctx, s.in)
	if err != nil {
		// Redis is away: what is remembered may do.
		if p, ok := a.remembered(s.in); ok && now.Before(p.until) {
			return p.access, nil
		}
		return secret.String{}, err
	}
	if now.Before(got.renew) {
		return got.access, nil
	}
	fresh, err := a.renew(ctx, s.in, secret.String{})
	if err != nil && now.Before(got.until) && fault.KindOf(err).Transient() {
		return got.access, nil // there is time to try again
	}
	return fresh, err
}

// Renew returns another token than the one that was rejected.
func (s *Source) Renew(ctx context.Context, rejected secret.String) (secret.String, error) {
	return s.auth.renew(ctx, s.in, rejected)
}

// Renewable reports whether there can be another token than the one that was
// rejected: an API token is the only one.
func (s *Source) Renewable() bool { return s.changes() }

func (s *Source) changes() bool {
	return s.in.Productboard.Kind == tenants.AuthOAuth || s.in.Productboard.Kind == tenants.AuthJWT
}

// client names whose tokens they are: those of another application, user or
// key are not this credential's.
func client(auth tenants.ProductboardAuth) string {
	auth.ClientSecret = secret.String{} // may be replaced within a session
	return auth.Fingerprint()
}

func (a *Auth) remembered(in tenants.Integration) (pair, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, ok := a.known[in.ID]
	return h.pair, ok && h.client == client(in.Productboard)
}

func (a *Auth) remember(in tenants.Integration, p pair) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.known[in.ID]; !ok && len(a.known) >= maxKnown {
		for id := range a.known { // any: Redis has it
			delete(a.known, id)
			break
		}
	}
	a.known[in.ID] = knownToken{client: client(in.Productboard), pair: p}
}

func (a *Auth) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, id)
}

// unauthorized is a credential that only an admin can repair.
func unauthorized(op, public string, cause error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Unauthorized, Side: fault.SideProductboard, Public: public, Err: cause}
}

const (
	notConnected = "Nobody has connected this integration with Productboard yet. An admin must do so in its settings."
	ended        = "The connection with Productboard has ended: it was revoked or not used for too long. An admin must connect this integration again."
)
