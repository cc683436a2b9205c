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

// peers opens the two sides of an integration. A Target is kept: it knows
// what it has looked up in its tracker (projects, fields), and one that was
// made anew for every push would ask each time.
type peers struct {
	pb      *pbapi.Client
	auth    *pbauth.Auth
	http    *outbound.Client
	tenants tenants.ByTenant
	metrics *telemetry.Metrics
	// limits remembers the trackers' rate limits.
	limits *ratelimit.Limiter

	// most is what targets may have remembered together, as memory.Take counts
	// it, and half of it what those of one tenant may.
	most int64

	mu   sync.Mutex
	open map[string]openTarget
}

type openTarget struct {
	version int64
	ca      string
	target  *targets.Target
	tenant  string
	// weight is the most that a piece of work with the target held, beyond what
	// is free: what the target remembers is a part of that.
	weight int64
}

func newPeers(pb *pbapi.Client, auth *pbauth.Auth, http *outbound.Client, all tenants.ByTenant, metrics *telemetry.Metrics, limits *ratelimit.Limiter, most int64) *peers {
	return &peers{pb: pb, auth: auth, http: http, tenants: all, metrics: metrics, limits: limits, most: most, open: map[string]openTarget{}}
}

// Productboard opens the Productboard side of an integration.
func (p *peers) Productboard(in tenants.Integration) actions.Productboard {
	return weighed{p.session(in)}
}

func (p *peers) session(in tenants.Integration) *pbapi.Session {
	return p.pb.As(p.auth.Source(in))
}

// Target gives the tracker's side of an integration as it is configured now.
// It does not reach out.
func (p *peers) Target(ctx context.Context, in tenants.Integration) (*targets.Target, error) {
	ca, err := p.authorities(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	memory.AtEnd(ctx, func(taken int64) { p.remembers(in.ID, taken) })
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

// remembers notes what a piece of work with a target held, and forgets others
// whose weight is too much beside it: they look up again what they need.
func (p *peers) remembers(id string, weight int64) {
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

// trim forgets targets, id last, until those that count weigh most together.
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

// authorities gives a tenant's own certificate authorities in PEM. One that
// does not exist (yet) has none.
func (p *peers) authorities(ctx context.Context, tenant string) (ca string, err error) {
	t, err := p.tenants.Tenant(ctx, tenant)
	if errors.Is(err, fault.NotFound) {
		return "", nil
	}
	return t.CA, err
}

// trusting gives the client that reaches out for tenants with these
// authorities.
func (p *peers) trusting(ca string) (*outbound.Client, error) {
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

// checkTarget proves that a tenant can create issues with a configuration,
// without creating one.
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
	// That it cannot be told now is no reason to refuse the settings.
	at, asked, err := target.Expires(ctx)
	checked.ExpiryKnown, checked.Expires = asked && err == nil, at
	return checked, nil
}

// recipients gives the credentials that a configuration sends to where another
// did not send them.
func (p *peers) recipients(before, now tenants.TargetConfig) (map[string]settings.Address, error) {
	target, err := p.openTarget("", "", now)
	if err != nil {
		return nil, err
	}
	former, _ := p.openTarget("", "", before) // what cannot be opened sends nothing
	return target.Recipients(former), nil
}

// openTarget makes a Target of a configuration, for a tenant with these
// authorities; its rate limits are remembered unless tenant is empty. It does
// not reach out.
func (p *peers) openTarget(tenant, ca string, t tenants.TargetConfig) (*targets.Target, error) {
	http, err := p.trusting(ca)
	if err != nil {
		return nil, err
	}
	return catalog.Open(t.Type, t.Settings, t.Credentials, targets.Deps{HTTP: http, Quota: quotas(p.limits, tenant), Observe: func(o targets.Observation) {
		p.metrics.Target(o.Type, o.Op, result(o.Err), o.Duration)
	}})
}
