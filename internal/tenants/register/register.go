// Package register brings tenants and integrations into the desired state:
// stored here with their credentials sealed, and known to Productboard. Apply
// takes a whole declaration; Create, Patch, Rotate and the others take one
// integration, through the same checks and steps.
//
// Everything is checked before anything is written, with the trackers and with
// Productboard too. So a declaration that cannot be carried out changes nothing,
// and neither does one that is applied a second time.
//
// What must not live here: the format of a declaration (see applyfile), how
// records are kept (tenants), Productboard's wire format (pbapi).
package register

import (
	"context"
	"iter"
	"time"

	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
)

// ActionPath is where actions are received, below the public URL; an
// integration's id follows.
const ActionPath = "/actions/"

// DefaultTypePrefix and the target's type make the Productboard type of an
// integration that names none. Integrations of one type share an icon in
// Productboard. A type cannot be changed later, so it depends on nothing that
// moves.
const DefaultTypePrefix = "com.pushbutton."

const (
	// createLimit bounds one create call; Productboard probes us meanwhile.
	createLimit = 30 * time.Second
	// createSettles is how long after its begin a create call whose outcome
	// is unknown may still take effect. Until then nobody looks for what it
	// left: it is more than createLimit and Productboard's delays together.
	createSettles = time.Minute
	// storeLimit bounds the writing down of what Productboard did, which goes
	// on when the caller has given up.
	storeLimit = 5 * time.Second
	// parallel bounds the checks under way at once.
	parallel = 8
	// formerFor is how long a replaced action secret is still accepted after
	// Productboard has the new one: a click that is under way ends within 5 s.
	formerFor = 10 * time.Second
	// maxListed bounds what is believed of a workspace's list.
	maxListed = 10_000
)

// Session is Productboard's API as one token sees it; *pbapi.Session is one.
type Session interface {
	CreateIntegration(ctx context.Context, in pbapi.IntegrationCreate) (id string, err error)
	ListIntegrations(ctx context.Context) iter.Seq2[pbapi.Integration, error]
	UpdateIntegration(ctx context.Context, id string, in pbapi.IntegrationUpdate) error
	ListConfigurations(ctx context.Context) iter.Seq2[pbapi.Configuration, error]
	GetIntegration(ctx context.Context, id string) (pbapi.Integration, error)
	DeleteIntegration(ctx context.Context, id string) error
	ListConnections(ctx context.Context, integrationID string, states ...pbapi.StateName) iter.Seq2[pbapi.Connection, error]
}

// Buttons are the records of the buttons; *connections.Store keeps them.
type Buttons interface {
	// DeleteIntegration removes all of an integration. It can be called again
	// after it was cut short; progress, if set, is told how many are gone.
	DeleteIntegration(ctx context.Context, tenant, integration string, progress func(done int64)) error
}

// Checked is what a target that can be used is known for.
type Checked struct {
	// ItemFields are the fields of Productboard's items that its templates
	// name, by id or as people see them.
	ItemFields []string
	// Caveat is what its settings cannot promise, a sentence; empty: nothing.
	Caveat string
	// ExpiryKnown says that the tracker was asked when the credential ends;
	// Expires is the answer, zero: never, or it does not tell.
	ExpiryKnown bool
	Expires     time.Time
}

// Productboard makes the session of an integration's credential. The integration
// need not be stored yet, unless the credential is OAuth.
type Productboard func(in tenants.Integration) Session

// CheckTarget checks that a tenant can create issues with these settings,
// without creating one. The tenant may not exist yet.
type CheckTarget func(ctx context.Context, tenant string, target tenants.TargetConfig) (Checked, error)

