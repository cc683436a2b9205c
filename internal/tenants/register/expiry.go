package register

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/catalog"
	"pushbutton/internal/tenants"
)

const (
	day      = 24 * time.Hour
	showTime = "2006-01-02 15:04 MST"
)

// ExpiryNote warns of the end of a side's credential that is near or past,
// and says what to do; empty: it is not time yet, or no end is known.
func ExpiryNote(in tenants.Integration, side fault.Side, now time.Time) string {
	e := in.Expires[side]
	if !e.Soon(now) {
		return ""
	}
	who := "Productboard"
	do := "Connect the integration with Productboard again: its session could not be renewed by itself, and pushes wait once it has ended."
	if side == fault.SideTracker {
		who = trackerOf(in)
		do = "Make a new one there and set it in " + FieldCredentials + ": pushes wait once the present one is refused."
	}
	when := e.At.UTC().Format(showTime)
	switch left := e.At.Sub(now); {
	case left <= 0:
		return fmt.Sprintf("The credential for %s ended on %s. %s", who, when, do)
	case left < 2*day:
		return fmt.Sprintf("The credential for %s ends on %s, in %d hours. %s", who, when, int(left.Hours()), do)
	default:
		return fmt.Sprintf("The credential for %s ends on %s, in %d days. %s", who, when, int(left/day), do)
	}
}

func trackerOf(in tenants.Integration) string {
	if kind, ok := catalog.ByType(in.Target.Type); ok {
		return kind.Title
	}
	return in.Target.Type
}

// keepExpiry takes over when the credentials end that stay the same.
func keepExpiry(stored tenants.Integration, in *tenants.Integration) {
	same := map[fault.Side]bool{
		fault.SideProductboard: stored.Productboard.Fingerprint() == in.Productboard.Fingerprint(),
		fault.SideTracker:      reflect.DeepEqual(stored.Target.Credentials, in.Target.Credentials),
	}
	for side, e := range stored.Expires {
		if same[side] {
			in.SetExpiry(side, e.At)
		}
	}
}

// expiry says when the credentials end, and stores what the tracker has told.
func (c *checkup) expiry(ctx context.Context, checked Checked) {
	if checked.ExpiryKnown {
		c.in.SetExpiry(fault.SideTracker, checked.Expires)
		// What is not stored is asked again by the daily look.
		_, _ = c.r.store.SetExpiry(ctx, c.in, fault.SideTracker, checked.Expires)
	}
	for _, side := range []fault.Side{fault.SideTracker, fault.SideProductboard} {
		subject, field := SubjectTracker, FieldCredentials
		if side == fault.SideProductboard {
			subject, field = SubjectCredential, FieldToken
		}
		e, known := c.in.Expires[side]
		if note := ExpiryNote(c.in, side, c.r.now()); note != "" {
			c.add(Warning, subject, field, note)
		} else if known {
			c.add(OK, subject, "", "The credential is good until "+e.At.UTC().Format(showTime)+".")
		}
	}
}
