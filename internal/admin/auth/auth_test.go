package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
)

var (
	shared = strings.Repeat("k", auth.MinSharedKey)
	start  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

func clock() time.Time { return start }

func good() jwt.MapClaims {
	return jwt.MapClaims{"sub": "jane", "jti": "t-1", "tenant": "acme", "roles": []string{"admin"}, "iss": "https://idp.example", "aud": "plugin",
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(time.Hour).Unix()}
}

func without(c jwt.MapClaims, name string) jwt.MapClaims { delete(c, name); return c }
func with(c jwt.MapClaims, name string, v any) jwt.MapClaims {
	c[name] = v
	return c
}

func sign(t *testing.T, m jwt.SigningMethod, kid string, key any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func verifier(t *testing.T, revoked auth.Revocations, keys ...auth.Keys) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(keys, &auth.Options{Issuer: "https://idp.example", Audience: "plugin", Revocations: revoked, Now: clock})
	require.NoError(t, err)
	return v
}

func sharedKey(t *testing.T) auth.SharedKey {
	t.Helper()
	k, err := auth.NewSharedKey(secret.New(shared))
	require.NoError(t, err)
	return k
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

type signer struct {
	method jwt.SigningMethod
	key    crypto.Signer
}

func signers(t *testing.T) []signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, d, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return []signer{{jwt.SigningMethodRS256, r}, {jwt.SigningMethodES256, e}, {jwt.SigningMethodEdDSA, d}}
}

func TestGoodTokens(t *testing.T) {
	v := verifier(t, nil, sharedKey(t))
	id, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, "", []byte(shared), good()))
	require.NoError(t, err)
	require.Equal(t, auth.Identity{Subject: "jane", Tenant: "acme", Roles: []auth.Role{auth.Admin}, TokenID: "t-1", Expires: start.Add(time.Hour)}, utc(id))
	for _, s := range signers(t) {
		keys, err := auth.ParsePublicKeys(publicPEM(t, s.key.Public()))
		require.NoError(t, err)
		_, err = verifier(t, nil, keys, sharedKey(t)).Verify(t.Context(), sign(t, s.method, "any", s.key, good()))
		require.NoError(t, err, s.method.Alg())
	}
}

func utc(id auth.Identity) auth.Identity { id.Expires = id.Expires.UTC(); return id }

// Every way in which tokens are attacked is refused, with the same words.
func TestAttacks(t *testing.T) {
	all := signers(t)
	rsaKey, ecKey := all[0], all[1]
	rsaPEM := publicPEM(t, rsaKey.key.Public())
	keys, err := auth.ParsePublicKeys(append(rsaPEM, publicPEM(t, ecKey.key.Public())...))
	require.NoError(t, err)
	rdb := redistest.Mini(t)
	revoked := auth.NewRevocationStore(rdb.Client)
	require.NoError(t, revoked.Revoke(t.Context(), "", "t-gone", "jane", time.Hour))
	require.NoError(t, revoked.Revoke(t.Context(), "acme", "t-left", "jane", time.Hour))
	require.NoError(t, revoked.Revoke(t.Context(), "other", "t-1", "jane", time.Hour))
	v := verifier(t, revoked, sharedKey(t), keys)
	hs := func(c jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, "", []byte(shared), c) }
	none := sign(t, jwt.SigningMethodNone, "", jwt.UnsafeAllowNoneSignatureType, good())
	critical := jwt.NewWithClaims(jwt.SigningMethodHS256, good())
	critical.Header["crit"] = []string{"b64"}
	crit, err := critical.SignedString([]byte(shared))
	require.NoError(t, err)
	valid := hs(good())
	parts := strings.Split(valid, ".")
	forged, err := json.Marshal(with(good(), "tenant", "other"))
	require.NoError(t, err)
	header := func(alg string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `","typ":"JWT"}`))
	}
	for name, token := range map[string]string{
		"nothing":                       "",
		"garbage":                       "a.b.c",
		"too long":                      strings.Repeat("a", auth.MaxToken+1),
		"alg none":                      none,
		"alg none, spelt otherwise":     header("nOnE") + "." + parts[1] + ".",
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"claims changed":                parts[0] + "." + base64.RawURLEncoding.EncodeToString(forged) + "." + parts[2],
		"header changed":                header("HS512") + "." + parts[1] + "." + parts[2],
		"exp as a text":                 hs(with(good(), "exp", fmt.Sprint(start.Add(time.Hour).Unix()))),
		"exp as a text, spelt EXP":      hs(with(without(good(), "exp"), "EXP", fmt.Sprint(start.Add(time.Hour).Unix()))),
		"nbf as a text":                 hs(with(good(), "nbf", fmt.Sprint(start.Unix()))),
		"iat as a text":                 hs(with(good(), "iat", fmt.Sprint(start.Unix()))),
		"public key as shared key":      sign(t, jwt.SigningMethodHS256, "", rsaPEM, good()),
		"another shared key":            sign(t, jwt.SigningMethodHS256, "", []byte(strings.Repeat("x", 32)), good()),
		"another algorithm of the kind": sign(t, jwt.SigningMethodRS512, "", rsaKey.key, good()),
		"somebody else's key":           sign(t, jwt.SigningMethodRS256, "", signers(t)[0].key, good()),
		"HS384":                         sign(t, jwt.SigningMethodHS384, "", []byte(shared), good()),
		"wrong issuer":                  hs(with(good(), "iss", "https://evil.example")),
		"no issuer":                     hs(without(good(), "iss")),
		"wrong audience":                hs(with(good(), "aud", "other")),
		"no audience":                   hs(without(good(), "aud")),
		"expired":                       hs(with(good(), "exp", start.Add(-time.Minute).Unix())),
		"never expires":                 hs(without(good(), "exp")),
		"not yet valid":                 hs(with(good(), "nbf", start.Add(time.Minute).Unix())),
		"issued in the future":          hs(with(good(), "iat", start.Add(time.Minute).Unix())),
		"a critical header":             crit,
		"revoked for the tenant":        hs(with(good(), "jti", "t-left")),
		"no subject":                    hs(without(good(), "sub")),
		"no id":                         hs(without(good(), "jti")),
		"revoked":                       hs(with(good(), "jti", "t-gone")),
		"no tenant":                     hs(without(good(), "tenant")),
		"no role":                       hs(without(good(), "roles")),
		"unknown role":                  hs(with(good(), "roles", []string{"root"})),
		"roles of another type":         hs(with(good(), "roles", "admin")),
		"operator of a tenant":          hs(with(good(), "roles", []string{"operator"})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), token)
			require.Error(t, err)
			require.Equal(t, fault.Unauthorized, fault.KindOf(err))
			require.Equal(t, "A valid bearer token is needed.", fault.From(err).Public)
			if token != "" {
				require.NotContains(t, err.Error(), token)
			}
		})
	}
	_, err = v.Verify(t.Context(), valid)
	require.NoError(t, err, "the same verifier takes a good one")
}

