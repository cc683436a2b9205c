package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
)

// Every way in which tokens are attacked, over HTTP against the whole program:
// always 401 with the same answer, on every kind of address.
func TestAdminTokenAttacks(t *testing.T) {
	issuer, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(issuer.Public())
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	file := filepath.Join(t.TempDir(), "issuer.pem")
	require.NoError(t, os.WriteFile(file, public, 0o600))
	a, _ := adminApp(t, "PLUGIN_ADMIN_JWT_PUBLIC_KEYS", file, "PLUGIN_ADMIN_JWT_ISSUER", "https://id.example", "PLUGIN_ADMIN_JWT_AUDIENCE", "plugin")
	shared := []byte(strings.Repeat("s", auth.MinSharedKey))
	for _, id := range []string{"acme", "other"} {
		_, err := a.tenants.CreateTenant(t.Context(), id)
		require.NoError(t, err)
	}
	require.NoError(t, auth.NewRevocationStore(a.rdb).Revoke(t.Context(), "acme", "gone", "jane", time.Hour))
	front, err := a.Front()
	require.NoError(t, err)
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	get := func(path, authorization string) (int, string, http.Header) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body), resp.Header
	}

	now := time.Now()
	claims := func(change ...any) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "jane", "jti": "t-1", "tenant": "acme", "roles": []string{"admin"}, "iss": "https://id.example", "aud": "plugin",
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	sign := func(m jwt.SigningMethod, key any, c jwt.MapClaims, head ...any) string {
		token := jwt.NewWithClaims(m, c)
		for i := 0; i < len(head); i += 2 {
			token.Header[head[i].(string)] = head[i+1]
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	good := map[string]string{"shared key": sign(jwt.SigningMethodHS256, shared, claims()), "issuer": sign(jwt.SigningMethodRS256, issuer, claims())}
	parts := strings.Split(good["issuer"], ".")
	b64 := base64.RawURLEncoding.EncodeToString
	forged, err := json.Marshal(claims("tenant", "other"))
	require.NoError(t, err)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)

	bad := map[string]string{
		"none":                                "",
		"Basic":                               "Basic " + good["issuer"],
		"empty":                               "Bearer ",
		"garbage":                             "Bearer a.b.c",
		"two tokens":                          "Bearer " + good["issuer"] + " " + good["issuer"],
		"alg none":                            "Bearer " + sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims()),
		"alg None":                            "Bearer " + b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".",
		"alg absent":                          "Bearer " + b64([]byte(`{"typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key (PEM)":     "Bearer " + sign(jwt.SigningMethodHS256, public, claims()),
		"HS256 with the public key (DER)":     "Bearer " + sign(jwt.SigningMethodHS256, der, claims()),
		"RS256 said, signed with another key": "Bearer " + sign(jwt.SigningMethodRS256, stranger, claims()),
		"key of its own in the header (jwk)":  "Bearer " + sign(jwt.SigningMethodRS256, stranger, claims(), "jwk", map[string]any{"kty": "RSA"}),
		"key address in the header (jku)":     "Bearer " + sign(jwt.SigningMethodRS256, stranger, claims(), "jku", server.URL),
		"key file in the header (kid)":        "Bearer " + sign(jwt.SigningMethodHS256, []byte(""), claims(), "kid", "/dev/null"),
		"RS512":                               "Bearer " + sign(jwt.SigningMethodRS512, issuer, claims()),
		"HS512":                               "Bearer " + sign(jwt.SigningMethodHS512, shared, claims()),
		"critical header":                     "Bearer " + sign(jwt.SigningMethodHS256, shared, claims(), "crit", []string{"exp"}),
		"wrong audience":                      "Bearer " + sign(jwt.SigningMethodRS256, issuer, claims("aud", "other")),
		"wrong issuer":                        "Bearer " + sign(jwt.SigningMethodRS256, issuer, claims("iss", "https://evil.example")),
		"expired":                             "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("exp", now.Add(-time.Minute).Unix())),
		"not before the future":               "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("nbf", now.Add(time.Minute).Unix())),
		"issued in the future":                "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("iat", now.Add(time.Minute).Unix())),
		"claims changed":                      "Bearer " + parts[0] + "." + b64(forged) + "." + parts[2],
		"signature cut":                       "Bearer " + good["issuer"][:len(good["issuer"])-4],
		"no signature":                        "Bearer " + parts[0] + "." + parts[1] + ".",
		"revoked":                             "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("jti", "gone")),
		"operator of a tenant":                "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("roles", []string{"admin", "operator"})),
		"no tenant":                           "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("tenant", "")),
		"a list as tenant":                    "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("tenant", []string{"acme", "other"})),
		"roles as text":                       "Bearer " + sign(jwt.SigningMethodHS256, shared, claims("roles", "admin")),
		"larger than the limit":               "Bearer " + strings.Repeat("a", auth.MaxToken+1),
	}
	for name, authorization := range bad {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/admin/v1", "/admin/v1/", "/admin/v1//tenants", "/admin/v1/openapi.json", "/admin/v1/tenants/acme", "/admin/v1/tenants/nobody", "/admin/v1/nowhere"} {
				status, body, head := get(path, authorization)
				require.Equal(t, http.StatusUnauthorized, status, "%s: %s", path, body)
				require.Contains(t, head.Get("WWW-Authenticate"), "Bearer")
				require.Equal(t, "application/problem+json", head.Get("Content-Type"))
				require.Contains(t, body, `"urn:pushbutton:problem:token"`)
				require.NotContains(t, body, "acme")
			}
		})
	}
	for name, token := range good {
		status, body, _ := get("/admin/v1/tenants/acme", "Bearer "+token)
		require.Equal(t, http.StatusOK, status, "%s: %s", name, body)
		status, _, _ = get("/admin/v1/tenants/other", "Bearer "+token)
		require.Equal(t, http.StatusNotFound, status, "another tenant's")
	}
}
