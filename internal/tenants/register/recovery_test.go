package register_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants/register"
)

func TestApplyProbeFails(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.fake.SetEdge(public)) // nobody there
		report, err := r.apply(declare(desired("Engineering")))
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, "acme.yaml:Engineering:name: Productboard could not verify this plugin's action URL")
		require.ErrorContains(t, err, "this plugin: ")
		require.Equal(t, register.Failed, report.Integrations[0].State)
		r.nothingStored()

		require.NoError(t, r.fake.SetEdge(public, r.front.URL))
		require.Equal(t, register.Created, r.mustApply(declare(desired("Engineering")))[0].State)
	})
}

func TestApplyOneFailureDoesNotStopTheOthers(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	_, err := r.fake.SetFault(pbfake.Fault{Class: pbfake.ClassProbe, Kind: pbfake.FaultStatus, Status: 502, Count: 1})
	require.NoError(t, err)
	report, err := r.apply(declare(desired("A"), desired("B")))
	require.Error(t, err)
	require.Equal(t, register.Failed, report.Integrations[0].State)
	require.Empty(t, report.Integrations[0].ID)
	require.Equal(t, register.Created, report.Integrations[1].State)
	results := r.mustApply(declare(desired("A"), desired("B")))
	require.Equal(t, register.Created, results[0].State)
	require.Equal(t, register.Unchanged, results[1].State)
}

// killed is a process that dies at a certain point of a create call.
type killed struct {
	register.Session
	before bool
}

var errKilled = errors.New("killed")

func (k killed) CreateIntegration(ctx context.Context, in pbapi.IntegrationCreate) (string, error) {
	if !k.before {
		if _, err := k.Session.CreateIntegration(ctx, in); err != nil {
			return "", err
		}
	}
	panic(errKilled)
}

func (r *rig) applyKilled(before bool, p register.Declaration) {
	r.t.Helper()
	r.session = func(s register.Session) register.Session { return killed{s, before} }
	require.PanicsWithValue(r.t, errKilled, func() { _, _ = r.reg.Apply(r.t.Context(), p) })
	r.session = nil
}

func TestApplyAfterACrash(t *testing.T) {
	for name, before := range map[string]bool{"before the create": true, "after the create": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *rig) {
				p := declare(desired("Engineering"))
				r.applyKilled(before, p)
				begun, err := r.store.Tenant("acme").ByName(t.Context(), "Engineering")
				require.NoError(t, err)
				require.Empty(t, begun.ProductboardID)
				require.Equal(t, r.now, begun.CreateBegun)

				_, err = r.apply(p)
				require.ErrorContains(t, err, "acme.yaml:Engineering:name: Productboard is creating it at the moment, or has left open whether it did; apply again after 12:01:00 UTC")

				r.now = r.now.Add(time.Minute)
				res := r.mustApply(p)[0]
				require.Equal(t, register.Created, res.State)
				require.Equal(t, begun.ID, res.ID)
				existing := r.fake.Integrations()
				require.Len(t, existing, 1, "no second column")
				require.Equal(t, existing[0].ID, res.ProductboardID)
				require.Equal(t, res.ActionURL, existing[0].ActionURL)
				require.Equal(t, register.Unchanged, r.mustApply(p)[0].State)
			})
		})
	}
}

// The orphan's action cannot be read, so adopting it sets the action anew:
// here the public address has changed since.
func TestApplyAdoptsWithItsOwnAction(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	want := desired("Engineering")
	r.applyKilled(false, declare(want))
	r.now = r.now.Add(time.Minute)
	r.move("https://new.example.com")
	require.NoError(t, r.fake.SetEdge("https://new.example.com", r.front.URL))
	want.Integration.ButtonLabel = "Go"
	res := r.mustApply(declare(want))[0]
	existing := r.fake.Integrations()[0]
	require.Equal(t, "https://new.example.com/actions/"+res.ID, existing.ActionURL)
	require.Equal(t, "Go", existing.Label)
}

func TestApplyDoesNotAdoptWhatMayBeSomebodyElses(t *testing.T) {
	t.Run("two of the name", func(t *testing.T) {
		r := newRig(t, redistest.Mini(t))
		p := declare(desired("Engineering"))
		r.applyKilled(false, p)
		_, err := r.productboard(anyOf(pbToken)).CreateIntegration(t.Context(), pbapi.IntegrationCreate{
			Type: "com.pushbutton.redmine", Name: "Engineering", Label: "X", Status: pbapi.Disabled, Action: pbapi.Action{URL: "https://other.example.com/x"}})
		require.NoError(t, err)
		r.now = r.now.Add(time.Minute)
		before := r.writes()
		_, err = r.apply(p)
		require.ErrorContains(t, err, "Productboard already has an integration")
		require.Equal(t, before, r.writes())
	})
	t.Run("another tenant's", func(t *testing.T) {
		r := newRig(t, redistest.Mini(t))
		mine := declare(desired("Engineering"))
		r.applyKilled(true, mine)
		theirs := mine
		theirs.Tenants = []register.DesiredTenant{{ID: "other", Integrations: mine.Tenants[0].Integrations}}
		r.mustApply(theirs)
		r.now = r.now.Add(time.Minute)
		before := r.writes()
		_, err := r.apply(mine)
		require.ErrorContains(t, err, "Productboard already has an integration")
		require.Equal(t, before, r.writes())
	})
}

