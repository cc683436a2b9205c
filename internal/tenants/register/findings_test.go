package register_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

func TestCheck(t *testing.T) {
	blocked := &fault.Error{Op: "check", Kind: fault.Blocked, Side: fault.SidePlugin, Public: "The address may not be reached."}
	for name, tc := range map[string]struct {
		spoil func(r *rig, in tenants.Integration)
		// want are the findings that are not OK: level, subject, field.
		want [][3]string
		text string
	}{
		"all is well": {func(*rig, tenants.Integration) {}, nil, ""},
		"token revoked": {func(r *rig, _ tenants.Integration) { r.fake.RevokeToken(pbToken) },
			[][3]string{{"error", "productboard.credential", "productboard.token"}}, "does not accept"},
		"token may only read": {func(r *rig, _ tenants.Integration) {
			r.fake.AddToken(pbfake.Token{Value: pbToken, Scopes: []string{"plugin-integrations:read", "entities:read"}})
		}, [][3]string{{"error", "productboard.action", ""}}, "plugin-integrations:write"},
		"token may not read items": {func(r *rig, _ tenants.Integration) {
			r.fake.AddToken(pbfake.Token{Value: pbToken, Scopes: []string{"plugin-integrations:read", "plugin-integrations:write"}})
		}, [][3]string{{"error", "productboard.items", "productboard.token"}}, "entities:read"},
		"deleted at Productboard": {func(r *rig, in tenants.Integration) {
			require.NoError(r.t, deleteAtProductboard(r, in.ProductboardID))
		},
			[][3]string{{"error", "productboard.integration", "productboard.token"}}, "recreate"},
		"renamed at Productboard": {func(r *rig, in tenants.Integration) {
			name := "Other"
			require.NoError(r.t, r.productboard(anyOf(pbToken)).UpdateIntegration(r.t.Context(), in.ProductboardID, pbapi.IntegrationUpdate{Name: &name}))
		}, [][3]string{{"warning", "productboard.integration", ""}}, "name"},
		"not reachable": {func(r *rig, _ tenants.Integration) { require.NoError(r.t, r.fake.SetEdge(public)) },
			[][3]string{{"error", "productboard.action", ""}}, "could not verify"},
		"another public address": {func(r *rig, _ tenants.Integration) { r.move("https://new.example.com") },
			[][3]string{{"warning", "productboard.action", ""}}, "another address"},
		"tracker's settings": {func(r *rig, _ tenants.Integration) {
			r.target = func(tenants.TargetConfig) error {
				return settings.FieldErrors{{Path: "settings.project", Message: "is gone"}, {Path: "settings.x", Message: "is odd"}}
			}
		}, [][3]string{{"error", "tracker", "target.settings.project"}, {"error", "tracker", "target.settings.x"}}, "is gone"},
		"tracker's credentials": {func(r *rig, _ tenants.Integration) {
			r.target = func(tenants.TargetConfig) error {
				return fault.New(fault.Unauthorized, "check", "Redmine refused the credentials.")
			}
		}, [][3]string{{"error", "tracker", "target.credentials"}}, "refused"},
		"blocked address": {func(r *rig, _ tenants.Integration) { r.target = func(tenants.TargetConfig) error { return blocked } },
			[][3]string{{"error", "egress", "target.settings"}}, "may not be reached"},
		"fields that no item has": {func(r *rig, _ tenants.Integration) { r.checked.ItemFields = []string{"Impct"} },
			[][3]string{{"error", "productboard.items", "target.settings"}}, "did you mean Impact"},
		"a promise that cannot be kept": {func(r *rig, _ tenants.Integration) { r.checked.Caveat = "It may push twice." },
			[][3]string{{"warning", "tracker", "target.settings"}}, "twice"},
		"needs a reconnect": {func(r *rig, in tenants.Integration) {
			_, err := r.store.NeedReconnect(r.t.Context(), in, fault.SideTracker, "Jane must renew the key.")
			require.NoError(r.t, err)
		}, [][3]string{{"error", "integration", "target.credentials"}}, "Jane"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, redistest.Mini(t))
			r.tenant()
			in := r.create("Engineering")
			tc.spoil(r, in)
			stored := r.stored(in.ID)
			found, err := r.reg.Check(t.Context(), "acme", in.ID)
			require.NoError(t, err)
			var bad [][3]string
			messages := ""
			for _, f := range found {
				require.NotEmpty(t, f.Message)
				require.NotContains(t, f.Message, "canary")
				if f.Level != register.OK {
					bad = append(bad, [3]string{string(f.Level), f.Subject, f.Field})
					messages += f.Message
				}
			}
			require.Equal(t, tc.want, bad)
			require.Contains(t, messages, tc.text)
			require.Equal(t, stored, r.stored(in.ID), "a check changes nothing")
		})
	}
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	_, err := r.reg.Check(t.Context(), "acme", tenants.NewID())
	require.ErrorIs(t, err, fault.NotFound)
}

