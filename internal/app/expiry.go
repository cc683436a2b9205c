package app

import (
	"context"
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
	return &expiry.Watcher{
		Integrations: a.working, Dates: a.tenants, Note: register.ExpiryNote, Log: a.log, Ask: a.expiry,
		Claim: func(ctx context.Context, in tenants.Integration) bool {
			return a.claim(ctx, expiryAsked+in.ID, expiryDay)
		},
		Sides: expirySides,
	}
}

// expirySides are the sides of an integration whose credential may tell.
func expirySides(in tenants.Integration) (sides []fault.Side) {
	kind, _ := catalog.ByType(in.Target.Type) // an unknown one has no driver, and tells nothing
	if _, tells := targets.Ability[targets.Expirer](kind.Driver); tells {
		sides = append(sides, fault.SideTracker)
	}
	if in.Productboard.Kind == tenants.AuthOAuth {
		sides = append(sides, fault.SideProductboard)
	}
	return sides
}

// expiry tells when a credential ends. Of Productboard's, only an OAuth session
// tells: it is renewed by itself long before, so its end counts once it comes
// near all the same.
func (a *App) expiry(ctx context.Context, in tenants.Integration, side fault.Side) (time.Time, error) {
	if side == fault.SideTracker {
		target, err := a.peers.Target(ctx, in)
		if err != nil {
			return time.Time{}, err
		}
		at, _, err := target.Expires(ctx)
		return at, err
	}
	status, err := a.auth.Status(ctx, in)
	if err != nil || !(tenants.Expiry{At: status.RefreshBy}).Soon(time.Now()) {
		return time.Time{}, err
	}
	return status.RefreshBy, nil
}
