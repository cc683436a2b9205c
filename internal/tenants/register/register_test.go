package register_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

const (
	public  = "https://push.example.com"
	pbToken = "canary-pb-token"
)

// rig is a simulated Productboard, our front door behind its edge, and a
// Registrar over an empty Redis.
type rig struct {
	t     *testing.T
	fake  *pbfake.Fake
	store *tenants.Store
	front *httptest.Server
	reg   *register.Registrar
	// session, if set, wraps every session.
	session func(register.Session) register.Session
	// authorised says that somebody has authorised the plugin at Productboard,
	// whatever the integration's credential is.
	authorised   bool
	productboard register.Productboard
	publicURL    string
	opts         register.Options
	// target answers the tracker's check.
	target  func(tenants.TargetConfig) error
	now     time.Time
	probes  atomic.Int64
	checked register.Checked
}

func newRig(t *testing.T, env redistest.Env) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	ring, err := secret.NewKeyring([]secret.Key{{ID: "k1", Bytes: bytes.Repeat([]byte("k"), secret.KeySize)}})
	require.NoError(t, err)
	r.store = tenants.NewStore(env.Client, ring)
	r.fake = pbfake.New(&pbfake.Options{Tokens: []pbfake.Token{{Value: pbToken}}, RateLimit: -1, PageSize: 2})
	t.Cleanup(r.fake.Close)
	api := httptest.NewServer(r.fake)
	t.Cleanup(api.Close)
	r.front = httptest.NewServer(http.HandlerFunc(r.probe))
	t.Cleanup(r.front.Close)
	require.NoError(t, r.fake.SetEdge(public, r.front.URL))

	out := outbound.New(&outbound.Options{Unguarded: true})
	t.Cleanup(out.Close)
	client, err := pbapi.New(api.URL+"/v2", out, pbapi.NoRateLimit())
	require.NoError(t, err)
	r.productboard = func(in tenants.Integration) register.Session {
		if r.authorised {
			in = anyOf(pbToken)
		}
		var s register.Session = client.As(pbapi.StaticToken(in.Productboard.Token))
		if r.session != nil {
			s = r.session(s)
		}
		return s
	}
	r.publicURL = public
	r.set(func(o *register.Options) {
		o.Now = func() time.Time { return r.now }
		o.Recipients = func(_, now tenants.TargetConfig) (map[string]settings.Address, error) {
			out := map[string]settings.Address{}
			if url, ok := now.Settings["elsewhere"].(string); ok {
				out["apiKey"] = settings.Address{Path: "settings.elsewhere", URL: url}
			}
			return out, nil
		}
	})
	return r
}

// set changes the registrar's options and makes it anew.
func (r *rig) set(change func(o *register.Options)) {
	change(&r.opts)
	r.reg = register.New(r.store, r.publicURL, r.productboard, r.checkTarget, &r.opts)
}

// move gives this deployment another address.
func (r *rig) move(publicURL string) {
	r.publicURL = publicURL
	r.set(func(*register.Options) {})
}

func (r *rig) checkTarget(_ context.Context, _ string, c tenants.TargetConfig) (register.Checked, error) {
	if r.target != nil {
		return r.checked, r.target(c)
	}
	return r.checked, nil
}

// probe is the least of the front door: it knows the integration already
// while Productboard's create call is under way.
func (r *rig) probe(rw http.ResponseWriter, req *http.Request) {
	r.probes.Add(1)
	id, ok := strings.CutPrefix(req.URL.Path, register.ActionPath)
	_, err := tenants.Authenticate(req.Context(), r.store, id, req.Header.Get("Authorization"))
	if !ok || err != nil {
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write([]byte(req.URL.Query().Get("validationToken")))
}

// anyOf is some integration with a token.
func anyOf(token string) tenants.Integration {
	return tenants.Integration{Productboard: tenants.APIToken(secret.New(token))}
}

func desired(name string) register.Desired {
	return register.Desired{
		Integration: tenants.Integration{
			Name: name, ButtonLabel: "Push", Productboard: tenants.APIToken(secret.New(pbToken)),
			Target: tenants.TargetConfig{Type: "redmine", Settings: map[string]any{"project": "push", "limit": 3},
				Credentials: map[string]secret.String{"apiKey": secret.New("canary-key")}},
		},
		Origin: func(field string) string { return "acme.yaml:" + name + ":" + field },
	}
}

func declare(desired ...register.Desired) register.Declaration {
	return register.Declaration{Tenants: []register.DesiredTenant{{ID: "acme", Integrations: desired}}}
}

func (r *rig) apply(p register.Declaration) (register.Report, error) {
	r.t.Helper()
	report, err := r.reg.Apply(r.t.Context(), p)
	if err != nil {
		require.NotContains(r.t, err.Error(), "canary", "no secret in an error")
	}
	return report, err
}

func (r *rig) mustApply(p register.Declaration) []register.Result {
	r.t.Helper()
	report, err := r.apply(p)
	require.NoError(r.t, err)
	return report.Integrations
}

// writes counts what was changed at Productboard.
func (r *rig) writes() int {
	calls := r.fake.Calls()
	return calls["createPluginIntegration"] + calls["updatePluginIntegration"]
}

func (r *rig) nothingStored() {
	r.t.Helper()
	page, _, err := r.store.Tenants(r.t.Context(), "", 0)
	require.NoError(r.t, err)
	require.Empty(r.t, page)
	require.Empty(r.t, r.fake.Integrations())
}

func each(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, env redistest.Env) { f(t, newRig(t, env)) })
}

