package register_test

import (
	"bytes"
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// unauthorised is a session of which nobody has authorised the plugin yet.
type unauthorised struct {
	register.Session
	kind fault.Kind
}

func (u unauthorised) ListIntegrations(context.Context) iter.Seq2[pbapi.Integration, error] {
	return func(yield func(pbapi.Integration, error) bool) {
		yield(pbapi.Integration{}, fault.New(u.kind, "renew token", "Nobody has connected this integration with Productboard yet."))
	}
}

// An OAuth integration is applied before anybody could connect it: it waits,
// again and again, and says how to connect it.
func TestApplyBeforeSomebodyHasConnected(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		kind := fault.Unauthorized
		r.session = func(s register.Session) register.Session { return unauthorised{s, kind} }
		want := desired("Engineering")
		want.Integration.Productboard = tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "client", ClientSecret: secret.New("canary-secret")}
		declaration := register.Declaration{Tenants: []register.DesiredTenant{{ID: "acme", Integrations: []register.Desired{want}}}}
		apply := func() (register.Result, string) {
			t.Helper()
			report, err := r.reg.Apply(t.Context(), declaration)
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, report.Write(&out))
			require.NotContains(t, out.String(), "canary")
			return report.Integrations[0], out.String()
		}
		first, text := apply()
		require.Equal(t, register.Pending, first.State)
		require.Contains(t, text, "acme/Engineering: waits for authorisation\n")
		require.Contains(t, text, "next:         Authorise the plugin at Productboard over its admin API (POST https://push.example.com/admin/v1/tenants/acme/integrations/"+first.ID+"/oauth")
		stored := r.stored(first.ID)

		second, _ := apply()
		require.Equal(t, first, second)
		require.Equal(t, stored, r.stored(first.ID), "a second run changes nothing")

		declaration.Tenants[0].Integrations[0].Integration.ButtonLabel = "Go"
		changed, _ := apply()
		require.Equal(t, register.Pending, changed.State)
		require.Equal(t, []string{"settings"}, changed.Changes)
		require.Equal(t, "Go", r.stored(first.ID).ButtonLabel)
		require.Empty(t, r.fake.Integrations())

		// Productboard being away is no reason to wait for anybody.
		kind = fault.Unavailable
		_, err := r.reg.Apply(t.Context(), declaration)
		require.ErrorIs(t, err, fault.Unavailable)
		// Whoever asks to register it is told that nobody has connected it.
		kind = fault.Unauthorized
		_, _, err = r.reg.Register(t.Context(), "acme", first.ID, false)
		require.ErrorIs(t, err, fault.Unauthorized)

		// Connected, the same file registers it.
		r.session = nil
		r.authorised = true
		done, text := apply()
		require.Equal(t, register.Created, done.State)
		require.NotContains(t, text, "next:")
		require.Len(t, r.fake.Integrations(), 1)
		last, _ := apply()
		require.Equal(t, register.Unchanged, last.State)
	})
}
