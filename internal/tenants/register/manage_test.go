package register_test

import (
	"context"
	"errors"
	"testing"
	"time"

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

// tenant makes the tenant that single operations work in.
func (r *rig) tenant() {
	r.t.Helper()
	_, err := r.store.CreateTenant(r.t.Context(), "acme")
	require.NoError(r.t, err)
}

func (r *rig) create(name string) tenants.Integration {
	r.t.Helper()
	in, res, err := r.reg.Create(r.t.Context(), "acme", desired(name).Integration)
	require.NoError(r.t, err)
	require.Equal(r.t, register.Created, res.State)
	return in
}

func (r *rig) stored(id string) tenants.Integration {
	r.t.Helper()
	in, err := r.store.Tenant("acme").Integration(r.t.Context(), id)
	require.NoError(r.t, err)
	return in
}

// problems are the fields and texts of an error.
func problems(t *testing.T, err error) map[string]string {
	t.Helper()
	var all register.Problems
	require.ErrorAs(t, err, &all)
	require.NotContains(t, err.Error(), "canary")
	out := map[string]string{}
	for _, p := range all {
		out[p.Field] = p.Message()
	}
	return out
}

func TestCreateIsWhatApplyDoes(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		in := r.create("Engineering")
		require.Equal(t, in, r.stored(in.ID))
		require.Equal(t, r.fake.Integrations()[0].ID, in.ProductboardID)
		require.Equal(t, map[string]time.Time{"actionSecret": r.now, "productboard.token": r.now, "target.credentials.apiKey": r.now}, in.SecretsSet)
		require.Equal(t, register.Unchanged, r.mustApply(declare(desired("Engineering")))[0].State)

		_, _, err := r.reg.Create(t.Context(), "acme", desired("Engineering").Integration)
		require.ErrorIs(t, err, fault.Conflict)
		require.Contains(t, problems(t, err), "name")
	})
}

func TestCreateNamesEveryField(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	r.target = func(tenants.TargetConfig) error {
		return settings.FieldErrors{{Path: "settings.project", Message: "is required"}, {Path: "credentials.apiKey", Message: "is required"}}
	}
	want := desired("Engineering").Integration
	want.Productboard.Token = secret.New("canary-wrong")
	_, res, err := r.reg.Create(t.Context(), "acme", want)
	require.Equal(t, register.Failed, res.State)
	require.Equal(t, map[string]string{
		"target.settings.project": "is required", "target.credentials.apiKey": "is required",
		"productboard.token": "Productboard does not accept the plugin's access token: it is wrong, expired or revoked. An admin must renew it in this integration's settings.",
	}, problems(t, err))
	require.Empty(t, r.fake.Integrations())
	page, _, err := r.store.Tenant("acme").Integrations(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, page)
}

func TestCreateSettlesAnUnknownOutcome(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		_, err := r.fake.SetFault(pbfake.Fault{ID: "drop", Class: pbfake.ClassIntegration, Kind: pbfake.FaultDropAfter})
		require.NoError(t, err)
		r.session = func(s register.Session) register.Session { return listing{s, r} }
		_, _, err = r.reg.Create(t.Context(), "acme", desired("Engineering").Integration)
		require.True(t, fault.IsUnsure(err))
		r.fake.ClearFaults()
		_, _, err = r.reg.Create(t.Context(), "acme", desired("Engineering").Integration)
		require.ErrorIs(t, err, fault.Conflict, "not before the first can be over")
		r.now = r.now.Add(time.Minute)
		in := r.create("Engineering")
		require.Len(t, r.fake.Integrations(), 1)
		require.Equal(t, r.fake.Integrations()[0].ActionURL, r.reg.ActionURL(in.ID))
	})
}

