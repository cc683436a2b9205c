package tenants

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

// AuthKind is how calls to Productboard are authorised.
type AuthKind string

// The three kinds that Productboard has.
const (
	// AuthToken is an API token, made by an admin in Productboard.
	AuthToken AuthKind = "token"
	// AuthOAuth is OAuth 2.0, authorization code with PKCE. Its tokens change
	// all the time and are kept apart (internal/tenants/pbauth); here is the client.
	AuthOAuth AuthKind = "oauth"
	// AuthJWT is server to server: short tokens for an assertion signed RS256.
	AuthJWT AuthKind = "jwt"
)

// ProductboardAuth is the credential for Productboard's API. It is comparable;
// which fields count depends on Kind.
type ProductboardAuth struct {
	Kind AuthKind
	// Token is the bearer token (AuthToken).
	Token secret.String
	// ClientID names the OAuth application (AuthOAuth), or the issuer of the
	// assertion (AuthJWT).
	ClientID string
	// ClientSecret is the application's (AuthOAuth); empty for a public client,
	// which PKCE alone protects.
	ClientSecret secret.String
	// Subject is the user on whose behalf the plugin calls (AuthJWT).
	Subject string
	// PrivateKey signs assertions (AuthJWT): an RSA key of at least 2048 bits,
	// PEM.
	PrivateKey secret.String
	// KeyID is the assertion's kid (AuthJWT); empty: none is sent.
	KeyID string
	// Scope is what is asked for, separated by spaces (AuthOAuth, AuthJWT);
	// empty: what this plugin needs.
	Scope string
}

// APIToken is the credential of an API token.
func APIToken(token secret.String) ProductboardAuth {
	return ProductboardAuth{Kind: AuthToken, Token: token}
}

// Fingerprint names the credential without revealing it, for maps and
// comparisons.
func (a ProductboardAuth) Fingerprint() string {
	parts := []string{string(a.Kind), a.Token.Reveal(), a.ClientID, a.ClientSecret.Reveal(), a.Subject, a.PrivateKey.Reveal(), a.KeyID, a.Scope}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:digestBytes])
}

// Reconnect says that a credential has stopped working and that nothing is
// sent until somebody has repaired it. It belongs to that very credential:
// storing the integration with another one on that side clears it.
type Reconnect struct {
	// Side is whose credential it is: Productboard or the tracker.
	Side fault.Side
	// Reason is a sentence for people that says who must act.
	Reason string
	Since  time.Time

	// of names the credential that failed; the store sets it.
	of string
}

// credentialOf names the credential of a side. It stands in Redis beside the
// sealed ones, so it is keyed: a weak password shall not be guessed from it.
func (in Integration) credentialOf(side fault.Side) string {
	if side == fault.SideProductboard {
		return keyed(in.ActionAuth, []string{in.Productboard.Fingerprint()})
	}
	parts := []string{in.Target.Type}
	for _, name := range slices.Sorted(maps.Keys(in.Target.Credentials)) {
		parts = append(parts, name, in.Target.Credentials[name].Reveal())
	}
	return keyed(in.ActionAuth, parts)
}

// reconnect is what is still true of the mark that the integration carries.
func (in Integration) reconnect() *Reconnect {
	r := in.Reconnect
	if r == nil {
		return nil
	}
	current := in.credentialOf(r.Side)
	if r.of != "" && r.of != current {
		return nil
	}
	mark := *r
	mark.of = current
	return &mark
}

const digestBytes = 12

func keyed(key secret.String, parts []string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = mac.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(mac.Sum(nil)[:digestBytes])
}

// AuthProblem is one thing that is wrong with a ProductboardAuth.
type AuthProblem struct {
	// Field is its name as in an apply file: token, clientId, clientSecret,
	// subject, privateKey, keyId, scope, kind.
	Field string
	// Message goes after it ("is missing") and repeats no secret.
	Message string
}

// leastKeyBits is the shortest RSA key that RS256 allows (RFC 7518, 3.3).
const leastKeyBits = 2048

// Check says all that is wrong with the credential, without reaching out; the
// fields of another kind must be empty.
func (a ProductboardAuth) Check() []AuthProblem {
	var problems []AuthProblem
	add := func(field, message string) { problems = append(problems, AuthProblem{field, message}) }
	type rule struct {
		name         string
		empty        bool
		wanted, free bool
	}
	token, oauth, assertion := a.Kind == AuthToken, a.Kind == AuthOAuth, a.Kind == AuthJWT
	if !token && !oauth && !assertion {
		add("kind", "must be token, oauth or jwt")
		return problems
	}
	for _, r := range []rule{
		{"token", a.Token.Empty(), token, false},
		{"clientId", a.ClientID == "", oauth || assertion, false},
		{"clientSecret", a.ClientSecret.Empty(), false, oauth},
		{"subject", a.Subject == "", assertion, false},
		{"privateKey", a.PrivateKey.Empty(), assertion, false},
		{"keyId", a.KeyID == "", false, assertion},
		{"scope", a.Scope == "", false, oauth || assertion},
	} {
		switch {
		case r.empty && r.wanted:
			add(r.name, "is missing")
		case !r.empty && !r.wanted && !r.free:
			add(r.name, "does not belong to a credential of the kind "+string(a.Kind))
		}
	}
	if assertion && !a.PrivateKey.Empty() {
		// The cause is left out: it may repeat what it could not read.
		key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(a.PrivateKey.Reveal()))
		switch {
		case err != nil:
			add("privateKey", "is not an RSA private key in PEM (PKCS#1 or PKCS#8, without a password)")
		case key.N.BitLen() < leastKeyBits:
			add("privateKey", "is shorter than 2048 bits")
		}
	}
	return problems
}
