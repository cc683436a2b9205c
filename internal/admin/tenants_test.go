package admin_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/redisdb/redistest"
)

func TestTenantsLife(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		operator, own := r.token("", auth.Operator), r.token("acme", auth.Admin)

		got := r.do(operator, http.MethodPost, "/tenants", `{"id":"acme","name":"Acme","limits":{"maxQueued":5}}`)
		require.Equal(t, http.StatusCreated, got.status, got.raw)
		require.Equal(t, "/admin/v1/tenants/acme", got.head.Get("Location"))
		require.Equal(t, `"1"`, got.head.Get("ETag"))
		got = r.do(operator, http.MethodPost, "/tenants", `{"id":"acme"}`)
		name, _ := got.problem()
		require.Equal(t, "conflict", name)

		usage := r.do(own, http.MethodGet, "/tenants/acme/usage", "").body
		require.EqualValues(t, 5, usage["limits"].(map[string]any)["maxQueued"])
		require.EqualValues(t, r.records.Defaults().MaxInFlight, usage["limits"].(map[string]any)["maxInFlight"])
		got = r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"Acme 2"}`)
		name, _ = got.problem()
		require.Equal(t, "precondition-required", name)
		got = r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"Acme 2"}`, "If-Match", `"7"`)
		name, _ = got.problem()
		require.Equal(t, "precondition-failed", name)
		got = r.do(own, http.MethodPatch, "/tenants/acme", `{"name":"Acme 2"}`, "If-Match", `"1"`)
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.Equal(t, "Acme 2", got.body["name"])
		require.Equal(t, map[string]any{"maxQueued": 5.0}, got.body["limits"])
		got = r.do(own, http.MethodPatch, "/tenants/acme", `{"limits":null}`, "If-Match", "*")
		name, _ = got.problem()
		require.Equal(t, "role", name, "limits are the operator's")
		got = r.do(operator, http.MethodPatch, "/tenants/acme", `{"limits":null}`, "If-Match", "*")
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.NotContains(t, got.body, "limits")

		got = r.do(operator, http.MethodPost, "/tenants/acme/suspend", `{"reason":"unpaid"}`)
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.Contains(t, got.body, "suspended")
		got = r.do(own, http.MethodPost, "/tenants/acme/resume", "")
		name, _ = got.problem()
		require.Equal(t, "role", name)
		got = r.do(operator, http.MethodPost, "/tenants/acme/resume", "")
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.NotContains(t, got.body, "suspended")

		require.Equal(t, http.StatusCreated, r.do(operator, http.MethodPost, "/tenants", `{"id":"other"}`).status)
		got = r.do(operator, http.MethodGet, "/tenants?limit=1", "")
		require.Len(t, got.body["items"], 1)
		got = r.do(operator, http.MethodGet, "/tenants?cursor="+got.body["next"].(string), "")
		require.Len(t, got.body["items"], 1)
		require.Equal(t, "other", got.body["items"].([]any)[0].(map[string]any)["id"])
	})
}

// Everything that is wrong is named at once.
func TestWrongFieldsAreNamed(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	operator := r.token("", auth.Operator)
	_, err := r.store.CreateTenant(t.Context(), "acme")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		method, path, body string
		problem            string
		fields             []string
	}{
		"several":       {http.MethodPost, "/tenants", `{"id":"A B","name":7,"limits":{"maxQueued":-1,"maxInFlight":1.5,"x":1},"colour":"red"}`, "validation", []string{"colour", "id", "limits.maxInFlight", "limits.maxQueued", "limits.x", "name"}},
		"missing":       {http.MethodPost, "/tenants", `{}`, "validation", []string{"id"}},
		"CA":            {http.MethodPost, "/tenants", `{"id":"a","ca":"x"}`, "validation", []string{"ca"}},
		"other case":    {http.MethodPost, "/tenants", `{"id":"a","Name":"x"}`, "validation", []string{"Name"}},
		"a list":        {http.MethodPost, "/tenants", `[]`, "validation", []string{"body"}},
		"no JSON":       {http.MethodPost, "/tenants", `{"id":`, "malformed", []string{"body"}},
		"two values":    {http.MethodPost, "/tenants", `{"id":"a"} {}`, "malformed", []string{"body"}},
		"query":         {http.MethodGet, "/tenants?limit=201&x=1", "", "validation", []string{"query.limit", "query.x"}},
		"query, text":   {http.MethodGet, "/tenants?limit=many", "", "validation", []string{"query.limit"}},
		"query, twice":  {http.MethodGet, "/tenants?limit=1&limit=2", "", "validation", []string{"query.limit"}},
		"patch":         {http.MethodPatch, "/tenants/acme", `{"id":"b","limits":{"maxQueued":"x"},"nothing":null}`, "validation", []string{"id", "limits.maxQueued", "nothing"}},
		"patch, number": {http.MethodPatch, "/tenants/acme", `1`, "validation", []string{"body"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.do(operator, c.method, c.path, c.body, "If-Match", "*")
			problem, fields := got.problem()
			require.Equal(t, c.problem, problem, got.raw)
			require.Equal(t, "application/problem+json", got.head.Get("Content-Type"))
			require.ElementsMatch(t, c.fields, fields, got.raw)
		})
	}
}

