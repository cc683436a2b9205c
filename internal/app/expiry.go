package app

import (
	"context"
	"iter"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/expiry"
	"pushbutton/internal/tenants/register"
)

const (
	// expiryAsked and the id of an integration: it was asked within a day.
	expiryAsked = "pb:expiry:asked:"
	expiryDay   = 24 * time.Hour
)

// expiryWatcher asks once a day when the credentials end, but not for a tenant
// that is halted: nothing is sent for that.
func (a *App) expiryWatcher() *expiry.Watcher {
	return expiry.NewWatcher(expirySource{a}, a.tenants, register.ExpiryNote, &expiry.Options{Log: a.log})
}

// expirySource has the integrations for the watcher of their credentials.
type expirySource struct{ a *App }

// All implements expiry.Integrations.
func (e expirySource) All(ctx context.Context) iter.Seq2[tenants.Integration, error] {
	return e.a.activeIntegrations(ctx)
}

// Claim implements expiry.Integrations.
func (e expirySource) Claim(ctx context.Context, in tenants.Integration) bool {
	return e.a.claim(ctx, expiryAsked+in.ID, expiryDay)
}

// Sides implements expiry.Integrations: the sides whose credential may
// have a known end.
func (expirySource) Sides(in tenants.Integration) (sides []fault.Side) {
	kind, _ := catalog.ByType(in.Target.Type) // an unknown type has no driver, and no known end
	if _, ok := targets.Ability[targets.Expirer](kind.Driver); ok {
		sides = append(sides, fault.SideTracker)
	}
	if in.Productboard.Kind == tenants.AuthOAuth {
		sides = append(sides, fault.SideProductboard)
	}
	return sides
}

// Ask implements expiry.Integrations. Of Productboard's credentials, only an
// OAuth session has an end. It is renewed by itself long before, so its end
// counts only if it comes near all the same.
func (e expirySource) Ask(ctx context.Context, in tenants.Integration, side fault.Side) (time.Time, error) {
	if side == fault.SideTracker {
		target, err := e.a.peers.Target(ctx, in)
		if err != nil {
			return time.Time{}, err
		}
		at, _, err := target.Expires(ctx)
		return at, err
	}
	status, err := e.a.auth.Status(ctx, in)
	if err != nil || !(tenants.Expiry{At: status.RefreshBy}).Soon(time.Now()) {
		return time.Time{}, err
	}
	return status.RefreshBy, nil
}