func TestOAuthIsStoredFirstAndRegisteredLater(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	want := desired("Engineering").Integration
	want.Productboard = tenants.ProductboardAuth{Kind: tenants.AuthOAuth, ClientID: "client"}
	in, res, err := r.reg.Create(t.Context(), "acme", want)
	require.NoError(t, err)
	require.Equal(t, register.Pending, res.State)
	require.Empty(t, in.ProductboardID)
	require.Empty(t, r.fake.Integrations())
	_, _, err = r.reg.Create(t.Context(), "acme", want)
	require.ErrorIs(t, err, fault.Conflict)

	_, _, err = r.reg.Register(t.Context(), "acme", in.ID, false)
	require.Contains(t, problems(t, err), "productboard.token", "nobody has authorised it yet")
	r.authorised = true
	in, res, err = r.reg.Register(t.Context(), "acme", in.ID, false)
	require.NoError(t, err)
	require.Equal(t, register.Created, res.State)
	require.NotEmpty(t, in.ProductboardID)
}

func TestPatch(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		in := r.create("Engineering")
		probes := r.probes.Load()
		r.now = r.now.Add(time.Hour)
		in, res, err := r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error {
			in.Name, in.ButtonLabel, in.OnUnlink = "Platform", "Go", tenants.UnlinkClose
			in.Target.Settings["project"] = "other"
			in.Target.Credentials["apiKey"] = secret.New("canary-2")
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"name", "button label", "settings"}, res.Changes)
		require.Equal(t, in, r.stored(in.ID))
		require.Equal(t, "other", in.Target.Settings["project"])
		require.Equal(t, r.now, in.SecretsSet["target.credentials.apiKey"])
		require.Equal(t, r.now.Add(-time.Hour), in.SecretsSet["productboard.token"])
		existing := r.fake.Integrations()[0]
		require.Equal(t, "Platform", existing.Name)
		require.Equal(t, "Go", existing.Label)
		require.Equal(t, probes, r.probes.Load())

		in, _, err = r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error { in.Disabled = true; return nil })
		require.NoError(t, err)
		require.Equal(t, "disabled", r.fake.Integrations()[0].Status)
		_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error { in.Disabled = false; return nil })
		require.NoError(t, err)
		require.Equal(t, probes+1, r.probes.Load(), "enabled again, with a probe")
	})
}

func TestPatchRefuses(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	in, other := r.create("Engineering"), r.create("Support")
	mine := errors.New("mine")
	writes := r.writes()
	for name, tc := range map[string]struct {
		change func(*tenants.Integration) error
		field  string
		is     error
	}{
		"another type":                  {func(in *tenants.Integration) error { in.Type = "com.example.x"; return nil }, "type", fault.Invalid},
		"another tracker":               {func(in *tenants.Integration) error { in.Target.Type = "jira"; return nil }, "target.type", fault.Invalid},
		"another's name":                {func(in *tenants.Integration) error { in.Name = other.Name; return nil }, "name", fault.Conflict},
		"a wrong credential":            {func(in *tenants.Integration) error { in.Productboard.Token = secret.New("x"); return nil }, "productboard.token", fault.Unauthorized},
		"what the caller does not want": {func(in *tenants.Integration) error { in.Name = "X"; return mine }, "", mine},
	} {
		_, _, err := r.reg.Patch(t.Context(), "acme", in.ID, tc.change)
		require.ErrorIs(t, err, tc.is, name)
		if tc.field != "" {
			require.Contains(t, problems(t, err), tc.field, name)
		}
		require.Equal(t, in, r.stored(in.ID), name)
	}
	require.Equal(t, writes, r.writes())
	_, _, err := r.reg.Patch(t.Context(), "other", in.ID, func(*tenants.Integration) error { return nil })
	require.ErrorIs(t, err, fault.NotFound)
}

// What is broken on one side must not stop a repair on the other.
func TestPatchChecksWhatItTouches(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	in := r.create("Engineering")
	r.target = func(tenants.TargetConfig) error { return fault.New(fault.Unavailable, "check", "The tracker is down.") }
	_, _, err := r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error { in.ButtonLabel = "Go"; return nil })
	require.NoError(t, err, "the tracker has no part in it")
	r.target = nil
	r.fake.RevokeToken(pbToken)
	set := func(value string) func(*tenants.Integration) error {
		return func(in *tenants.Integration) error { in.Target.Credentials["apiKey"] = secret.New(value); return nil }
	}
	_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, set("canary-2"))
	require.NoError(t, err, "Productboard has no part in it")

	_, err = r.store.NeedReconnect(t.Context(), r.stored(in.ID), fault.SideProductboard, "Revoked.")
	require.NoError(t, err)
	_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, set("canary-3"))
	require.Contains(t, problems(t, err), "productboard.token", "one that needs a reconnect is checked whole")
	r.fake.AddToken(pbfake.Token{Value: "canary-new"})
	in, _, err = r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error {
		in.Productboard = tenants.APIToken(secret.New("canary-new"))
		return nil
	})
	require.NoError(t, err)
	require.Nil(t, in.Reconnect)
}