func TestMay(t *testing.T) {
	viewer := auth.Identity{Tenant: "acme", Roles: []auth.Role{auth.Viewer}}
	admin := auth.Identity{Tenant: "acme", Roles: []auth.Role{auth.Admin}}
	operator := auth.Identity{Roles: []auth.Role{auth.Operator}}
	for _, c := range []struct {
		id     auth.Identity
		tenant string
		need   auth.Role
		want   bool
	}{
		{viewer, "acme", auth.Viewer, true}, {viewer, "acme", auth.Admin, false}, {viewer, "other", auth.Viewer, false}, {viewer, "", auth.Viewer, false},
		{admin, "acme", auth.Viewer, true}, {admin, "acme", auth.Admin, true}, {admin, "other", auth.Admin, false}, {admin, "", auth.Viewer, false}, {admin, "acme", auth.Operator, false},
		{operator, "acme", auth.Admin, true}, {operator, "", auth.Operator, true}, {auth.Identity{}, "", auth.Viewer, false},
	} {
		require.Equal(t, c.want, c.id.May(c.tenant, c.need), "%+v %q %s", c.id, c.tenant, c.need)
	}
}

func TestMint(t *testing.T) {
	key := sharedKey(t)
	g := auth.Grant{Subject: "ops", Roles: []auth.Role{auth.Operator}, Life: time.Hour, Issuer: "https://idp.example", Audience: "plugin"}
	token, id, err := key.Mint(g, start)
	require.NoError(t, err)
	got, err := verifier(t, nil, key).Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, id, got.TokenID)
	for name, bad := range map[string]func(*auth.Grant){
		"life":            func(g *auth.Grant) { g.Life = auth.MaxLife + 1 },
		"role":            func(g *auth.Grant) { g.Roles = []auth.Role{"root", auth.Operator} },
		"operator tenant": func(g *auth.Grant) { g.Tenant = "acme" },
		"no subject":      func(g *auth.Grant) { g.Subject = "" },
	} {
		wrong := g
		bad(&wrong)
		_, _, err := key.Mint(wrong, start)
		require.Error(t, err, name)
	}
	_, err = auth.NewSharedKey(secret.New("short"))
	require.ErrorContains(t, err, "at least 32")
}

func TestParsePublicKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	for name, raw := range map[string][]byte{"nothing": nil, "no PEM": []byte("x"), "small": publicPEM(t, small.Public()), "curve": publicPEM(t, p384.Public()),
		"private": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})} {
		_, err := auth.ParsePublicKeys(raw)
		require.Error(t, err, name)
	}
}

