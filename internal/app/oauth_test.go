package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
)

// An admin connects an integration by OAuth through the admin API, the session
// is revoked at Productboard, and the admin connects it again.
func TestConnectThroughTheAdminAPI(t *testing.T) {
	fake := pbfake.New(&pbfake.Options{RateLimit: -1, Apps: []pbfake.OAuthApp{{
		ClientID: "app", Secret: "canary-secret", RedirectURIs: []string{"https://push.example.com" + pbauth.CallbackPath}, Scopes: strings.Fields(pbauth.DefaultScope),
	}}})
	t.Cleanup(fake.Close)
	pb := httptest.NewServer(fake)
	t.Cleanup(pb.Close)
	a, key := adminApp(t, "PLUGIN_PRODUCTBOARD_API_URL", pb.URL+"/v2", "PLUGIN_PRODUCTBOARD_APP_URL", pb.URL)
	front, err := a.Front()
	require.NoError(t, err)
	_, err = a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", ActionAuth: tenants.NewActionAuth(),
		Productboard: tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "app", ClientSecret: secret.New("canary-secret")}})
	require.NoError(t, err)
	token := func(subject string) string {
		minted, _, err := key.Mint(auth.Grant{Subject: subject, Tenant: "acme", Roles: []auth.Role{auth.Admin}, Life: time.Hour}, time.Now())
		require.NoError(t, err)
		return minted
	}
	call := func(subject, method, path string, body any, into any) int {
		t.Helper()
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		req := httptest.NewRequest(method, "/admin/v1/tenants/acme/integrations/"+in.ID+path, bytes.NewReader(raw))
		if body == nil {
			req = httptest.NewRequest(method, "/admin/v1/tenants/acme/integrations/"+in.ID+path, nil)
		} else {
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+token(subject))
		rec := httptest.NewRecorder()
		front.ServeHTTP(rec, req)
		require.NotContains(t, rec.Body.String(), "canary")
		if into != nil && rec.Code < 300 {
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), into), rec.Body.String())
		}
		return rec.Code
	}
	type status struct {
		Productboard string
		Connected    bool
		Reconnect    *struct{ Side, Reason string }
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	consent := func() (state, code string) {
		t.Helper()
		var started struct{ AuthorizeURL, State string }
		require.Equal(t, http.StatusOK, call("jane", http.MethodPost, "/oauth", nil, &started))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, started.AuthorizeURL, nil)
		require.NoError(t, err)
		resp, err := browser.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		back, err := resp.Location()
		require.NoError(t, err)
		// The browser has no token and gets a page all the same; it shows the code.
		rec := httptest.NewRecorder()
		front.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, back.RequestURI(), nil))
		require.Equal(t, http.StatusOK, rec.Code)
		code = back.Query().Get("code")
		require.Contains(t, rec.Body.String(), code)
		return started.State, code
	}
	finish := func(subject, state, code string, into any) int {
		return call(subject, http.MethodPost, "/oauth/finish", map[string]string{"state": state, "code": code}, into)
	}

	var s status
	require.Equal(t, http.StatusOK, call("jane", http.MethodGet, "/credentials", nil, &s))
	require.Equal(t, status{Productboard: "oauth"}, s)
	state, code := consent()
	require.Equal(t, http.StatusUnprocessableEntity, finish("mallory", state, code, nil), "another admin")
	state, code = consent()
	require.Equal(t, http.StatusOK, finish("jane", state, code, &s))
	require.True(t, s.Connected)
	for _, err := range a.peers.session(in).ListIntegrations(t.Context()) {
		require.NoError(t, err)
	}

	fake.RevokeSessions("app")
	for _, err := range a.peers.session(in).ListIntegrations(t.Context()) {
		require.Error(t, err)
	}
	_, err = a.tenants.NeedReconnect(t.Context(), in, fault.SideProductboard, "An admin must connect it again.")
	require.NoError(t, err)
	s = status{}
	require.Equal(t, http.StatusOK, call("jane", http.MethodGet, "/credentials", nil, &s))
	require.False(t, s.Connected)
	require.Equal(t, "productboard", s.Reconnect.Side)
	state, code = consent()
	s = status{}
	require.Equal(t, http.StatusOK, finish("jane", state, code, &s))
	require.True(t, s.Connected)
	require.Nil(t, s.Reconnect)

	require.Equal(t, http.StatusOK, call("jane", http.MethodPost, "/credentials/works", map[string]string{"side": "tracker"}, &s))
}
