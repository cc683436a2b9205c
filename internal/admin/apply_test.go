package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/admin/audit"
	"pushbutton/internal/admin/auth"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
)

// states are the states of a report, "tenant/name: state".
func (p reply) states(t *testing.T, report any) []string {
	t.Helper()
	raw, err := json.Marshal(report)
	require.NoError(t, err)
	var r struct {
		Integrations []struct{ Tenant, Name, State string }
	}
	require.NoError(t, json.Unmarshal(raw, &r))
	var out []string
	for _, i := range r.Integrations {
		out = append(out, i.Tenant+"/"+i.Name+": "+i.State)
	}
	return out
}

func TestApply(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		r := newIntegrationRig(t, env)
		operator := r.token("", auth.Operator)
		support := strings.Replace(goodIntegration, "Engineering", "Support", 1)
		two := `{"tenants":[{"id":"acme","integrations":[` + goodIntegration + `]},{"id":"beta","integrations":[` + support + `]}]}`

		got := r.do(operator, http.MethodPost, "/apply", two)
		require.Equal(t, http.StatusOK, got.status, got.raw)
		require.Equal(t, []string{"acme/Engineering: created", "beta/Support: created"}, got.states(t, got.body))
		require.NotContains(t, got.raw, "canary")
		for i := range 2 {
			second := r.do(operator, http.MethodPost, "/apply", two)
			require.Equal(t, http.StatusOK, second.status, second.raw)
			require.Equal(t, []string{"acme/Engineering: unchanged", "beta/Support: unchanged"}, second.states(t, second.body), i)
		}

		got = r.do(r.admin, http.MethodPost, "/tenants/acme/apply", `{"integrations":[`+strings.Replace(goodIntegration, `"Push"`, `"Go"`, 1)+`]}`)
		require.Equal(t, []string{"acme/Engineering: updated"}, got.states(t, got.body))
		got = r.do(r.admin, http.MethodPost, "/tenants/acme/apply", `{"integrations":[]}`)
		require.Equal(t, []string{"acme/Engineering: not_declared"}, got.states(t, got.body))

		for log, want := range map[string][]string{
			"acme":           {"applyTenant ok acme", "applyTenant ok acme", "apply ok acme"},
			"beta":           {"apply ok beta"},
			audit.Deployment: {"apply ok ", "apply ok ", "apply ok "},
		} {
			entries, _, err := r.log.List(t.Context(), log, audit.Query{Limit: 100})
			require.NoError(t, err)
			var lines []string
			for _, e := range entries {
				lines = append(lines, e.Operation+" "+e.Outcome+" "+e.Tenant)
			}
			require.Equal(t, want, lines, log)
		}
	})
}

// Of a declaration with a mistake nothing is written, and the mistake is named
// by its place in the body.
func TestApplyNamesTheField(t *testing.T) {
	r := newIntegrationRig(t, redistest.Mini(t))
	r.target = func(c tenants.TargetConfig) error {
		if c.Settings["project"] == "push" {
			return nil
		}
		return settings.FieldErrors{{Path: "settings.project", Message: "is required"}}
	}
	operator := r.token("", auth.Operator)
	other := func(from, to string) string {
		return strings.Replace(strings.Replace(goodIntegration, "Engineering", "Support", 1), from, to, 1)
	}
	for name, tc := range map[string]struct {
		second, problem string
		fields          []string
		states          []string
	}{
		"schema":          {other(`"Push"`, `"much too long"`), "validation", []string{"tenants[1].integrations[1].buttonLabel"}, nil},
		"blank":           {other(`"Push"`, `" "`), "validation", []string{"tenants[1].integrations[1].buttonLabel"}, nil},
		"twice":           {goodIntegration, "validation", []string{"tenants[1].integrations[1].name"}, nil},
		"the tracker's":   {other(`"push"`, `"pull"`), "validation", []string{"tenants[1].integrations[1].target.settings.project"}, []string{"beta/Engineering: skipped", "beta/Support: failed"}},
		"a refused token": {other(`canary-pb`, `canary-no`), "unauthorized", []string{"tenants[1].integrations[1].productboard.token"}, []string{"beta/Engineering: skipped", "beta/Support: failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.do(operator, http.MethodPost, "/apply", `{"tenants":[{"id":"acme","integrations":[]},{"id":"beta","integrations":[`+goodIntegration+`,`+tc.second+`]}]}`)
			problem, fields := got.problem()
			require.Equal(t, tc.problem, problem, got.raw)
			require.Equal(t, tc.fields, fields)
			require.NotContains(t, got.raw, "canary")
			if tc.states != nil {
				require.Equal(t, tc.states, got.states(t, got.body["report"]))
				require.Equal(t, "Of the 2 declared integrations, 0 were changed.", got.body["detail"])
			}
			require.Empty(t, r.fake.Integrations())
			require.Equal(t, http.StatusNotFound, r.do(operator, http.MethodGet, "/tenants/beta", "").status, "its tenant was not made")
		})
	}
	got := r.do(operator, http.MethodPost, "/apply", `{"tenants":[{"id":"acme","integrations":[]},{"id":"acme","integrations":[]}]}`)
	_, fields := got.problem()
	require.Equal(t, []string{"tenants[1].id"}, fields)
}
