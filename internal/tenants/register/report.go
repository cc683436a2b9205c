package register

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
)

// State is the outcome for a declared integration.
type State string

// The states of a Result.
const (
	Created   State = "created"
	Updated   State = "updated"
	Unchanged State = "unchanged"
	Failed    State = "failed"
	// Skipped was fine itself, but another one failed its check.
	Skipped State = "skipped"
	// Pending is stored and waits for somebody to authorise the plugin at
	// Productboard: only then can it be registered.
	Pending State = "waits for authorisation"
	// LeftAlone is stored but not declared: nothing was done about it.
	LeftAlone State = "not declared"
)

// Result is the outcome for one integration.
type Result struct {
	Tenant string
	Name   string
	// ID, ActionURL and ProductboardID are empty as far as there is none.
	ID             string
	ActionURL      string
	ProductboardID string
	State          State
	// Changes says in a few words what was done ("button label", "action").
	Changes []string
	// Caveat is what the target's settings cannot promise; empty: nothing.
	Caveat string
	// Warning says that the tracker's credential ends soon; empty: it does not.
	Warning string
	// Webhook says what became of the tracker's webhook; empty: it is as it was.
	Webhook string
	// WebhookSteps say how to set it up by hand, with address and secret.
	WebhookSteps []string
	// Next says what somebody has to do before it works; empty: nothing.
	Next string
	// Err says why it failed.
	Err error
	// Problems is what Err was made of, by the fields; nil where it has none.
	Problems Problems
}

// Report is the outcome of a declaration: the declared integrations in their
// order, then those of the same tenants that were not declared.
type Report struct {
	Integrations []Result
}

// Err joins the errors of a report; nil if there is none.
func (r Report) Err() error {
	var errs []error
	for _, res := range r.Integrations {
		errs = append(errs, res.Err)
	}
	return errors.Join(errs...)
}

// Write prints the report for people, one integration after the other,
// without the errors' texts.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, res := range r.Integrations {
		if res.Name == "" {
			continue // a failure that belongs to no integration
		}
		fmt.Fprintf(&b, "%s/%s: %s", res.Tenant, res.Name, res.State)
		if len(res.Changes) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(res.Changes, ", "))
		}
		b.WriteString("\n")
		for _, line := range [][2]string{{"id", res.ID}, {"action", res.ActionURL}, {"productboard", res.ProductboardID}, {"note", res.Caveat}, {"warning", res.Warning}, {"webhook", res.Webhook}, {"next", res.Next}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "  %-13s %s\n", line[0]+":", line[1])
			}
		}
		for i, step := range res.WebhookSteps {
			fmt.Fprintf(&b, "    %d. %s\n", i+1, step)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Registrar) result(j *job) Result {
	res := Result{Tenant: j.tenant, Name: j.desired.Integration.Name, State: j.state, Changes: j.changes, Caveat: j.caveat,
		Warning: ExpiryNote(j.goal, fault.SideTracker, r.now()), Problems: j.problems,
		Webhook: j.webhook.Note, WebhookSteps: j.webhook.Steps}
	for _, p := range j.problems {
		res.Err = errors.Join(res.Err, describe(j.desired.origin(j.tenant, p.Field), p.Err))
	}
	if j.state == "" {
		res.State = Skipped
	}
	if j.stored != nil {
		res.ID, res.ProductboardID = j.stored.ID, j.stored.ProductboardID
		res.ActionURL = r.ActionURL(j.stored.ID)
	}
	if j.state == Pending {
		res.Next = fmt.Sprintf("Authorise the plugin at Productboard over its admin API (POST %s/admin/v1/tenants/%s/integrations/%s/oauth gives the address), then apply again.", r.publicURL, j.tenant, res.ID)
	}
	return res
}

// leftAlone lists the integrations that the declared tenants have beside those
// declared.
func (r *Registrar) leftAlone(ctx context.Context, declaration Declaration) ([]Result, error) {
	var out []Result
	for _, t := range declaration.Tenants {
		declared := map[string]bool{}
		for _, d := range t.Integrations {
			declared[d.Integration.Name] = true
		}
		err := eachIntegration(ctx, r.store.Tenant(t.ID), func(in tenants.Integration) {
			if !declared[in.Name] {
				out = append(out, Result{Tenant: t.ID, Name: in.Name, ID: in.ID, ActionURL: r.ActionURL(in.ID),
					ProductboardID: in.ProductboardID, State: LeftAlone})
			}
		})
		if err != nil {
			return out, describe("tenant "+t.ID, err)
		}
	}
	return out, nil
}

func eachIntegration(ctx context.Context, scope tenants.Scope, do func(tenants.Integration)) error {
	for after := ""; ; {
		page, next, err := scope.Integrations(ctx, after, tenants.MaxPage)
		if err != nil {
			return err
		}
		for _, in := range page {
			do(in)
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// failure is an error for the person who applies: where it stands, what may
// be read by anybody, and in brackets what an operator wants to know.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

func describe(origin string, err error) error {
	f := fault.From(err)
	detail := f.Err != nil || f.Side != "" || err.Error() != f.Error()
	switch {
	case f.Public == "":
		return &failure{origin + ": " + err.Error(), err}
	case detail:
		return &failure{fmt.Sprintf("%s: %s [%s]", origin, f.Public, err), err}
	default:
		return &failure{origin + ": " + f.Public, err}
	}
}

// describeTarget spreads what is wrong with a target's settings over their
// fields.
func describeTarget(j *job, err error) {
	if fields, ok := errors.AsType[settings.FieldErrors](err); ok {
		for _, f := range fields {
			j.refuse(fault.Invalid, FieldTarget+"."+f.Path, "%s", f.Message)
		}
		return
	}
	switch fault.KindOf(err) {
	case fault.Unauthorized, fault.Forbidden:
		j.fail(FieldCredentials, err)
	default:
		j.fail(FieldSettings, err)
	}
}
