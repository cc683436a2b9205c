package pbfake

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultPageSize        = 100
	DefaultRateLimit       = 50 // requests per second and token, as published
	DefaultCallbackTimeout = 5 * time.Second
	DefaultJournalSize     = 10_000
	DefaultAppURL          = "https://example.productboard.com"
	productboardAPI        = "https://api.productboard.com"
)

// Options sets up a Fake. The zero value is usable once a token is added.
type Options struct {
	// Tokens may call the API.
	Tokens []Token
	// APIURL is the address that links in replies begin with, without a final
	// slash ("http://127.0.0.1:8090/v2"). Empty: the address that was called.
	// Links in notifications always begin with Productboard's real address: a
	// plugin that follows them gives itself away.
	APIURL string
	// AppURL is where links to an entity's page begin; DefaultAppURL if empty.
	AppURL string
	// PageSize is the length of a page of a list; DefaultPageSize if zero.
	PageSize int
	// RateLimit is in requests per second and token; DefaultRateLimit if
	// zero, no limit if negative.
	RateLimit int
	// CallbackTimeout bounds probes and clicks; DefaultCallbackTimeout if
	// zero.
	CallbackTimeout time.Duration
	// JournalSize is how many events are kept; DefaultJournalSize if zero.
	JournalSize int
	// Apps may use OAuth; AccessLife is how long the access tokens of their
	// sessions live, DefaultAccessLife if zero.
	Apps       []OAuthApp
	AccessLife time.Duration
	// Seed makes ids, demo data and faults repeatable.
	Seed uint64
	// Clock is the system's if nil.
	Clock Clock
}

// Token is a bearer token that the API accepts.
type Token struct {
	Value string
	// Scopes are what it may do ("entities:read"); nil means everything.
	Scopes []string
	// App is the OAuth application that it was issued to: such a token sees
	// only the integrations that the same application made. Empty: an API
	// token, which sees all.
	App string
}

func (t Token) allows(scope string) bool { return t.Scopes == nil || slices.Contains(t.Scopes, scope) }

// sees reports whether the token sees an integration. What an API token made is
// hidden from applications as well.
func (t Token) sees(i *integration) bool { return t.App == "" || t.App == i.app }

// Fake is a Productboard in memory. It is an http.Handler that serves the API
// under /v2 and OAuth under /oauth2. It is safe for concurrent use.
type Fake struct {
	opts     Options
	clock    Clock
	rules    contract
	mux      *http.ServeMux
	edge     *edge
	journal  *journal
	faults   *faultSet
	limiter  *limiter
	counters *counters
	oauth    *oauth
	requests atomic.Uint64

	ctx    context.Context // ends with Close; callbacks stop
	cancel context.CancelFunc
	work   sync.WaitGroup // callbacks on their way

	mu           sync.Mutex
	closed       bool
	tokens       map[string]Token
	ids          *idSource
	integrations map[string]*integration
	created      int // integrations ever created
	entities     map[string]*Entity
	order        []string // entity ids in the order of their creation
	children     map[string][]string
	connections  map[connectionKey]*connection
	timers       map[*timer]struct{}
}

type connectionKey struct{ integration, entity string }

// timer is something to be done later.
type timer struct{ stop func() bool }

// integration is a plugin integration with what the API never shows.
type integration struct {
	id, kind, name, status, label string
	url, authorization            string
	app                           string
	legacy                        bool
	created                       time.Time
	number                        int
}

// connection is the button of one entity in one integration.
type connection struct {
	state   State
	waiting int // clicks that are not answered yet
	updated time.Time
}

// State is the state of a connection as the API shows it.
type State struct {
	Name        string `json:"state"`
	Label       string `json:"label,omitempty"`
	HoverLabel  string `json:"hoverLabel,omitempty"`
	Tooltip     string `json:"tooltip,omitempty"`
	Color       string `json:"color,omitempty"`
	TargetURL   string `json:"targetUrl,omitempty"`
	Message     string `json:"message,omitempty"`
	DebugDetail string `json:"debugDetail,omitempty"`
}