func TestRotateActionSecret(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		in := r.create("Engineering")
		probes := r.probes.Load()
		rotated, res, err := r.reg.RotateActionSecret(t.Context(), "acme", in.ID, anything)
		require.NoError(t, err)
		require.Equal(t, []string{"action"}, res.Changes)
		require.Equal(t, probes+1, r.probes.Load(), "Productboard has tried it")
		require.NotEqual(t, in.ActionAuth, rotated.ActionAuth)
		require.Equal(t, in.ActionAuth, rotated.Former.Value)
		require.Equal(t, r.now.Add(10*time.Second), rotated.Former.Until)
		require.Equal(t, rotated, r.stored(in.ID))

		r.now = r.now.Add(time.Minute)
		second, _, err := r.reg.Patch(t.Context(), "acme", in.ID, func(in *tenants.Integration) error { in.ButtonLabel = "Go"; return nil })
		require.NoError(t, err)
		require.Equal(t, tenants.FormerAuth{}, second.Former, "the old one is forgotten")
		require.Equal(t, rotated.ActionAuth, second.ActionAuth)
	})
}

func anything(tenants.Integration) error { return nil }

// cutShort is a process that dies around the call which tells Productboard.
type cutShort struct {
	register.Session
	before bool
}

func (c cutShort) UpdateIntegration(ctx context.Context, id string, in pbapi.IntegrationUpdate) error {
	if !c.before {
		if err := c.Session.UpdateIntegration(ctx, id, in); err != nil {
			return err
		}
	}
	panic(errKilled)
}

// Whatever Productboard has when a rotation is cut short, it is accepted, and
// whoever comes next finishes it with the same value.
func TestRotateCutShort(t *testing.T) {
	resume := map[string]func(r *rig, id string) (tenants.Integration, error){
		"rotate": func(r *rig, id string) (tenants.Integration, error) {
			in, _, err := r.reg.RotateActionSecret(r.t.Context(), "acme", id, anything)
			return in, err
		},
		"patch": func(r *rig, id string) (tenants.Integration, error) {
			in, _, err := r.reg.Patch(r.t.Context(), "acme", id, func(*tenants.Integration) error { return nil })
			return in, err
		},
		"apply": func(r *rig, id string) (tenants.Integration, error) {
			_, err := r.apply(declare(desired("Engineering")))
			return r.stored(id), err
		},
	}
	for how, finish := range resume {
		for when, before := range map[string]bool{"before": true, "after": false} {
			t.Run(how+" "+when, func(t *testing.T) {
				r := newRig(t, redistest.Mini(t))
				r.tenant()
				in := r.create("Engineering")
				r.session = func(s register.Session) register.Session { return cutShort{s, before} }
				require.PanicsWithValue(t, errKilled, func() { _, _, _ = r.reg.RotateActionSecret(t.Context(), "acme", in.ID, anything) })
				r.session = nil
				begun := r.stored(in.ID)
				require.True(t, begun.Former.Rotating())
				for _, auth := range []secret.String{in.ActionAuth, begun.ActionAuth} {
					_, err := tenants.Authenticate(t.Context(), r.store, in.ID, auth.Reveal())
					require.NoError(t, err)
				}
				done, err := finish(r, in.ID)
				require.NoError(t, err)
				require.Equal(t, begun.ActionAuth, done.ActionAuth, "no third value")
				require.False(t, done.Former.Rotating())
			})
		}
	}
}

