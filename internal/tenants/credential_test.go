package tenants_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func privateKey(t *testing.T, bits int) secret.String {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

func TestProductboardAuthCheck(t *testing.T) {
	key, canary := privateKey(t, 2048), secret.New("canary")
	for name, tc := range map[string]struct {
		auth tenants.ProductboardAuth
		want []tenants.AuthProblem
	}{
		"token":            {tenants.APIToken(canary), nil},
		"no token":         {tenants.APIToken(secret.String{}), []tenants.AuthProblem{{Field: "token", Message: "is missing"}}},
		"no kind":          {tenants.ProductboardAuth{Token: canary}, []tenants.AuthProblem{{Field: "kind", Message: "must be token, oauth or jwt"}}},
		"oauth":            {tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "c", ClientSecret: canary, Scope: "entities:read"}, nil},
		"a public client":  {tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "c"}, nil},
		"oauth and token":  {tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "c", Token: canary}, []tenants.AuthProblem{{Field: "token", Message: "does not belong to a credential of the kind oauth"}}},
		"jwt":              {tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "c", Subject: "u", PrivateKey: key, KeyID: "k"}, nil},
		"jwt without user": {tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "c", PrivateKey: key}, []tenants.AuthProblem{{Field: "subject", Message: "is missing"}}},
		"no key":           {tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "c", Subject: "u", PrivateKey: canary}, []tenants.AuthProblem{{Field: "privateKey", Message: "is not an RSA private key in PEM (PKCS#1 or PKCS#8, without a password)"}}},
		"a short key":      {tenants.ProductboardAuth{Kind: tenants.AuthJWT, ClientID: "c", Subject: "u", PrivateKey: privateKey(t, 1024)}, []tenants.AuthProblem{{Field: "privateKey", Message: "is shorter than 2048 bits"}}},
	} {
		require.Equal(t, tc.want, tc.auth.Check(), name)
	}
}

func TestStoreSealsEveryKindOfAuth(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		for name, auth := range map[string]tenants.ProductboardAuth{
			"oauth": {Kind: tenants.AuthOAuth, ClientID: "c", ClientSecret: secret.New("canary-secret"), Scope: "entities:read"},
			"jwt":   {Kind: tenants.AuthJWT, ClientID: "c", Subject: "u", PrivateKey: secret.New("canary-key"), KeyID: "k", Scope: "entities:read"},
		} {
			in := integration(name)
			in.Productboard = auth
			in, err := s.Tenant("acme").Create(t.Context(), in)
			require.NoError(t, err)
			got, err := s.ByID(t.Context(), in.ID)
			require.NoError(t, err)
			require.Equal(t, auth, got.Productboard)
			require.NotContains(t, env.Client.HGet(t.Context(), "pb:{t:acme}:integrations", in.ID).Val(), "canary")
		}
	})
}

// A credential that stopped working is marked once, however many find out, and
// the mark goes with the credential.
func TestNeedReconnect(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		s := open(t, env, "acme")
		acme := s.Tenant("acme")
		read := func(id string) tenants.Integration {
			in, err := acme.Integration(t.Context(), id)
			require.NoError(t, err)
			return in
		}
		used, err := acme.Create(t.Context(), integration("Engineering"))
		require.NoError(t, err)

		var group sync.WaitGroup
		marked := make(chan bool, 8)
		for range cap(marked) {
			group.Go(func() {
				set, err := s.NeedReconnect(t.Context(), used, fault.SideTracker, "The key was revoked.")
				assert.NoError(t, err)
				marked <- set
			})
		}
		group.Wait()
		close(marked)
		times := 0
		for set := range marked {
			if set {
				times++
			}
		}
		require.Equal(t, 1, times)
		got := read(used.ID)
		require.Equal(t, fault.SideTracker, got.Reconnect.Side)
		require.Equal(t, "The key was revoked.", got.Reconnect.Reason)
		require.False(t, got.Reconnect.Since.IsZero())
		ids, err := s.Reconnecting(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{used.ID}, ids)

		// Another change leaves it, the credential of the other side too.
		got.ButtonLabel, got.Productboard.Token = "Go", secret.New("canary-other")
		_, err = acme.Update(t.Context(), got)
		require.NoError(t, err)
		require.NotNil(t, read(used.ID).Reconnect)

		// Another credential of that side clears it, and what failed with the
		// former one cannot mark it again.
		got = read(used.ID)
		got.Target.Credentials["apiKey"] = secret.New("canary-new")
		_, err = acme.Update(t.Context(), got)
		require.NoError(t, err)
		require.Nil(t, read(used.ID).Reconnect)
		set, err := s.NeedReconnect(t.Context(), used, fault.SideTracker, "Late.")
		require.NoError(t, err)
		require.False(t, set)
		require.Nil(t, read(used.ID).Reconnect)

		// A credential that works again without having been changed.
		set, err = s.NeedReconnect(t.Context(), read(used.ID), fault.SideProductboard, "Expired.")
		require.NoError(t, err)
		require.True(t, set)
		cleared, err := s.Reconnected(t.Context(), "acme", used.ID, fault.SideTracker)
		require.NoError(t, err)
		require.False(t, cleared, "the other side")
		cleared, err = s.Reconnected(t.Context(), "acme", used.ID, fault.SideProductboard)
		require.NoError(t, err)
		require.True(t, cleared)
		require.Nil(t, read(used.ID).Reconnect)

		require.NoError(t, s.Resumed(t.Context(), used.ID))
		ids, err = s.Reconnecting(t.Context())
		require.NoError(t, err)
		require.Empty(t, ids)
	})
}
