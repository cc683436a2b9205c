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
		spoil func(w *world, in tenants.Integration)
		// want are the findings that are not OK: level, subject, field.
		want [][3]string
		text string
	}{
		"all is well": {func(*world, tenants.Integration) {}, nil, ""},
		"token revoked": {func(w *world, _ tenants.Integration) { w.fake.RevokeToken(pbToken) },
			[][3]string{{"error", "productboard.credential", "productboard.token"}}, "does not accept"},
		"token may only read": {func(w *world, _ tenants.Integration) {
			w.fake.AddToken(pbfake.Token{Value: pbToken, Scopes: []string{"plugin-integrations:read", "entities:read"}})
		}, [][3]string{{"error", "productboard.action", ""}}, "plugin-integrations:write"},
		"token may not read items": {func(w *world, _ tenants.Integration) {
			w.fake.AddToken(pbfake.Token{Value: pbToken, Scopes: []string{"plugin-integrations:read", "plugin-integrations:write"}})
		}, [][3]string{{"error", "productboard.items", "productboard.token"}}, "entities:read"},
		"deleted at Productboard": {func(w *world, in tenants.Integration) {
			require.NoError(w.t, deleteAtProductboard(w, in.ProductboardID))
		},
			[][3]string{{"error", "productboard.integration", "productboard.token"}}, "recreate"},
		"renamed at Productboard": {func(w *world, in tenants.Integration) {
			name := "Other"
			require.NoError(w.t, w.productboard(anyOf(pbToken)).UpdateIntegration(w.t.Context(), in.ProductboardID, pbapi.IntegrationUpdate{Name: &name}))
		}, [][3]string{{"warning", "productboard.integration", ""}}, "name"},
		"not reachable": {func(w *world, _ tenants.Integration) { require.NoError(w.t, w.fake.SetEdge(public)) },
			[][3]string{{"error", "productboard.action", ""}}, "could not verify"},
		"another public address": {func(w *world, _ tenants.Integration) { w.move("https://new.example.com") },
			[][3]string{{"warning", "productboard.action", ""}}, "another address"},
		"tracker's settings": {func(w *world, _ tenants.Integration) {
			w.target = func(tenants.TargetConfig) error {
				return settings.FieldErrors{{Path: "settings.project", Message: "is gone"}, {Path: "settings.x", Message: "is odd"}}
			}
		}, [][3]string{{"error", "tracker", "target.settings.project"}, {"error", "tracker", "target.settings.x"}}, "is gone"},
		"tracker's credentials": {func(w *world, _ tenants.Integration) {
			w.target = func(tenants.TargetConfig) error {
				return fault.New(fault.Unauthorized, "check", "Redmine refused the credentials.")
			}
		}, [][3]string{{"error", "tracker", "target.credentials"}}, "refused"},
		"blocked address": {func(w *world, _ tenants.Integration) { w.target = func(tenants.TargetConfig) error { return blocked } },
			[][3]string{{"error", "egress", "target.settings"}}, "may not be reached"},
		"fields that no item has": {func(w *world, _ tenants.Integration) { w.checked.ItemFields = []string{"Impct"} },
			[][3]string{{"error", "productboard.items", "target.settings"}}, "did you mean Impact"},
		"a promise that cannot be kept": {func(w *world, _ tenants.Integration) { w.checked.Caveat = "It may push twice." },
			[][3]string{{"warning", "tracker", "target.settings"}}, "twice"},
		"needs a reconnect": {func(w *world, in tenants.Integration) {
			_, err := w.store.NeedReconnect(w.t.Context(), in, fault.SideTracker, "Jane must renew the key.")
			require.NoError(w.t, err)
		}, [][3]string{{"error", "integration", "target.credentials"}}, "Jane"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, redistest.Mini(t))
			w.tenant()
			in := w.create("Engineering")
			tc.spoil(w, in)
			stored := w.stored(in.ID)
			found, err := w.reg.Check(t.Context(), "acme", in.ID)
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
			require.Equal(t, stored, w.stored(in.ID), "a check changes nothing")
		})
	}
	w := newWorld(t, redistest.Mini(t))
	w.tenant()
	_, err := w.reg.Check(t.Context(), "acme", tenants.NewID())
	require.ErrorIs(t, err, fault.NotFound)
}

func TestTakeOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tenant()
		newOther(w)
		theirs := w.fake.Integrations()[0]
		w.fake.Seed(4)
		entities := w.fake.Entities()
		require.True(t, w.fake.SetState(theirs.ID, entities[0].ID, pbfake.State{Name: "connected", Label: "Open", HoverLabel: "PB-1", Tooltip: "x", Color: "blue", TargetURL: "https://t.example/1"}))
		require.True(t, w.fake.SetState(theirs.ID, entities[1].ID, pbfake.State{Name: "progress"}))
		require.True(t, w.fake.SetState(theirs.ID, entities[2].ID, pbfake.State{Name: "connected", Label: "Open", HoverLabel: "PB-2", Tooltip: "x", Color: "blue", TargetURL: "https://t.example/2"}))
		link := func(_ context.Context, _ tenants.Integration, c pbapi.Connection) error {
			if c.State.HoverLabel != "PB-1" {
				return errors.New("unknown")
			}
			return nil
		}
		w.set(func(o *register.Options) { o.Link = link })
		want := desired("").Integration
		want.Answer = tenants.AnswerV1
		taken, err := w.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.NoError(t, err)
		in := taken.Integration
		require.Equal(t, in, w.stored(in.ID))
		require.Equal(t, theirs.Name, in.Name)
		require.Equal(t, theirs.Type, in.Type)
		require.Equal(t, theirs.ID, in.ProductboardID)
		require.True(t, in.Disabled, "as it was")
		require.Equal(t, tenants.AnswerV1, in.Answer)
		require.Equal(t, w.reg.ActionURL(in.ID), w.fake.Integrations()[0].ActionURL)
		require.Equal(t, map[pbapi.StateName]int{pbapi.StateConnected: 2, pbapi.StateProgress: 1}, taken.Buttons)
		require.Equal(t, 1, taken.Linked)

		_, err = w.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.Contains(t, problems(t, err), "productboardId", "ours already")
		_, err = w.reg.TakeOver(t.Context(), "acme", "6f1f5a0e-6d0b-4b0e-9b5e-3c1d8f0a7e42", want)
		require.Contains(t, problems(t, err), "productboardId")
		want.Productboard = tenants.APIToken(secret.New("canary-wrong"))
		_, err = w.reg.TakeOver(t.Context(), "acme", theirs.ID, want)
		require.Contains(t, problems(t, err), "productboard.token")
	})
}

func TestTakeOverRejects(t *testing.T) {
	w := newWorld(t, redistest.Mini(t))
	w.tenant()
	newOther(w)
	theirs := w.fake.Integrations()[0]
	enabled := pbapi.Enabled
	require.NoError(t, w.productboard(anyOf(pbToken)).UpdateIntegration(t.Context(), theirs.ID, pbapi.IntegrationUpdate{Status: &enabled}))
	require.NoError(t, w.fake.SetEdge(public)) // our probe fails
	_, err := w.reg.TakeOver(t.Context(), "acme", theirs.ID, desired("").Integration)
	require.Contains(t, problems(t, err)["name"], "could not verify")
	page, _, err := w.store.Tenant("acme").Integrations(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, page, "nothing half taken")
	require.Equal(t, theirs.ActionURL, w.fake.Integrations()[0].ActionURL)
}