// New makes a simulator without integrations and entities. options may be nil.
// Close ends it.
func New(options *Options) *Fake {
	opts := Options{}
	if options != nil {
		opts = *options
	}
	opts.AppURL = strings.TrimRight(orDefault(opts.AppURL, DefaultAppURL), "/")
	opts.APIURL = strings.TrimRight(opts.APIURL, "/")
	opts.PageSize = orDefault(opts.PageSize, DefaultPageSize)
	opts.RateLimit = orDefault(opts.RateLimit, DefaultRateLimit)
	opts.CallbackTimeout = orDefault(opts.CallbackTimeout, DefaultCallbackTimeout)
	opts.JournalSize = orDefault(opts.JournalSize, DefaultJournalSize)
	opts.AccessLife = orDefault(opts.AccessLife, DefaultAccessLife)
	if opts.Clock == nil {
		opts.Clock = systemClock{}
	}
	f := &Fake{
		opts: opts, clock: opts.Clock, rules: newContract(), edge: newEdge(), journal: newJournal(opts.JournalSize),
		faults: newFaultSet(opts.Seed), limiter: newLimiter(opts.RateLimit, opts.Clock), counters: newCounters(), oauth: newOAuth(opts.AccessLife),
		tokens: map[string]Token{}, ids: newIDSource(opts.Seed), integrations: map[string]*integration{},
		entities: map[string]*Entity{}, children: map[string][]string{},
		connections: map[connectionKey]*connection{}, timers: map[*timer]struct{}{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	for _, t := range opts.Tokens {
		f.AddToken(t)
	}
	for _, app := range opts.Apps {
		if err := f.AddApp(app); err != nil {
			panic(err) // as for an address that cannot be parsed: the caller's own text
		}
	}
	f.mux = f.routes()
	return f
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Close stops callbacks and what was to be written later, ends subscriptions,
// and waits for callbacks to return.
func (f *Fake) Close() {
	f.mu.Lock()
	f.closed = true
	for t := range f.timers {
		t.stop()
	}
	clear(f.timers)
	f.mu.Unlock()
	f.cancel()
	f.work.Wait()
	f.edge.close()
	f.journal.close()
}

// ServeHTTP serves Productboard's API under /v2 and OAuth under /oauth2.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// AddToken makes the API accept a token, or changes what it may do.
func (f *Fake) AddToken(t Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[t.Value] = t
}

// RevokeToken makes the API refuse a token.
func (f *Fake) RevokeToken(value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tokens, value)
}

// SetEdge says which local servers stand behind a public origin
// ("https://plugin.example" -> "http://127.0.0.1:8080"): the simulator reaches
// plugins in no other way. Of several, each request goes to the next one; a
// backend that refuses the connection or answers 503 is passed over. Without
// backends the origin becomes unreachable.
func (f *Fake) SetEdge(origin string, backends ...string) error { return f.edge.set(origin, backends) }

// SetLegacy says whether an integration was made through API v1, so that its
// answers to clicks have the older shape. It reports whether there is such an
// integration.
func (f *Fake) SetLegacy(integrationID string, legacy bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.integrations[lower(integrationID)]
	if i != nil {
		i.legacy = legacy
	}
	return i != nil
}

// later does something after a while, unless the simulator is closed.
func (f *Fake) later(d time.Duration, do func()) {
	t := &timer{}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	t.stop = f.clock.AfterFunc(d, func() {
		f.mu.Lock()
		_, wanted := f.timers[t]
		delete(f.timers, t)
		f.mu.Unlock()
		if wanted {
			do()
		}
	})
	f.timers[t] = struct{}{}
}

// pause waits, at most until the context ends.
func (f *Fake) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	done := make(chan struct{})
	stop := f.clock.AfterFunc(d, func() { close(done) })
	defer stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.ctx.Done():
		return errClosed
	}
}

var errClosed = errors.New("the simulator is closed")

func lower(s string) string { return strings.ToLower(s) }
