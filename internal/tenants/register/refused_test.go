package register_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// A stored credential goes to another address only if the caller knows it, and
// a declaration always does.
func TestPatchKeepsCredentialsWhereTheyWereSetFor(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	in := r.create("Engineering")
	asked := 0
	r.target = func(tenants.TargetConfig) error { asked++; return nil }
	move := func(in *tenants.Integration) error {
		in.Target.Settings["elsewhere"] = "https://other.example/x"
		return nil
	}
	_, _, err := r.reg.Patch(t.Context(), "acme", in.ID, move)
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, problems(t, err)["target.credentials.apiKey"], "must be sent again: target.settings.elsewhere leads to another address (https://other.example:443)")
	require.Zero(t, asked)
	require.NotContains(t, r.stored(in.ID).Target.Settings, "elsewhere")
	_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, move, "token")
	require.ErrorIs(t, err, fault.Invalid)
	_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, move, "apiKey")
	require.NoError(t, err)
	_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error {
		in.Target.Credentials["apiKey"] = secret.New("canary-2")
		in.Target.Settings["elsewhere"] = "https://third.example"
		return nil
	})
	require.NoError(t, err)
	second := desired("Engineering")
	second.Integration.Target.Settings["elsewhere"] = "https://fourth.example"
	require.Equal(t, register.Updated, r.mustApply(declare(second))[0].State)
}

// What cannot be stored is told before anything is written.
func TestApplyRefusesWhatIsTooLarge(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	large := desired("Large")
	large.Integration.Target.Settings = map[string]any{"big": strings.Repeat("x", tenants.MaxRecord)}
	report, err := r.apply(declare(desired("Engineering"), large))
	require.ErrorContains(t, err, "larger than")
	require.Equal(t, register.Skipped, report.Integrations[0].State)
	require.Zero(t, r.writes())
	page, _, err := r.store.Tenants(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, page)
}