// Options are what a Registrar can do without, or needs for some calls alone.
type Options struct {
	// Recipients returns the credentials that a target sends to an address where
	// it did not send them before, by name (targets.Target.Recipients). It does
	// not reach out. Its error is what is wrong with the settings of now; those
	// from before that are wrong count as none. Needed for Patch alone.
	Recipients func(before, now tenants.TargetConfig) (map[string]settings.Address, error)
	// Preview returns what a push of an entity would create. Needed for Preview
	// alone.
	Preview func(ctx context.Context, in tenants.Integration, entity string) (targets.Preview, error)
	// Buttons is needed for Delete alone.
	Buttons Buttons
	// Link, if set, connects a button that another program has connected to its
	// issue here too.
	Link func(ctx context.Context, in tenants.Integration, c pbapi.Connection) error
	// Revoke, if set, gives an integration's authorisation back to Productboard.
	Revoke func(ctx context.Context, in tenants.Integration) error
	// Hooks, if set, is called with an integration that is as it was declared, and with
	// what was stored before, if anything. It sees to the webhook of the tracker.
	Hooks func(ctx context.Context, before *tenants.Integration, in tenants.Integration) Webhook
	// RemoveHook, if set, removes the webhook of an integration that is being deleted.
	// What fails there does not stop the deletion.
	RemoveHook func(ctx context.Context, in tenants.Integration)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Webhook is what became of an integration's webhook.
type Webhook struct {
	// Note says it in a sentence; empty: nothing changed.
	Note string
	// Steps say how to set it up by hand, with address and secret. They are told
	// once.
	Steps []string
	// Integration is the integration afterwards.
	Integration tenants.Integration
}

// Registrar applies declarations. It is safe for concurrent use.
type Registrar struct {
	store        *tenants.Store
	publicURL    string
	productboard Productboard
	checkTarget  CheckTarget
	opts         Options

	// recreate makes integrations anew that Productboard does not have any
	// more.
	recreate bool
}

// New makes a Registrar of the integrations of a store. publicURL is the address
// by which Productboard calls us, without a trailing slash. opts may be nil.
func New(store *tenants.Store, publicURL string, productboard Productboard, checkTarget CheckTarget, opts *Options) *Registrar {
	r := &Registrar{store: store, publicURL: publicURL, productboard: productboard, checkTarget: checkTarget}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Now == nil {
		r.opts.Now = time.Now
	}
	return r
}

// recreating is the same Registrar, which also makes anew what Productboard
// does not have any more, if so.
func (r *Registrar) recreating(so bool) *Registrar {
	own := *r
	own.recreate = so
	return &own
}

func (r *Registrar) now() time.Time { return r.opts.Now() }

// ActionURL is where Productboard sends an integration's probe and clicks.
func (r *Registrar) ActionURL(integration string) string {
	return r.publicURL + ActionPath + integration
}

// Declaration lists what a file, or a request, says that there shall be.
type Declaration struct {
	Tenants []DesiredTenant
	// Recreate makes integrations anew that Productboard does not have any
	// more. Their buttons are gone there; the records here stay.
	Recreate bool
}

// DesiredTenant is a tenant and those of its integrations that are declared.
type DesiredTenant struct {
	ID           string
	Integrations []Desired
}

// The fields of a declared integration that Desired.Origin is asked for, beside
// "target." with the path of one of the target's own fields.
const (
	FieldName        = "name"
	FieldType        = "type"
	FieldToken       = "productboard.token"
	FieldTarget      = "target"
	FieldTargetType  = "target.type"
	FieldSettings    = "target.settings"
	FieldCredentials = "target.credentials"
)

// Desired is one declared integration.
type Desired struct {
	// Integration holds what was declared: Name, ButtonLabel, Productboard,
	// Answer, OnUnlink, Refresh, Hooks, Target, Disabled. Type may be empty: then it is
	// the stored one, or the default. The other fields are ignored.
	Integration tenants.Integration
	// Origin returns where a field stands, as the beginning of an error's text
	// ("acme.yaml:5:18: tenants[0].integrations[0].name"). May be nil.
	Origin func(field string) string
}

func (d Desired) origin(tenant, field string) string {
	if d.Origin == nil {
		return tenant + "/" + d.Integration.Name + ": " + field
	}
	return d.Origin(field)
}

// Apply carries a declaration out. The error joins all failures; each is also
// in the report. If a check fails nothing is written at all.
func (r *Registrar) Apply(ctx context.Context, declaration Declaration) (Report, error) {
	r = r.recreating(declaration.Recreate)
	jobs := r.plan(ctx, declaration)
	if !failed(jobs) {
		r.apply(ctx, declaration, jobs)
	}
	report := Report{}
	for _, j := range jobs {
		report.Integrations = append(report.Integrations, r.result(j))
	}
	left, err := r.leftAlone(ctx, declaration)
	if err != nil {
		report.Integrations = append(report.Integrations, Result{State: Failed, Err: err})
	}
	report.Integrations = append(report.Integrations, left...)
	return report, report.Err()
}

// apply writes, one job after the other: they are independent of each other.
func (r *Registrar) apply(ctx context.Context, declaration Declaration, jobs []*job) {
	next := 0
	for _, t := range declaration.Tenants {
		mine := jobs[next : next+len(t.Integrations)]
		next += len(t.Integrations)
		isNew, err := r.ensureTenant(ctx, t.ID)
		useful := len(mine) == 0
		for _, j := range mine {
			if err != nil {
				j.fail(FieldName, err)
				continue
			}
			r.perform(ctx, j)
			useful = useful || j.state != Failed
		}
		if isNew && !useful {
			// Nothing half made. A record whose outcome is unknown keeps its
			// tenant: that one is refused.
			_ = r.store.Tenant(t.ID).DeleteTenant(context.WithoutCancel(ctx))
		}
	}
}
