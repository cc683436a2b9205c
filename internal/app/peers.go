package app

import (
	"sync"

	"pushbutton/internal/actions"
	"pushbutton/internal/outbound"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/pbauth"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/telemetry"
	"pushbutton/internal/tenants"
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
	metrics *telemetry.Metrics

	mu   sync.Mutex
	open map[string]openTarget
}

type openTarget struct {
	version int64
	target  *targets.Target
}

func newPeers(pb *pbapi.Client, auth *pbauth.Auth, http *outbound.Client, metrics *telemetry.Metrics) *peers {
	return &peers{pb: pb, auth: auth, http: http, metrics: metrics, open: map[string]openTarget{}}
}

// Productboard opens the Productboard side of an integration.
func (p *peers) Productboard(in tenants.Integration) actions.Productboard { return p.session(in) }

func (p *peers) session(in tenants.Integration) *pbapi.Session {
	return p.pb.As(p.auth.Source(in))
}

// Target gives the tracker's side of an integration as it is configured now.
// It does not reach out.
func (p *peers) Target(in tenants.Integration) (*targets.Target, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept, ok := p.open[in.ID]; ok && kept.version == in.Version {
		return kept.target, nil
	}
	target, err := p.openTarget(in.Target)
	if err != nil {
		return nil, err
	}
	if len(p.open) >= maxOpenTargets {
		for id := range p.open { // any: it is opened again when it is needed
			delete(p.open, id)
			break
		}
	}
	p.open[in.ID] = openTarget{version: in.Version, target: target}
	return target, nil
}

// openTarget makes a Target of a configuration. It does not reach out.
func (p *peers) openTarget(t tenants.TargetConfig) (*targets.Target, error) {
	return catalog.Open(t.Type, t.Settings, t.Credentials, targets.Deps{HTTP: p.http, Observe: func(o targets.Observation) {
		p.metrics.Target(o.Type, o.Op, result(o.Err), o.Duration)
	}})
}
