package pbauth

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

//go:embed session.lua
var sessionLua string

// pair is an access token and, in a session, the refresh token for the next
// one.
type pair struct {
	access secret.String
	// renew is when to ask for another, until when this one works.
	renew, until time.Time
	refresh      secret.String
	refreshUntil time.Time
	// ended is why there will be no other.
	ended string
}

// document is a pair as it stands in Redis.
type document struct {
	// Client names the credential that it belongs to.
	Client       string    `json:"client"`
	Access       string    `json:"access,omitempty"`
	Renew        time.Time `json:"renew,omitzero"`
	Until        time.Time `json:"until,omitzero"`
	Refresh      string    `json:"refresh,omitempty"`
	RefreshUntil time.Time `json:"refreshUntil,omitzero"`
	Ended        string    `json:"ended,omitempty"`
}

// The fields' names that a sealed token is bound to.
const (
	boundAccess   = "oauth.access"
	boundRefresh  = "oauth.refresh"
	boundVerifier = "oauth.verifier"
)

func bound(tenant, integration, field string) string {
	return tenant + "/" + integration + "/" + field
}

// sessionKey shares the hash tag of everything of its tenant.
func sessionKey(tenant, integration string) string {
	return "pb:{t:" + tenant + "}:oauth:" + integration
}

// dueKey lists the sessions by when they have to be looked at: soon after a
// refresh began that may have been cut short, and long before they expire.
const dueKey = "pb:oauth:due"

// spare is how much longer than its tokens a record is kept.
const spare = 24 * time.Hour

func (a *Auth) encode(in tenants.Integration, p pair) (string, error) {
	d := document{Client: client(in.Productboard), Renew: p.renew, Until: p.until, RefreshUntil: p.refreshUntil, Ended: p.ended}
	var errs [3]error
	if !p.access.Empty() {
		d.Access, errs[0] = a.keys.Seal(p.access, bound(in.Tenant, in.ID, boundAccess))
	}
	if !p.refresh.Empty() {
		d.Refresh, errs[1] = a.keys.Seal(p.refresh, bound(in.Tenant, in.ID, boundRefresh))
	}
	raw, err := json.Marshal(d)
	errs[2] = err
	return string(raw), errors.Join(errs[:]...)
}

// decode opens what is stored; nothing, or what belongs to another credential,
// is an empty pair.
func (a *Auth) decode(in tenants.Integration, doc string) (pair, error) {
	if doc == "" {
		return pair{}, nil
	}
	var d document
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		return pair{}, fault.Wrap(fault.Internal, "read tokens", err)
	}
	if d.Client != client(in.Productboard) {
		return pair{}, nil
	}
	p := pair{renew: d.Renew, until: d.Until, refreshUntil: d.RefreshUntil, ended: d.Ended}
	var errs [2]error
	if d.Access != "" {
		p.access, errs[0] = a.keys.Open(d.Access, bound(in.Tenant, in.ID, boundAccess))
	}
	if d.Refresh != "" {
		p.refresh, errs[1] = a.keys.Open(d.Refresh, bound(in.Tenant, in.ID, boundRefresh))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return pair{}, &fault.Error{Op: "read tokens", Kind: fault.Internal, Side: fault.SidePlugin, Err: err,
			Public: "The integration's stored tokens cannot be opened: the plugin's operator must check PLUGIN_ENCRYPTION_KEYS."}
	}
	return p, nil
}

// current reads what is stored and remembers it.
func (a *Auth) current(ctx context.Context, in tenants.Integration) (pair, error) {
	doc, err := a.rdb.HGet(ctx, sessionKey(in.Tenant, in.ID), "doc").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return pair{}, redisdb.Fault("read tokens", err)
	}
	p, err := a.decode(in, doc)
	if err == nil && !p.access.Empty() {
		a.remember(in, p)
	}
	return p, err
}

// life is how long a record is kept: for as long as something in it works.
func (a *Auth) life(p pair) time.Duration {
	until := p.until
	if p.refreshUntil.After(until) {
		until = p.refreshUntil
	}
	if p.ended != "" {
		until = a.opts.Now().Add(leastRefreshLife) // so that the reason is known
	}
	return max(until.Sub(a.opts.Now()), 0) + spare
}

// run runs session.lua.
func (a *Auth) run(ctx context.Context, in tenants.Integration, verb, owner string, d time.Duration, doc string) (verdict, stored string, err error) {
	if doc != "" {
		if err := a.store.Announce(ctx); err != nil {
			return "", "", err
		}
	}
	reply, err := a.script.Run(ctx, a.rdb, []string{sessionKey(in.Tenant, in.ID)}, verb, owner, d.Milliseconds(), doc).StringSlice()
	if err != nil {
		return "", "", redisdb.Fault(verb+" tokens", err)
	}
	if len(reply) != 2 {
		return "", "", &fault.Error{Op: verb + " tokens", Kind: fault.Internal, Err: fmt.Errorf("unexpected reply of %d parts", len(reply))}
	}
	return reply[0], reply[1], nil
}

// due sets when a session has to be looked at.
func (a *Auth) due(ctx context.Context, in tenants.Integration, at time.Time) error {
	if in.Productboard.Kind != tenants.AuthOAuth {
		return nil
	}
	if err := a.rdb.ZAdd(ctx, dueKey, redis.Z{Score: float64(at.UnixMilli()), Member: in.Tenant + "/" + in.ID}).Err(); err != nil {
		return redisdb.Fault("note session", err)
	}
	return nil
}

func splitDue(member string) (tenant, integration string) {
	tenant, integration, _ = strings.Cut(member, "/")
	return tenant, integration
}