func TestApplyTwice(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := declare(desired("Engineering"), desired("Support"))
		first := r.mustApply(p)
		require.Len(t, first, 2)
		existing := r.fake.Integrations()
		require.Len(t, existing, 2)
		for i, res := range first {
			require.Equal(t, register.Created, res.State)
			require.Equal(t, "acme", res.Tenant)
			require.Regexp(t, `^[a-z2-7]{26}$`, res.ID)
			require.Equal(t, public+"/actions/"+res.ID, res.ActionURL)
			require.Equal(t, existing[i].ID, res.ProductboardID)
			require.Equal(t, res.ActionURL, existing[i].ActionURL)
			require.Equal(t, "com.pushbutton.redmine", existing[i].Type)
			require.Equal(t, "Push", existing[i].Label)
			require.Equal(t, "enabled", existing[i].Status)
			stored, err := r.store.ByID(t.Context(), res.ID)
			require.NoError(t, err)
			require.Equal(t, res.ProductboardID, stored.ProductboardID)
			require.Equal(t, tenants.AnswerV2, stored.Answer)
			require.Equal(t, tenants.UnlinkLeave, stored.OnUnlink)
		}
		require.Equal(t, int64(2), r.probes.Load())

		before := r.writes()
		second := r.mustApply(p)
		for i, res := range second {
			require.Equal(t, register.Unchanged, res.State)
			first[i].State = register.Unchanged
			require.Equal(t, first[i], res)
		}
		require.Equal(t, before, r.writes(), "a second run changes nothing")
		stored, err := r.store.ByID(t.Context(), first[0].ID)
		require.NoError(t, err)
		require.Equal(t, int64(2), stored.Version, "nor here")
	})
}

func TestApplyChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(r *rig, in *tenants.Integration)
		changes []string
		probes  int64
		calls   int
		check   func(t *testing.T, existing pbfake.Integration, stored tenants.Integration)
	}{
		"label": {
			change: func(_ *rig, in *tenants.Integration) { in.ButtonLabel = "Go" }, changes: []string{"button label"}, calls: 1,
			check: func(t *testing.T, existing pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, "Go", existing.Label)
				require.Equal(t, "Go", stored.ButtonLabel)
			},
		},
		"disabled": {
			change: func(_ *rig, in *tenants.Integration) { in.Disabled = true }, changes: []string{"disabled"}, calls: 1,
			check: func(t *testing.T, existing pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, "disabled", existing.Status)
				require.True(t, stored.Disabled)
			},
		},
		"credentials and settings": {
			change: func(_ *rig, in *tenants.Integration) {
				in.Target.Settings = map[string]any{"project": "other"}
				in.Target.Credentials = map[string]secret.String{"apiKey": secret.New("canary-new")}
				in.OnUnlink = tenants.UnlinkClose
			}, changes: []string{"settings"},
			check: func(t *testing.T, _ pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, "canary-new", stored.Target.Credentials["apiKey"].Reveal())
				require.Equal(t, map[string]any{"project": "other"}, stored.Target.Settings)
				require.Equal(t, tenants.UnlinkClose, stored.OnUnlink)
			},
		},
		"refresh": {
			change: func(_ *rig, in *tenants.Integration) {
				in.Refresh = tenants.RefreshSettings{ResetDeleted: true}
			}, changes: []string{"settings"},
			check: func(t *testing.T, _ pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, tenants.RefreshSettings{ResetDeleted: true}, stored.Refresh)
			},
		},
		"hooks": {
			change: func(_ *rig, in *tenants.Integration) { in.Hooks = tenants.HooksOff }, changes: []string{"settings"},
			check: func(t *testing.T, _ pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, tenants.HooksOff, stored.Hooks)
			},
		},
		"token": {
			change: func(r *rig, in *tenants.Integration) {
				r.fake.AddToken(pbfake.Token{Value: "canary-2"})
				r.fake.RevokeToken(pbToken)
				in.Productboard.Token = secret.New("canary-2")
			}, changes: []string{"settings"},
			check: func(t *testing.T, _ pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, "canary-2", stored.Productboard.Token.Reveal())
			},
		},
		"public address": {
			change: func(r *rig, _ *tenants.Integration) {
				r.move("https://new.example.com")
				require.NoError(r.t, r.fake.SetEdge("https://new.example.com", r.front.URL))
			}, changes: []string{"action"}, probes: 1, calls: 1,
			check: func(t *testing.T, existing pbfake.Integration, stored tenants.Integration) {
				require.Equal(t, "https://new.example.com/actions/"+stored.ID, existing.ActionURL)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, redistest.Mini(t))
			want := desired("Engineering")
			id := r.mustApply(declare(want))[0].ID
			probes, calls := r.probes.Load(), r.writes()
			tc.change(r, &want.Integration)

			res := r.mustApply(declare(want))[0]
			require.Equal(t, register.Updated, res.State)
			require.Equal(t, tc.changes, res.Changes)
			require.Equal(t, tc.probes, r.probes.Load()-probes, "probes")
			require.Equal(t, tc.calls, r.writes()-calls, "calls")
			stored, err := r.store.ByID(t.Context(), id)
			require.NoError(t, err)
			tc.check(t, r.fake.Integrations()[0], stored)
			require.Equal(t, register.Unchanged, r.mustApply(declare(want))[0].State)
		})
	}
}

