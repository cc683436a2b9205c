package app

import (
	"context"
	"errors"
	"sync"

	"pushbutton/internal/actions"
	"pushbutton/internal/fault"
	"pushbutton/internal/limits/memory"
	"pushbutton/internal/limits/ratelimit"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/pbauth"
	"pushbutton/internal/tenants/register"
)

// maxOpenTargets bounds how many integrations' targets are kept open.
const maxOpenTargets = 5000

// peers opens the two sides of an integration. It keeps Targets: a Target remembers
// what it looked up in its tracker (projects, fields), and a new one for every
// push would ask each time.
type peers struct {
	pb      *pbapi.Client
	auth    *pbauth.Auth
	http    *outbound.Client
	tenants tenants.ByTenant
	metrics *telemetry.Metrics
	// limits keeps to the trackers' rate limits.
	limits *ratelimit.Limiter

	// most bounds what all targets remember together, as memory.Take counts it. The
	// targets of one tenant may remember half of it.
	most int64

	mu   sync.Mutex
	open map[string]openTarget
}

type openTarget struct {
	version int64
	ca      string
	target  *targets.Target
	tenant  string
	// weight is the most memory that one run with the target took, beyond what is
	// free. What the target remembers is a part of that.
	weight int64
}

func newPeers(pb *pbapi.Client, auth *pbauth.Auth, http *outbound.Client, all tenants.ByTenant, metrics *telemetry.Metrics, limits *ratelimit.Limiter, most int64) *peers {
	return &peers{pb: pb, auth: auth, http: http, tenants: all, metrics: metrics, limits: limits, most: most, open: map[string]openTarget{}}
}

// Productboard returns the Productboard side of an integration.
func (p *peers) Productboard(in tenants.Integration) actions.Productboard {
	return memorySession{p.session(in)}
}

func (p *peers) session(in tenants.Integration) *pbapi.Session {
	return p.pb.As(p.auth.Source(in))
}

// Target returns the tracker's side of an integration as it is configured now. It
// sends nothing.
func (p *peers) Target(ctx context.Context, in tenants.Integration) (*targets.Target, error) {
	ca, err := p.authorities(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	memory.AtEnd(ctx, func(taken int64) { p.weigh(in.ID, taken) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept, ok := p.open[in.ID]; ok && kept.version == in.Version && kept.ca == ca {
		return kept.target, nil
	}
	target, err := p.openTarget(in.Tenant, ca, in.Target)
	if err != nil {
		return nil, err
	}
	if len(p.open) >= maxOpenTargets {
		for id := range p.open { // any: it is opened again when it is needed
			delete(p.open, id)
			break
		}
	}
	p.open[in.ID] = openTarget{version: in.Version, ca: ca, target: target, tenant: in.Tenant}
	return target, nil
}

// weigh notes the memory that a run with a target took, and forgets other targets
// where all together are too heavy. They look up again what they need.
func (p *peers) weigh(id string, weight int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	this, ok := p.open[id]
	if !ok || weight <= this.weight {
		return
	}
	this.weight = weight
	p.open[id] = this
	p.trim(id, p.most/2, func(o openTarget) bool { return o.tenant == this.tenant })
	p.trim(id, p.most, func(openTarget) bool { return true })
}

// trim forgets targets, id last, until those that count weigh at most that much
// together.
func (p *peers) trim(id string, most int64, counts func(openTarget) bool) {
	var sum int64
	for _, o := range p.open {
		if counts(o) {
			sum += o.weight
		}
	}
	for other, o := range p.open {
		if sum > most && other != id && o.weight > 0 && counts(o) {
			sum -= o.weight
			delete(p.open, other)
		}
	}
	if sum > most {
		delete(p.open, id)
	}
}

// authorities returns a tenant's own certificate authorities in PEM. A tenant that
// does not exist (yet) has none.
func (p *peers) authorities(ctx context.Context, tenant string) (ca string, err error) {
	t, err := p.tenants.Tenant(ctx, tenant)
	if errors.Is(err, fault.NotFound) {
		return "", nil
	}
	return t.CA, err
}

// client returns the HTTP client for tenants with these authorities.
func (p *peers) client(ca string) (*outbound.Client, error) {
	if ca == "" {
		return p.http, nil
	}
	parsed, err := tenants.ParseCA(ca)
	if err != nil {
		return nil, &fault.Error{Op: "open target", Kind: fault.Invalid, Side: fault.SidePlugin, Err: err,
			Public: "The tenant's certificate authorities cannot be read. Ask your admin to correct them."}
	}
	return p.http.WithAuthorities(parsed), nil
}

// checkTarget checks that a tenant can create issues with a configuration, without
// creating one.
func (p *peers) checkTarget(ctx context.Context, tenant string, t tenants.TargetConfig) (register.Checked, error) {
	ca, err := p.authorities(ctx, tenant)
	if err != nil {
		return register.Checked{}, err
	}
	target, err := p.openTarget("", ca, t)
	if err != nil {
		return register.Checked{}, err
	}
	checked := register.Checked{ItemFields: target.ItemFields(), Caveat: target.Traits().Caveat}
	if err := target.CheckAddresses(ctx); err != nil {
		return checked, err
	}
	if err := target.Check(ctx); err != nil {
		return checked, err
	}
	checked.Caveat = target.Caveat(ctx)
	// An end that cannot be read now is no reason to refuse the settings.
	at, asked, err := target.Expires(ctx)
	checked.ExpiryKnown, checked.Expires = asked && err == nil, at
	return checked, nil
}

// recipients returns the credentials that a configuration sends to addresses that
// did not get them before.
func (p *peers) recipients(before, now tenants.TargetConfig) (map[string]settings.Address, error) {
	target, err := p.openTarget("", "", now)
	if err != nil {
		return nil, err
	}
	former, _ := p.openTarget("", "", before) // a configuration that cannot be opened sends nothing
	return target.Recipients(former), nil
}

// openTarget opens the Target of a configuration, for a tenant with these
// authorities. It keeps to rate limits unless tenant is empty. It sends nothing.
func (p *peers) openTarget(tenant, ca string, t tenants.TargetConfig) (*targets.Target, error) {
	http, err := p.client(ca)
	if err != nil {
		return nil, err
	}
	return catalog.Open(t.Type, t.Settings, t.Credentials, targets.Deps{HTTP: http, Quota: quotas(p.limits, tenant), Observe: func(o targets.Observation) {
		p.metrics.Target(o.Type, o.Op, result(o.Err), o.Duration)
	}})
}
