package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbutton/internal/admin"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/tenants"
)

// FuzzAdminBodies sends anything to every route that changes something:
// nothing panics, nothing is an internal failure, and what is wrong is named.
func FuzzAdminBodies(f *testing.F) {
	a, key := adminApp(f, "PLUGIN_PRODUCTBOARD_API_URL", "http://127.0.0.1:1")
	handler, err := a.adminAPI(silent)
	if err != nil {
		f.Fatal(err)
	}
	api, ok := handler.(*admin.API)
	if !ok {
		f.Fatal("no API")
	}
	if _, err := a.tenants.CreateTenant(f.Context(), "acme"); err != nil {
		f.Fatal(err)
	}
	in, err := a.tenants.Tenant("acme").Create(f.Context(), tenants.Integration{ID: tenants.NewID(), Name: "Engineering", Target: tenants.TargetConfig{Type: "memory"}})
	if err != nil {
		f.Fatal(err)
	}
	token, _, err := key.Mint(auth.Grant{Subject: "jane", Roles: []auth.Role{auth.Operator}, Life: 24 * time.Hour}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	routes := slices.DeleteFunc(slices.Clone(api.Routes()), func(r admin.Route) bool { return r.Method == http.MethodGet })
	path := strings.NewReplacer("{tenant}", "acme", "{integration}", in.ID, "{token}", "t-1", "{entity}", "e-1")
	for i := range routes {
		f.Add(uint8(i), []byte(`{}`))
		f.Add(uint8(i), []byte(`{"id":"b","name":"x","limits":{"maxQueued":1,"maxInFlight":null},"ca":"","confirm":"acmé","reason":"r","expires":"2026-01-01T00:00:00Z"}`))
	}
	for i, r := range routes {
		f.Add(uint8(i), []byte(boundtest.Fill(`{"name":"x","settings":{"x":[`, `0,`, `0]}}`)))
		if strings.Contains(r.Path, "/connections") {
			f.Add(uint8(i), []byte(`{"issue":"https://tracker.example/issues/1"}`))
			f.Add(uint8(i), []byte(`{"integration":"Engineering","kind":"timeout","from":"2026-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z","text":"x","cursor":"YQ","limit":1}`))
		}
	}
	f.Add(uint8(0), []byte(`{"id":`))
	for _, text := range boundtest.JSON() {
		f.Add(uint8(0), []byte(text))
	}
	f.Add(uint8(0), []byte("{\"\xff\":1}"))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r := routes[int(which)%len(routes)]
		req := httptest.NewRequestWithContext(t.Context(), r.Method, admin.Base+path.Replace(r.Path), strings.NewReader(string(body)))
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("If-Match", "*")
		rec := httptest.NewRecorder()
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 3 << 20, PerByte: 128}, func() { api.ServeHTTP(rec, req) })
		if rec.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %s", r.Method, r.Path, rec.Body)
		}
		if rec.Code < 400 {
			return
		}
		var p struct {
			Type   admin.ProblemType  `json:"type"`
			Errors []admin.FieldError `json:"errors"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || !strings.HasPrefix(string(p.Type), admin.ProblemPrefix) {
			t.Fatalf("%s %s answers no problem: %d %s", r.Method, r.Path, rec.Code, rec.Body)
		}
		if p.Type != admin.ProblemValidation && p.Type != admin.ProblemMalformed {
			return
		}
		if len(p.Errors) == 0 || p.Errors[0].Field == "" || p.Errors[0].Message == "" {
			t.Fatalf("%s %s names no field: %s", r.Method, r.Path, rec.Body)
		}
	})
}