func TestTakeOver(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		newOther(r)
		theirs := r.fake.Integrations()[0]
		r.fake.Seed(4)
		entities := r.fake.Entities()
		require.True(t, r.fake.SetState(theirs.ID, entities[0].ID, pbfake.State{Name: "connected", Label: "Open", HoverLabel: "PB-1", Tooltip: "x", Color: "blue", TargetURL: "https://t.example/1"}))
		require.True(t, r.fake.SetState(theirs.ID, entities[1].ID, pbfake.State{Name: "progress"}))
		require.True(t, r.fake.SetState(theirs.ID, entities[2].ID, pbfake.State{Name: "connected", Label: "Open", HoverLabel: "PB-2", Tooltip: "x", Color: "blue", TargetURL: "https://t.example/2"}))
		link := func(_ context.Context, _ tenants.Integration, c pbapi.Connection) error {
			if c.State.HoverLabel != "PB-1" {
				return errors.New("unknown")
			}
			return nil
		}
		r.set(func(o *register.Options) { o.Link = link })
		want := desired("").Integration
		want.Answer = tenants.AnswerV1
		taken, err := r.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.NoError(t, err)
		in := taken.Integration
		require.Equal(t, in, r.stored(in.ID))
		require.Equal(t, theirs.Name, in.Name)
		require.Equal(t, theirs.Type, in.Type)
		require.Equal(t, theirs.ID, in.ProductboardID)
		require.True(t, in.Disabled, "as it was")
		require.Equal(t, tenants.AnswerV1, in.Answer)
		require.Equal(t, r.reg.ActionURL(in.ID), r.fake.Integrations()[0].ActionURL)
		require.Equal(t, map[pbapi.StateName]int{pbapi.StateConnected: 2, pbapi.StateProgress: 1}, taken.Buttons)
		require.Equal(t, 1, taken.Linked)

		_, err = r.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.Contains(t, problems(t, err), "productboardId", "ours already")
		_, err = r.reg.TakeOver(t.Context(), "acme", "6f1f5a0e-6d0b-4b0e-9b5e-3c1d8f0a7e42", want)
		require.Contains(t, problems(t, err), "productboardId")
		want.Productboard = tenants.APIToken(secret.New("canary-wrong"))
		_, err = r.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.Contains(t, problems(t, err), "productboard.token")
	})
}

func TestTakeOverRejects(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	newOther(r)
	theirs := r.fake.Integrations()[0]
	enabled := pbapi.Enabled
	require.NoError(t, r.productboard(anyOf(pbToken)).UpdateIntegration(t.Context(), theirs.ID, pbapi.IntegrationUpdate{Status: &enabled}))
	require.NoError(t, r.fake.SetEdge(public)) // our probe fails
	_, err := r.reg.TakeOver(t.Context(), "acme", theirs.ID, desired("").Integration)
	require.Contains(t, problems(t, err)["name"], "could not verify")
	page, _, err := r.store.Tenant("acme").Integrations(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, page, "nothing half taken")
	require.Equal(t, theirs.ActionURL, r.fake.Integrations()[0].ActionURL)
}
