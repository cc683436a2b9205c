package register

import (
	"context"
	"errors"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

// Level says how bad a Finding is.
type Level string

// The levels. An integration with an error does not work; with a warning it
// does, but not in every respect.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// The subjects of findings.
const (
	SubjectRecord      = "integration"              // our own record
	SubjectCredential  = "productboard.credential"  // works, and may read integrations
	SubjectIntegration = "productboard.integration" // is there, as it shall be
	SubjectAction      = "productboard.action"      // reaches us with the secret that we know; the credential may write
	SubjectItems       = "productboard.items"       // may be read, and have the fields that templates name
	SubjectTracker     = "tracker"                  // takes the credentials, and the settings are enough for an issue
	SubjectEgress      = "egress"                   // the addresses may be reached
)

// Finding is one thing that was looked at.
type Finding struct {
	Level   Level
	Subject string
	// Field is where the cause is in the integration's settings; empty where
	// it is elsewhere.
	Field string
	// Message says what was found and, unless the level is OK, what to do.
	Message string
}

// Check looks at everything that a push of an integration needs, and creates
// nothing. To see whether Productboard reaches us it tells Productboard the
// action that it has already. Its error is that of the store.
func (r *Registrar) Check(ctx context.Context, tenant, id string) ([]Finding, error) {
	in, err := r.store.Tenant(tenant).Integration(ctx, id)
	if err != nil {
		return nil, err
	}
	c := &checkup{r: r, in: in}
	c.record()
	c.target(ctx)
	c.productboard(ctx)
	return c.found, nil
}

type checkup struct {
	r     *Registrar
	in    tenants.Integration
	items []string // fields of items that the mapping names
	found []Finding
}

func (c *checkup) add(level Level, subject, field, message string) {
	c.found = append(c.found, Finding{level, subject, field, message})
}

// fail is a finding made of an error.
func (c *checkup) fail(subject, field string, err error) {
	p := Problem{field, err}
	if errors.Is(err, fault.Blocked) {
		subject = SubjectEgress
	}
	c.add(Error, subject, field, p.Message())
}

func (c *checkup) record() {
	in := c.in
	switch {
	case !in.Deleting.IsZero():
		c.add(Error, SubjectRecord, "", "It is being deleted since "+in.Deleting.Format(time.RFC3339)+". Call delete again to finish.")
	case in.Disabled:
		c.add(Warning, SubjectRecord, "enabled", "It is disabled: its button does nothing. Enable it when it shall work.")
	}
	if in.Reconnect != nil {
		field := "productboard"
		if in.Reconnect.Side == fault.SideTracker {
			field = FieldCredentials
		}
		c.add(Error, SubjectRecord, field, "Pushes wait since "+in.Reconnect.Since.Format(time.RFC3339)+": "+in.Reconnect.Reason)
	}
	if in.Former.Rotating() {
		c.add(Warning, SubjectRecord, "", "The rotation of its action secret is not finished: both secrets are accepted. Call rotate again.")
	}
}

func (c *checkup) target(ctx context.Context) {
	checked, err := c.r.checkTarget(ctx, c.in.Tenant, c.in.Target)
	c.items = checked.ItemFields
	if err != nil {
		j := &job{tenant: c.in.Tenant}
		describeTarget(j, err)
		for _, p := range j.problems {
			c.fail(SubjectTracker, p.Field, p.Err)
		}
		if errors.Is(err, fault.Blocked) {
			return
		}
	} else {
		c.add(OK, SubjectTracker, "", "The tracker takes the credentials, and the settings are enough for an issue.")
	}
	if reached(err) {
		c.add(OK, SubjectEgress, "", "The tracker's address may be reached.")
	}
	if checked.Caveat != "" {
		c.add(Warning, SubjectTracker, FieldSettings, checked.Caveat)
	}
	c.expiry(ctx, checked)
}

// reached reports whether an error, or none, shows that the other side answered.
func reached(err error) bool {
	if err == nil {
		return true
	}
	switch fault.KindOf(err) {
	case fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.RateLimited, fault.Intermediary:
		return true
	case fault.Invalid: // it may never have been asked
		return false
	case fault.Internal, fault.Unavailable, fault.Timeout, fault.Canceled, fault.Blocked:
		return false
	default:
		return false
	}
}

func (c *checkup) productboard(ctx context.Context) {
	if c.in.ProductboardID == "" {
		c.add(Error, SubjectIntegration, "", "It is not registered at Productboard. Authorise the plugin there if it uses OAuth, then register it.")
		return
	}
	session := c.r.productboard(c.in)
	existing, err := session.GetIntegration(ctx, c.in.ProductboardID)
	switch {
	case errors.Is(err, fault.NotFound):
		c.add(OK, SubjectCredential, "", "Productboard takes the credential.")
		c.add(Error, SubjectIntegration, FieldToken, "Productboard does not have the integration any more, or does not show it with this credential. If it was deleted there, register it again with recreate: its buttons are gone.")
		return
	case err != nil:
		c.fail(SubjectCredential, FieldToken, err)
		return
	}
	c.add(OK, SubjectCredential, "", "Productboard takes the credential.")
	c.compare(ctx, session, existing)
	if err := CheckItemFields(ctx, session, c.items); err != nil {
		c.fail(SubjectItems, FieldSettings, err)
		return
	}
	c.readItems(ctx, session)
}

// compare looks at what Productboard shows, and whether it reaches us.
func (c *checkup) compare(ctx context.Context, session Session, existing pbapi.Integration) {
	_, names := difference(existing, c.in)
	if len(names) == 0 {
		c.add(OK, SubjectIntegration, "", "Productboard shows it as it is here.")
	}
	for _, name := range names {
		c.add(Warning, SubjectIntegration, "", "Changed at Productboard: "+name+". Any change here writes it there again.")
	}
	if c.in.Registered != c.r.digest(c.in) {
		c.add(Warning, SubjectAction, "", "Productboard has another address or secret than this plugin wants. Change or rotate anything here to tell it.")
		return
	}
	action := c.r.pbAction(c.in)
	if err := session.UpdateIntegration(ctx, c.in.ProductboardID, pbapi.IntegrationUpdate{Action: &action}); err != nil {
		c.fail(SubjectAction, "", err)
		return
	}
	if c.in.Disabled {
		c.add(OK, SubjectAction, "", "The credential may change the integration. Whether Productboard reaches this plugin shows when it is enabled.")
		return
	}
	c.add(OK, SubjectAction, "", "Productboard reaches this plugin, and the credential may change the integration.")
}

// readItems asks for one configuration, which needs the same permission as a
// push.
func (c *checkup) readItems(ctx context.Context, session Session) {
	for _, err := range session.ListConfigurations(ctx) {
		if err != nil {
			c.fail(SubjectItems, FieldToken, err)
			return
		}
		break
	}
	c.add(OK, SubjectItems, "", "The credential may read items, and they have the fields that the templates name.")
}
