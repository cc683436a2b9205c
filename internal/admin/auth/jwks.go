package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

const (
	// jwksLife is how long a key set is believed before it is read again.
	jwksLife = 10 * time.Minute
	// jwksPause is the least time between two reads, so that tokens with
	// made-up key ids cannot make us hammer the issuer.
	jwksPause = 10 * time.Second
	// maxJWKS bounds a key set's keys.
	maxJWKS = 100
)

// JWKS is the key set that an issuer publishes at an address. It is read when
// it is needed, and again when a token names a key that is not in it. A known
// key is returned at once, and an old set is read again in the background. So
// an issuer that hangs or is away delays nobody whose key was seen before.
type JWKS struct {
	url  string
	http *outbound.Client
	now  func() time.Time

	flight singleflight.Group
	mu     sync.Mutex
	keys   []namedKey
	read   time.Time // last success
	tried  time.Time
	failed error
	// renewing says that the set is being read behind somebody's back.
	renewing bool
}

type namedKey struct {
	kid string
	publicKey
}

// JWKSOptions are what a JWKS can do without.
type JWKSOptions struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// NewJWKS makes a JWKS; nothing is read yet. opts may be nil.
func NewJWKS(url string, http *outbound.Client, opts *JWKSOptions) *JWKS {
	j := &JWKS{url: url, http: http, now: time.Now}
	if opts != nil && opts.Now != nil {
		j.now = opts.Now
	}
	return j
}

// Find implements Keys. A token that names no key may be signed with any of
// the set.
func (j *JWKS) Find(ctx context.Context, kid, alg string) ([]any, error) {
	if alg == jwt.SigningMethodHS256.Alg() {
		return nil, errors.New("a public set has no shared keys") // nothing to ask for
	}
	keys, fresh := j.cached()
	if found := pick(keys, kid, alg); len(found) > 0 {
		if !fresh {
			j.renew(ctx)
		}
		return found, nil
	}
	err := j.refresh(ctx)
	keys, _ = j.cached()
	if found := pick(keys, kid, alg); len(found) > 0 {
		return found, nil
	}
	if err != nil && len(keys) == 0 {
		return nil, err
	}
	return nil, fmt.Errorf("the key set has no key for this token")
}

func (j *JWKS) cached() (keys []namedKey, fresh bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.keys, j.now().Sub(j.read) < jwksLife
}

// renew reads the set in the background, once at a time.
func (j *JWKS) renew(ctx context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.renewing {
		return
	}
	j.renewing = true
	go func() {
		_ = j.refresh(context.WithoutCancel(ctx)) // what failed is tried again by the next token
		j.mu.Lock()
		defer j.mu.Unlock()
		j.renewing = false
	}()
}

func pick(keys []namedKey, kid, alg string) []any {
	var out []any
	for _, k := range keys {
		if k.alg == alg && (kid == "" || k.kid == kid) {
			out = append(out, k.key)
		}
	}
	return out
}

// refresh reads the set, once for all who wait, and not too often.
func (j *JWKS) refresh(ctx context.Context) error {
	j.mu.Lock()
	recent, failed := j.now().Sub(j.tried) < jwksPause, j.failed
	j.mu.Unlock()
	if recent {
		return failed
	}
	_, err, _ := j.flight.Do("", func() (any, error) {
		// Whoever waits with us must not lose by our caller's giving up.
		keys, err := j.load(context.WithoutCancel(ctx))
		j.mu.Lock()
		defer j.mu.Unlock()
		j.tried, j.failed = j.now(), err
		if err == nil {
			j.keys, j.read = keys, j.tried
		}
		return nil, err
	})
	return err
}

func (j *JWKS) load(ctx context.Context) ([]namedKey, error) {
	const op = "read key set"
	var set jose.JSONWebKeySet
	_, err := j.http.Send(ctx, outbound.Call{Op: op, Method: http.MethodGet, URL: j.url, Header: http.Header{"Accept": {"application/json"}}, Timeout: 5 * time.Second, Into: &set})
	if err != nil {
		return nil, unavailable(op, err)
	}
	var out []namedKey
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" || !k.IsPublic() || !k.Valid() {
			continue // a shared or private key has no place in a public set
		}
		alg, err := algorithmOf(k.Key)
		if err != nil || k.Algorithm != "" && k.Algorithm != alg {
			continue
		}
		if out = append(out, namedKey{k.KeyID, publicKey{alg, k.Key}}); len(out) == maxJWKS {
			break
		}
	}
	if len(out) == 0 {
		return nil, unavailable(op, fmt.Errorf("the set holds no key that can be used"))
	}
	return out, nil
}

func unavailable(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.SidePlugin, Peer: "token issuer", Public: "Tokens cannot be verified at the moment: their issuer's keys cannot be read.", Err: err}
}