func TestRotateRefused(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	in := r.create("Engineering")
	require.NoError(t, r.fake.SetEdge(public)) // the probe fails
	_, _, err := r.reg.RotateActionSecret(t.Context(), "acme", in.ID, anything)
	require.Contains(t, problems(t, err)["name"], "could not verify")
	_, err = tenants.Authenticate(t.Context(), r.store, in.ID, in.ActionAuth.Reveal())
	require.NoError(t, err, "Productboard has still the old one")
}

// buttons is the part of connections that Delete needs.
type buttons struct {
	gone []string
	err  error
}

func (b *buttons) DeleteIntegration(_ context.Context, tenant, integration string, progress func(int64)) error {
	if b.err != nil {
		return b.err
	}
	b.gone = append(b.gone, tenant+"/"+integration)
	progress(3)
	return nil
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.tenant()
		in := r.create("Engineering")
		b := &buttons{}
		r.set(func(o *register.Options) { o.Buttons = b })
		var revoked []string
		r.set(func(o *register.Options) {
			o.Revoke = func(_ context.Context, in tenants.Integration) error { revoked = append(revoked, in.ID); return nil }
		})
		err := r.reg.Delete(t.Context(), "acme", in.ID, register.Deletion{Confirm: "engineering"})
		require.Contains(t, problems(t, err), "confirm")
		require.Len(t, r.fake.Integrations(), 1)

		var progress int64
		d := register.Deletion{Confirm: "Engineering", Progress: func(n int64) { progress = n }}
		b.err = fault.New(fault.Unavailable, "delete", "Redis is away.")
		require.ErrorIs(t, r.reg.Delete(t.Context(), "acme", in.ID, d), fault.Unavailable)
		require.Empty(t, r.fake.Integrations())
		require.False(t, r.stored(in.ID).Deleting.IsZero())
		_, _, err = r.reg.Patch(t.Context(), "acme", in.ID, func(*tenants.Integration) error { return nil })
		require.Contains(t, problems(t, err)["name"], "is being deleted")

		b.err = nil
		require.NoError(t, r.reg.Delete(t.Context(), "acme", in.ID, d))
		require.Equal(t, []string{"acme/" + in.ID}, b.gone)
		require.Contains(t, revoked, in.ID)
		require.Equal(t, int64(3), progress)
		_, err = r.store.ByID(t.Context(), in.ID)
		require.ErrorIs(t, err, fault.NotFound)
		require.ErrorIs(t, r.reg.Delete(t.Context(), "acme", in.ID, d), fault.NotFound)
		r.create("Engineering") // the name is free
	})
}

func TestDeleteOfWhatCannotBeReached(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	in := r.create("Engineering")
	r.set(func(o *register.Options) { o.Buttons = &buttons{} })
	r.fake.RevokeToken(pbToken)
	d := register.Deletion{Confirm: "Engineering", Progress: func(int64) {}}
	require.ErrorIs(t, r.reg.Delete(t.Context(), "acme", in.ID, d), fault.Unauthorized)
	d.KeepAtProductboard = true
	require.NoError(t, r.reg.Delete(t.Context(), "acme", in.ID, d))
	require.Len(t, r.fake.Integrations(), 1)
}

// A create whose outcome nobody knows leaves an orphan; deleting takes it along.
func TestDeleteTakesAnOrphanAlong(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.tenant()
	r.session = func(s register.Session) register.Session { return killed{s, false} }
	require.PanicsWithValue(t, errKilled, func() { _, _, _ = r.reg.Create(t.Context(), "acme", desired("Engineering").Integration) })
	r.session = nil
	in, err := r.store.Tenant("acme").ByName(t.Context(), "Engineering")
	require.NoError(t, err)
	r.set(func(o *register.Options) { o.Buttons = &buttons{} })
	d := register.Deletion{Confirm: "Engineering", Progress: func(int64) {}}
	require.ErrorIs(t, r.reg.Delete(t.Context(), "acme", in.ID, d), fault.Conflict)
	r.now = r.now.Add(time.Minute)
	require.NoError(t, r.reg.Delete(t.Context(), "acme", in.ID, d))
	require.Empty(t, r.fake.Integrations())
}