func TestApplyEnablesWithAProbe(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	want := desired("Engineering")
	want.Integration.Disabled = true
	require.Equal(t, register.Created, r.mustApply(declare(want))[0].State)
	require.Zero(t, r.probes.Load(), "Productboard does not probe what is disabled")
	want.Integration.Disabled = false
	require.Equal(t, []string{"enabled", "action"}, r.mustApply(declare(want))[0].Changes)
	require.Equal(t, int64(1), r.probes.Load())
}

// Apply checks both credentials, so one that works again without a change of
// its text is what puts an integration back to work.
func TestApplyReconnects(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.mustApply(declare(desired("Engineering")))
		stored, err := r.store.Tenant("acme").ByName(t.Context(), "Engineering")
		require.NoError(t, err)
		_, err = r.store.NeedReconnect(t.Context(), stored, fault.SideTracker, "Expired.")
		require.NoError(t, err)
		again := r.mustApply(declare(desired("Engineering")))
		require.Equal(t, []string{"reconnected"}, again[0].Changes)
		stored, err = r.store.Tenant("acme").ByName(t.Context(), "Engineering")
		require.NoError(t, err)
		require.Nil(t, stored.Reconnect)
	})
}

func TestApplyMendsWhatWasChangedAtProductboard(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	want := desired("Engineering")
	id := r.mustApply(declare(want))[0].ProductboardID
	name, label, status := "Renamed", "Other", pbapi.Disabled
	require.NoError(t, r.productboard(anyOf(pbToken)).UpdateIntegration(t.Context(), id,
		pbapi.IntegrationUpdate{Name: &name, Label: &label, Status: &status}))
	require.Equal(t, []string{"name", "button label", "enabled", "action"}, r.mustApply(declare(want))[0].Changes)
	existing := r.fake.Integrations()[0]
	require.Equal(t, "Engineering", existing.Name)
	require.Equal(t, "Push", existing.Label)
	require.Equal(t, "enabled", existing.Status)
}

func TestApplyLeavesTheUndeclaredAlone(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		old := r.mustApply(declare(desired("Old")))[0]
		results := r.mustApply(declare(desired("New")))
		require.Len(t, results, 2)
		require.Equal(t, register.Created, results[0].State)
		old.State = register.LeftAlone
		require.Equal(t, old, results[1])
		require.Len(t, r.fake.Integrations(), 2)

		var out strings.Builder
		require.NoError(t, register.Report{Integrations: results}.Write(&out))
		require.Contains(t, out.String(), "acme/New: created\n  id:           "+results[0].ID+"\n  action:       "+public+"/actions/"+results[0].ID+"\n")
		require.Contains(t, out.String(), "acme/Old: not declared\n")
	})
}