func TestApplyUnknownOutcomeOfACreate(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		_, err := r.fake.SetFault(pbfake.Fault{ID: "drop", Class: pbfake.ClassIntegration, Kind: pbfake.FaultDropAfter})
		require.NoError(t, err)
		r.session = func(s register.Session) register.Session { return listing{s, r} }
		p := declare(desired("Engineering"))
		report, err := r.apply(p)
		require.ErrorContains(t, err, "the integration may have been created all the same; apply again in a minute")
		require.NotEmpty(t, report.Integrations[0].ID, "the record stays")
		r.fake.ClearFaults()
		r.now = r.now.Add(time.Minute)
		require.Equal(t, register.Created, r.mustApply(p)[0].State)
		require.Len(t, r.fake.Integrations(), 1)
	})
}

// listing lists without the faults that are set.
type listing struct {
	register.Session
	w *rig
}

func (l listing) ListIntegrations(context.Context) iter.Seq2[pbapi.Integration, error] {
	return func(yield func(pbapi.Integration, error) bool) {
		for _, in := range l.w.fake.Integrations() {
			if !yield(pbapi.Integration{ID: in.ID, Type: in.Type, Name: in.Name, Status: pbapi.IntegrationStatus(in.Status), Label: in.Label}, nil) {
				return
			}
		}
	}
}

func TestApplyDeletedAtProductboard(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := declare(desired("Engineering"))
		first := r.mustApply(p)[0]
		require.NoError(t, deleteAtProductboard(r, first.ProductboardID))

		_, err := r.apply(p)
		require.ErrorContains(t, err, "acme.yaml:Engineering:productboard.token: Productboard does not have the integration "+first.ProductboardID+" any more")
		require.ErrorContains(t, err, "recreate")

		p.Recreate = true
		require.NoError(t, r.fake.SetEdge(public))
		_, err = r.apply(p)
		require.ErrorContains(t, err, "could not verify")
		stored, err := r.store.ByID(t.Context(), first.ID)
		require.NoError(t, err, "the record, to which buttons belong, stays")
		require.Empty(t, stored.ProductboardID)

		require.NoError(t, r.fake.SetEdge(public, r.front.URL))
		second := r.mustApply(p)[0]
		require.Equal(t, register.Created, second.State)
		require.Equal(t, first.ID, second.ID)
		require.NotEqual(t, first.ProductboardID, second.ProductboardID)
		require.Equal(t, register.Unchanged, r.mustApply(p)[0].State)
	})
}

// A record whose create surely came to nothing has no orphan: one of the same
// name at Productboard is somebody else's.
func TestApplyDoesNotAdoptAfterASureFailure(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	p := declare(desired("Engineering"))
	r.applyKilled(true, p)
	r.now = r.now.Add(time.Minute)
	require.NoError(t, r.fake.SetEdge(public))
	_, err := r.apply(p)
	require.ErrorContains(t, err, "could not verify")
	stored, err := r.store.Tenant("acme").ByName(t.Context(), "Engineering")
	require.NoError(t, err, "a record from before the run stays")
	require.True(t, stored.CreateBegun.IsZero())

	_, err = r.productboard(anyOf(pbToken)).CreateIntegration(t.Context(), pbapi.IntegrationCreate{
		Type: "com.pushbutton.redmine", Name: "Engineering", Label: "X", Status: pbapi.Disabled, Action: pbapi.Action{URL: "https://other.example.com/x"}})
	require.NoError(t, err)
	_, err = r.apply(p)
	require.ErrorContains(t, err, "Productboard already has an integration")
}

func deleteAtProductboard(r *rig, id string) error {
	return r.productboard(anyOf(pbToken)).(*pbapi.Session).DeleteIntegration(r.t.Context(), id)
}

func TestApplyRefusesMoves(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	want := desired("Engineering")
	r.mustApply(declare(want))
	want.Integration.Target.Type = "jira"
	_, err := r.apply(declare(want))
	require.EqualError(t, err, `acme.yaml:Engineering:target.type: cannot be changed from "redmine" to "jira": the issues of the existing buttons are in the former; declare an integration of another name instead`)
	want = desired("Engineering")
	want.Integration.Type = "com.example.new"
	_, err = r.apply(declare(want))
	require.ErrorContains(t, err, `acme.yaml:Engineering:type: cannot be changed from "com.pushbutton.redmine" to "com.example.new"`)
}

func TestApplyEndsWithItsContext(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	ctx, cancel := context.WithCancel(t.Context())
	r.session = func(s register.Session) register.Session { return canceling{s, cancel} }
	report, err := r.reg.Apply(ctx, declare(desired("A"), desired("B")))
	require.ErrorIs(t, err, fault.Canceled)
	require.Equal(t, register.Created, report.Integrations[0].State, "what Productboard has done is written down all the same")
	require.Equal(t, register.Failed, report.Integrations[1].State)
	require.Len(t, r.fake.Integrations(), 1)
}

// canceling gives up just when Productboard has created.
type canceling struct {
	register.Session
	cancel context.CancelFunc
}

func (c canceling) CreateIntegration(ctx context.Context, in pbapi.IntegrationCreate) (string, error) {
	id, err := c.Session.CreateIntegration(ctx, in)
	c.cancel()
	return id, err
}

func TestApplyWithoutRedis(t *testing.T) {
	env := redistest.Mini(t)
	r := newRig(t, env)
	env.Mini.SetError("LOADING")
	_, err := r.apply(declare(desired("Engineering")))
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorContains(t, err, "Redis")
	require.Zero(t, r.writes())
}

func TestApplyEmptyTenant(t *testing.T) {
	r := newRig(t, redistest.Mini(t))
	require.Empty(t, r.mustApply(declare()))
	_, err := r.store.Tenant("acme").Get(t.Context())
	require.NoError(t, err, "a tenant may be declared without integrations")
}