// Without a token nothing can be learned, and another tenant is none.
func TestFrontDoor(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	for _, id := range []string{"acme", "other"} {
		_, err := r.store.CreateTenant(t.Context(), id)
		require.NoError(t, err)
	}
	for _, path := range []string{"", "/", "/openapi.json", "/tenants", "/tenants/acme", "/nowhere", "/tenants/acme/nowhere"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodHead, "BREW"} {
			got := r.do("", method, path, "")
			require.Equal(t, http.StatusUnauthorized, got.status, "%s %s", method, path)
			require.Equal(t, `Bearer realm="pushbutton"`, got.head.Get("WWW-Authenticate"))
		}
	}
	own := r.token("acme", auth.Admin)
	missing, others := r.do(own, http.MethodGet, "/tenants/nobody", ""), r.do(own, http.MethodGet, "/tenants/other", "")
	delete(missing.body, "instance")
	delete(others.body, "instance")
	require.Equal(t, http.StatusNotFound, others.status)
	require.Equal(t, missing.body, others.body)
	require.Equal(t, http.StatusOK, r.do(own, http.MethodGet, "/openapi.json", "").status)
	require.Equal(t, http.StatusNotFound, r.do(own, http.MethodGet, "/nowhere", "").status)
	got := r.do(own, http.MethodPut, "/tenants/acme", "{}")
	require.Equal(t, http.StatusMethodNotAllowed, got.status)
	require.NotEmpty(t, got.head.Get("Allow"))
}

func TestDeletionOfATenant(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newRig(t, env)
		operator := r.token("", auth.Operator)
		const path = "/tenants/acme/deletion"
		require.Equal(t, http.StatusNotFound, r.do(operator, http.MethodGet, path, "").status)
		created := r.do(operator, http.MethodPost, "/tenants", `{"id":"acme"}`)
		name, _ := r.do(operator, http.MethodPost, path, `{"confirm":"acme"}`).problem()
		require.Equal(t, "precondition-required", name)
		_, fields := r.do(operator, http.MethodPost, path, `{"confirm":"acne"}`, "If-Match", created.head.Get("ETag")).problem()
		require.Equal(t, []string{"confirm"}, fields)
		require.Equal(t, http.StatusForbidden, r.do(r.token("acme", auth.Admin), http.MethodPost, path, `{"confirm":"acme"}`, "If-Match", "*").status)
		got := r.do(operator, http.MethodPost, path, `{"confirm":"acme"}`, "If-Match", created.head.Get("ETag"))
		require.Equal(t, http.StatusAccepted, got.status, got.raw)
		require.Equal(t, "/admin/v1"+path, got.head.Get("Location"))
		require.Equal(t, false, got.body["done"])
		require.Contains(t, r.do(operator, http.MethodGet, "/tenants/acme", "").body, "deleting")

		require.NoError(t, r.deleter.Look(t.Context()))
		got = r.do(operator, http.MethodGet, path, "")
		require.Equal(t, true, got.body["done"], got.raw)
		require.Equal(t, http.StatusNotFound, r.do(operator, http.MethodGet, "/tenants/acme", "").status)
		require.Equal(t, []string{"tenantDeleted ok", "deleteTenant ok", "deleteTenant validation", "createTenant ok"}, r.audited(audit.Deployment))
	})
}