// Each case is one thing that is wrong with one of two integrations; nothing
// may be written, here or at Productboard.
func TestApplyWritesNothingIfACheckFails(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(r *rig, bad *register.Desired)
		want  []string
		kind  fault.Kind
	}{
		"wrong token": {
			func(_ *rig, bad *register.Desired) { bad.Integration.Productboard.Token = secret.New("canary-wrong") },
			[]string{"acme.yaml:Bad:productboard.token: Productboard does not accept the plugin's access token", "Productboard: unauthorized"}, fault.Unauthorized,
		},
		"token without a permission": {
			func(r *rig, bad *register.Desired) {
				r.fake.AddToken(pbfake.Token{Value: "canary-poor", Scopes: []string{"entities:read"}})
				bad.Integration.Productboard.Token = secret.New("canary-poor")
			},
			[]string{"acme.yaml:Bad:productboard.token: ", "plugin-integrations:read"}, fault.Forbidden,
		},
		"unreachable tracker": {
			func(r *rig, _ *register.Desired) {
				r.target = only("Bad", &fault.Error{Op: "check", Kind: fault.Unavailable, Side: fault.SideTracker, Peer: "Redmine", Public: "Redmine cannot be reached.", Err: errors.New("connection refused")})
			},
			[]string{"acme.yaml:Bad:target.settings: Redmine cannot be reached. [check: Redmine: unavailable: connection refused]"}, fault.Unavailable,
		},
		"wrong key": {
			func(r *rig, _ *register.Desired) {
				r.target = only("Bad", &fault.Error{Op: "check", Kind: fault.Unauthorized, Side: fault.SideTracker, Public: "Redmine refused the credentials."})
			},
			[]string{"acme.yaml:Bad:target.credentials: Redmine refused the credentials."}, fault.Unauthorized,
		},
		"wrong settings": {
			func(r *rig, _ *register.Desired) {
				r.target = only("Bad", settings.FieldErrors{{Path: "settings.project", Message: "is required"}, {Path: "settings.x", Message: "is not known"}})
			},
			[]string{"acme.yaml:Bad:target.settings.project: is required", "acme.yaml:Bad:target.settings.x: is not known"}, fault.Internal,
		},
		"Productboard has the name": {
			func(r *rig, bad *register.Desired) {
				other := newOther(r)
				bad.Integration.Name, bad.Integration.Type = other.Name, other.Type
			},
			[]string{"acme.yaml:Bad:name: Productboard already has an integration of the type \"com.example.other\" with this name"}, fault.Internal,
		},
		"the same column twice": {
			func(_ *rig, bad *register.Desired) { bad.Integration.Name = "Good" },
			[]string{"acme.yaml:Bad:name: is declared twice"}, fault.Internal,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, redistest.Mini(t))
			bad := desired("Bad")
			bad.Integration.Target.Settings["name"] = "Bad"
			tc.spoil(r, &bad)
			before := len(r.fake.Integrations())
			report, err := r.apply(declare(desired("Good"), bad))
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			require.Len(t, strings.Split(err.Error(), "\n"), len(nonBracket(tc.want)))
			if tc.kind != fault.Internal {
				require.ErrorIs(t, err, tc.kind)
			}
			require.Equal(t, register.Skipped, report.Integrations[0].State)
			require.Equal(t, register.Failed, report.Integrations[1].State)
			require.Error(t, report.Integrations[1].Err)
			page, _, err := r.store.Tenants(t.Context(), "", 0)
			require.NoError(t, err)
			require.Empty(t, page)
			require.Len(t, r.fake.Integrations(), before)
		})
	}
}

// nonBracket counts the errors of which the desired texts are parts.
func nonBracket(want []string) []string {
	var out []string
	for _, s := range want {
		if strings.HasPrefix(s, "acme.yaml:") {
			out = append(out, s)
		}
	}
	return out
}

// only fails the check of the integration that carries its name in its
// settings.
func only(name string, err error) func(tenants.TargetConfig) error {
	return func(c tenants.TargetConfig) error {
		if c.Settings["name"] == name {
			return err
		}
		return nil
	}
}

// newOther makes an integration that is not ours.
func newOther(r *rig) pbapi.IntegrationCreate {
	r.t.Helper()
	in := pbapi.IntegrationCreate{Type: "com.example.other", Name: "Theirs", Label: "X", Status: pbapi.Disabled,
		Action: pbapi.Action{URL: "https://other.example.com/x"}}
	_, err := r.productboard(anyOf(pbToken)).CreateIntegration(r.t.Context(), in)
	require.NoError(r.t, err)
	return in
}

func TestFieldsThatTemplatesName(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	r.checked = register.Checked{ItemFields: []string{"name", "go-live date", pbfake.FieldImpact}, Caveat: "It may push twice."}
	report, err := r.apply(declare(desired("Engineering")))
	require.NoError(t, err, "by id, and by name whatever its case")
	var printed strings.Builder
	require.NoError(t, report.Write(&printed))
	require.Contains(t, printed.String(), "It may push twice.")

	r.checked.ItemFields = []string{"Impct", "name"}
	_, err = r.apply(declare(desired("Support")))
	require.ErrorContains(t, err, `acme.yaml:Support:target.settings: The templates name fields that no item in this Productboard workspace has: "Impct" (did you mean Impact?).`)
}