func TestJWKS(t *testing.T) {
	all := signers(t)
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: all[0].key.Public(), KeyID: "a", Use: "sig"}, {Key: []byte(shared), KeyID: "shared"}, {Key: all[1].key.Public(), KeyID: "enc", Use: "enc"}}}
	var reads atomic.Int32
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	defer server.Close()
	now := start
	out := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer out.Close()
	keys := auth.NewJWKS(server.URL, out, &auth.JWKSOptions{Now: func() time.Time { return now }})
	v := verifier(t, nil, keys)
	try := func(s signer, kid string) error {
		_, err := v.Verify(context.Background(), sign(t, s.method, kid, s.key, good()))
		return err
	}
	require.NoError(t, try(all[0], "a"))
	require.NoError(t, try(all[0], "a"))
	require.EqualValues(t, 1, reads.Load(), "kept")
	require.Error(t, try(signer{jwt.SigningMethodES256, all[1].key}, "enc"), "a key for something else")
	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, "shared", []byte(shared), good()))
	require.Error(t, err, "a shared key in a public set")
	require.EqualValues(t, 1, reads.Load(), "made-up key ids do not hammer the issuer")

	set.Keys = append(set.Keys, jose.JSONWebKey{Key: all[1].key.Public(), KeyID: "b"})
	now = now.Add(time.Minute)
	require.NoError(t, try(all[1], "b"), "a rotated key is seen at once")
	down.Store(true)
	now = now.Add(time.Hour)
	require.NoError(t, try(all[0], "a"), "the issuer's outage is survived")

	fresh := verifier(t, nil, auth.NewJWKS(server.URL, out, &auth.JWKSOptions{Now: clock}))
	_, err = fresh.Verify(t.Context(), sign(t, all[0].method, "a", all[0].key, good()))
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "not the caller's fault")
}

// An issuer that hangs keeps nobody waiting whose key is known: not those of an
// old set, nor those whose tokens somebody else signs.
func TestAHangingIssuerKeepsNobodyWaiting(t *testing.T) {
	all := signers(t)
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: all[0].key.Public(), KeyID: "a", Use: "sig"}}}
	var hangs atomic.Bool
	asked, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			asked <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	defer server.Close()
	var ended atomic.Int32
	out := outbound.New(&outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Observe: func(outbound.Observation) { ended.Add(1) }})
	defer out.Close()
	var age atomic.Int64
	issuer := auth.NewJWKS(server.URL, out, &auth.JWKSOptions{Now: func() time.Time { return start.Add(time.Duration(age.Load())) }})
	v := verifier(t, nil, sharedKey(t), issuer)
	jwks := func() error {
		_, err := v.Verify(t.Context(), sign(t, all[0].method, "a", all[0].key, good()))
		return err
	}
	require.NoError(t, jwks())
	hangs.Store(true)
	before := ended.Load()
	age.Store(int64(time.Hour))
	for range 5 {
		require.NoError(t, jwks(), "an old set goes on to work")
	}
	<-asked // it is read anew all the same
	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, "", []byte(shared), good()))
	require.NoError(t, err)
	require.Equal(t, before, ended.Load(), "none of them has waited for the issuer")
	require.Empty(t, asked, "once for all")
	hangs.Store(false)
	close(release)
	require.Eventually(t, func() bool { return ended.Load() == before+1 }, time.Minute, time.Millisecond)
	require.NoError(t, jwks())
}

func FuzzVerify(f *testing.F) {
	key, err := auth.NewSharedKey(secret.New(shared))
	if err != nil {
		f.Fatal(err)
	}
	v, err := auth.NewVerifier([]auth.Keys{key}, &auth.Options{Now: clock})
	if err != nil {
		f.Fatal(err)
	}
	token, _, err := key.Mint(auth.Grant{Subject: "x", Tenant: "acme", Roles: []auth.Role{auth.Viewer}, Life: time.Hour}, start)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("a.b.c")
	f.Add(boundtest.Fill("", "a.", "b"))
	f.Add(boundtest.Fill("a.", "AAAA", ".c"))
	// As much as a token may be: many values, none of which is verified yet.
	header, payload, _ := strings.Cut(token, ".")
	f.Add(header + "." + base64.RawURLEncoding.EncodeToString([]byte("["+strings.Repeat("{},", (auth.MaxToken-len(token))/4)+"{}]")) + payload[strings.IndexByte(payload, '.'):])
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","x":[`+strings.Repeat("{},", auth.MaxToken/8)+"{}]}")) + "." + payload)
	f.Fuzz(func(t *testing.T, text string) {
		var id auth.Identity
		var err error
		boundtest.Memory(t, len(text), boundtest.Limit{Base: 512 << 10, PerByte: 24}, func() { id, err = v.Verify(context.Background(), text) })
		if err == nil && text != token {
			// Base64 allows other spellings of the last character only.
			if id.Subject != "x" {
				t.Fatalf("accepted %q", text)
			}
		}
	})
}
