package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/fault"
)

const (
	// MaxToken bounds a token, in bytes.
	MaxToken = 8 << 10
	// leeway is by how much the clocks of issuer and verifier may differ.
	leeway = 30 * time.Second
	// maxSubject bounds what is kept of a subject, in bytes.
	maxSubject = 255
)

// Keys finds the key that a token must be signed with.
type Keys interface {
	// Find returns the keys that a token with this key id (empty: it names
	// none) and algorithm may be signed with. A key is only ever returned for
	// its own algorithm: *rsa.PublicKey for RS256, *ecdsa.PublicKey for ES256,
	// ed25519.PublicKey for EdDSA, []byte for HS256.
	Find(ctx context.Context, kid, alg string) ([]any, error)
}

// Revocations knows which tokens count no more: of a tenant, or, where it is
// empty, an operator's.
type Revocations interface {
	Revoked(ctx context.Context, tenant, tokenID string) (bool, error)
}

// Options are what a Verifier can do without.
type Options struct {
	// Issuer and Audience, if set, must be the token's.
	Issuer, Audience string
	// Revocations may be nil: then nothing is revoked.
	Revocations Revocations
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	keys   []Keys
	opts   Options
	parser *jwt.Parser
}

// Algorithms are the ones that are taken; "none" is not among them.
func Algorithms() []string {
	return []string{jwt.SigningMethodHS256.Alg(), jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg()}
}

// NewVerifier makes a Verifier, which asks the keys in their order. At least one
// is needed. options may be nil.
func NewVerifier(keys []Keys, options *Options) (*Verifier, error) {
	if len(keys) == 0 {
		return nil, errors.New("a key to verify tokens with is needed")
	}
	o := Options{}
	if options != nil {
		o = *options
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	opts := []jwt.ParserOption{jwt.WithValidMethods(Algorithms()), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(o.Now), jwt.WithIssuedAt()}
	if o.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		opts = append(opts, jwt.WithAudience(o.Audience))
	}
	return &Verifier{keys: keys, opts: o, parser: jwt.NewParser(opts...)}, nil
}

// claims are the parts of a token that we read.
type claims struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
	Roles  []Role `json:"roles"`
}

// UnmarshalJSON implements json.Unmarshaler. A date is a number (RFC 7519, 2);
// the library also takes one in quotes.
func (c *claims) UnmarshalJSON(raw []byte) error {
	var dates struct {
		Exp json.RawMessage `json:"exp"`
		Nbf json.RawMessage `json:"nbf"`
		Iat json.RawMessage `json:"iat"`
	}
	if err := json.Unmarshal(raw, &dates); err != nil {
		return err
	}
	for _, date := range []json.RawMessage{dates.Exp, dates.Nbf, dates.Iat} {
		if len(date) > 0 && date[0] == '"' {
			return errors.New("a date of the token is a text")
		}
	}
	type plain claims
	return json.Unmarshal(raw, (*plain)(c))
}

// Verify reads a token. Its error is fault.Unauthorized for whatever is wrong
// with it, without saying what to whoever sent it, and fault.Unavailable where
// that could not be found out.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	if token == "" || len(token) > MaxToken {
		return Identity{}, invalidToken(errors.New("no token, or one that is too long"))
	}
	c, err := v.parse(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	id, err := c.identity()
	if err != nil {
		return Identity{}, invalidToken(err)
	}
	if v.opts.Revocations != nil {
		gone, err := v.opts.Revocations.Revoked(ctx, id.Tenant, id.TokenID)
		if err != nil {
			return Identity{}, err
		}
		if gone {
			return Identity{}, invalidToken(errors.New("the token was revoked"))
		}
	}
	return id, nil
}

// parse verifies a token by the first of the keys that it is signed with. Each
// source is asked only if those before it did not sign the token, so that one
// that hangs delays nobody else's.
func (v *Verifier) parse(ctx context.Context, token string) (claims, error) {
	var unavailable, last error
	for _, k := range v.keys {
		var c claims
		_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return find(ctx, k, t) })
		if err == nil {
			return c, nil
		}
		var e *fault.Error
		if errors.As(err, &e) && e.Kind == fault.Unavailable {
			unavailable = e
		}
		if last = err; !errors.Is(err, jwt.ErrTokenUnverifiable) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			return c, invalidToken(err) // it cannot be read, or is this source's and counts no more
		}
	}
	if unavailable != nil {
		return claims{}, unavailable
	}
	return claims{}, invalidToken(last)
}

// find returns a source's keys for a token's own header: by its key id and, so
// that no key serves another algorithm than its own, by its algorithm.
func find(ctx context.Context, k Keys, t *jwt.Token) (jwt.VerificationKeySet, error) {
	var set jwt.VerificationKeySet
	kid, _ := t.Header["kid"].(string)
	if len(kid) > maxKeyID {
		return set, errors.New("the key id is too long")
	}
	if _, ok := t.Header["crit"]; ok {
		return set, errors.New("the header demands something that is not understood (crit)") // RFC 7515, 4.1.11
	}
	found, err := k.Find(ctx, kid, t.Method.Alg())
	if err != nil {
		return set, err
	}
	for _, key := range found {
		set.Keys = append(set.Keys, key)
	}
	if len(set.Keys) == 0 {
		return set, fmt.Errorf("no key for %s", t.Method.Alg())
	}
	return set, nil
}

// identity takes the claims that count. A token for a tenant must not be an
// operator's as well, so that a mistake of the issuer gives little away.
func (c claims) identity() (Identity, error) {
	id := Identity{Subject: c.Subject, Tenant: c.Tenant, TokenID: c.ID, Expires: c.ExpiresAt.Time}
	for _, r := range c.Roles {
		if slices.Contains(Roles(), r) {
			id.Roles = append(id.Roles, r)
		}
	}
	operator := slices.Contains(id.Roles, Operator)
	switch {
	case len(id.Roles) == 0:
		return Identity{}, errors.New("the token has no role that is known")
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return Identity{}, errors.New("the token names no subject")
	case c.ID == "" || len(c.ID) > MaxTokenID:
		return Identity{}, errors.New("the token has no id (jti), so that it could not be revoked")
	case operator && c.Tenant != "":
		return Identity{}, errors.New("an operator's token must not name a tenant")
	case !operator && c.Tenant == "":
		return Identity{}, errors.New("the token names no tenant")
	}
	return id, nil
}

func invalidToken(why error) error {
	return &fault.Error{Op: "verify token", Kind: fault.Unauthorized, Public: "A valid bearer token is needed.", Err: why}
}
