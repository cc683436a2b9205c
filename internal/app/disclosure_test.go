package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

// An admin may change addresses and never learns a credential: a stored one
// goes to no other scheme, host or port than it was set for, whichever setting
// leads there.
func TestAPatchDisclosesNoCredential(t *testing.T) {
	var seen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(thief.Close)
	pb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(pb.Close)
	a, key := adminApp(t, "PLUGIN_PRODUCTBOARD_API_URL", pb.URL+"/v2", "PLUGIN_OUTBOUND_ALLOW", "127.0.0.0/8")
	front, err := a.Front()
	require.NoError(t, err)
	_, err = a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	token, _, err := key.Mint(auth.Grant{Subject: "jane", Tenant: "acme", Roles: []auth.Role{auth.Admin}, Life: time.Hour}, time.Now())
	require.NoError(t, err)
	patch := func(id, body string) (int, string) {
		req := httptest.NewRequest(http.MethodPatch, "/admin/v1/tenants/acme/integrations/"+id, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/merge-patch+json")
		req.Header.Set("If-Match", "*")
		req.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		front.ServeHTTP(rec, req)
		require.NotContains(t, rec.Body.String(), "canary")
		return rec.Code, rec.Body.String()
	}

	const redmine = `{"url":"http://127.0.0.1:1","project":"p","tracker":"Bug"}`
	const described = `{"vars":{"url":"http://127.0.0.1:1"},"headers":{"Authorization":"{{secret \"first\"}}"},"issue":{"id":"$.id"},
		"check":[{"url":"{{var \"url\"}}/me","expect":"$.id"}],"create":{"url":"{{var \"url\"}}/issues"}}`
	const twoHosts = `{"issue":{"id":"$.id"},"create":{"url":"http://127.0.0.1:1/","headers":{"Authorization":"{{secret \"first\"}}"}},
		"check":[{"url":"THIEF/","expect":"$.id","headers":{"Authorization":"{{secret \"second\"}}"}}]}`
	for name, tc := range map[string]struct {
		kind, settings, patch string
		credentials           []string
		asked                 string // the credential that has to be sent again; "": none
	}{
		"host":    {"redmine", redmine, `{"url":"THIEF"}`, []string{"apiKey"}, "apiKey"},
		"default": {"gitlab", `{"url":"http://127.0.0.1:1","project":"a/b"}`, `{"url":null}`, []string{"token"}, "token"},
		"second address": {"jira", `{"url":"http://127.0.0.1:1","project":"P","email":"a@example.com","cloudId":"11223344-a1b2-3b33-c444-def123456789","gatewayUrl":"http://127.0.0.1:1"}`,
			`{"gatewayUrl":"THIEF"}`, []string{"apiToken"}, "apiToken"},
		"variable":         {"http", described, `{"vars":{"url":"THIEF"}}`, []string{"first"}, "first"},
		"nested":           {"http", described, `{"create":{"url":"THIEF/issues"}}`, []string{"first"}, "first"},
		"in a list":        {"http", described, `{"check":[{"url":"THIEF/me","expect":"$.id"}]}`, []string{"first"}, "first"},
		"new request":      {"http", described, `{"close":{"url":"THIEF/{{.ID}}"}}`, []string{"first"}, "first"},
		"another's secret": {"http", twoHosts, `{"check":[{"url":"THIEF/","expect":"$.id","headers":{"Authorization":"{{secret \"second\"}}{{secret \"first\"}}"}}]}`, []string{"first", "second"}, "first"},
		"path alone":       {"redmine", redmine, `{"url":"http://127.0.0.1:1/redmine"}`, []string{"apiKey"}, ""},
		"spelling alone":   {"redmine", `{"url":"http://localhost","project":"p","tracker":"Bug"}`, `{"url":"HTTP://LOCALHOST:80/"}`, []string{"apiKey"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			here := strings.NewReplacer("THIEF", thief.URL)
			in := tenants.Integration{ID: tenants.NewID(), Name: name, Type: "com.pushbutton.x", ButtonLabel: "Push", ActionAuth: tenants.NewActionAuth(), ProductboardID: tenants.NewID(),
				Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkLeave, Productboard: tenants.APIToken(secret.New("canary-pb")),
				Target: tenants.TargetConfig{Type: tc.kind, Credentials: map[string]secret.String{}}}
			require.NoError(t, json.Unmarshal([]byte(here.Replace(tc.settings)), &in.Target.Settings))
			again := map[string]string{}
			for _, name := range tc.credentials {
				again[name] = "canary-credential-" + name + "@example.com"
				in.Target.Credentials[name] = secret.New(again[name])
			}
			_, err := a.tenants.Tenant("acme").Create(t.Context(), in)
			require.NoError(t, err)
			seen.Store(0)
			change := here.Replace(tc.patch)
			status, text := patch(in.ID, `{"target":{"settings":`+change+`}}`)
			require.Zero(t, seen.Load(), "nothing is sent there: %s", text)
			if tc.asked == "" {
				require.NotContains(t, text, "must be sent again")
				return
			}
			require.Equal(t, http.StatusUnprocessableEntity, status, text)
			require.Contains(t, text, `"target.credentials.`+tc.asked+`","message":"must be sent again: target.settings.`)

			_, text = patch(in.ID, `{"enabled":false,"target":{"settings":`+change+`,"credentials":{"other":null}}}`)
			require.Contains(t, text, "must be sent again", "another credential is not this one")
			require.Zero(t, seen.Load())
			sent, err := json.Marshal(again)
			require.NoError(t, err)
			_, text = patch(in.ID, `{"target":{"settings":`+change+`,"credentials":`+string(sent)+`}}`)
			require.NotContains(t, text, "must be sent again", "whoever knows the credential may move it")
		})
	}
}

// The credentials of one kind of tracker are not tried at another.
func TestAPatchOfTheKindDisclosesNoCredential(t *testing.T) {
	var seen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(thief.Close)
	pb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(pb.Close)
	a, _ := adminApp(t, "PLUGIN_PRODUCTBOARD_API_URL", pb.URL+"/v2", "PLUGIN_OUTBOUND_ALLOW", "127.0.0.0/8")
	_, err := a.tenants.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	in, err := a.tenants.Tenant("acme").Create(t.Context(), tenants.Integration{ID: tenants.NewID(), Name: "x", ActionAuth: tenants.NewActionAuth(), ProductboardID: tenants.NewID(),
		Productboard: tenants.APIToken(secret.New("canary-pb")), Target: tenants.TargetConfig{Type: "gitlab", Settings: map[string]any{"project": "a/b"},
			Credentials: map[string]secret.String{"token": secret.New("canary-token")}}})
	require.NoError(t, err)
	_, _, err = a.Registrar().Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error {
		in.Target.Type, in.Target.Settings = "gitea", map[string]any{"url": thief.URL, "repository": "a/b"}
		return nil
	})
	require.ErrorContains(t, err, "cannot be changed")
	require.Zero(t, seen.Load())
}
