package azuredevops

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	d.createdByRehearsal.Store(0)
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return err
	}
	if _, err := d.searchByMarker(ctx, "pb-check"); err != nil {
		return err
	}
	if _, err := d.statesOf(ctx, res.typ); err != nil { // Create reads them too
		return err
	}
	if d.cfg.parent > 0 {
		switch _, err := d.item(ctx, strconv.Itoa(d.cfg.parent), summary()); {
		case err != nil && targets.VerdictOf(targets.Issue{}, err) == targets.VerdictHidden:
			return wire.Invalid("read parent", "Azure DevOps does not have the parent work item #%d, or does not show it to the token's account. Ask your admin to correct settings.parent.", d.cfg.parent)
		case err != nil:
			return err
		}
	}
	err = d.rehearse(ctx, res, targets.Draft{Marker: "check"})
	rules := rulesOf(err)
	if len(rules) > 0 && !slices.ContainsFunc(rules, func(r rule) bool { return !r.missing() || slices.Contains(ours(), r.Ref) }) {
		return nil // what is required may be mapped: ListFields tells
	}
	return err
}

// rehearsalTitle is the title of a create that must not be carried out.
const rehearsalTitle = "Productboard rehearsal"

// rehearse sends a create that is only to be validated, which makes nothing. A
// server that makes something all the same is asked once and never again.
func (d *driver) rehearse(ctx context.Context, res *resolved, draft targets.Draft) error {
	const op = "rehearse a create"
	if id := d.createdByRehearsal.Load(); id > 0 {
		return rehearsalCreated(op, id)
	}
	draft.Title = rehearsalTitle
	ops, err := d.prepareCreatePatch(ctx, res, draft)
	if err != nil {
		return err
	}
	reply, err := d.patch(ctx, op, methodCreate, d.createAddress(res, url.Values{"validateOnly": {"true"}}), ops)
	if err != nil {
		return wire.Sure(err)
	}
	if reply.ID <= 0 {
		return nil
	}
	var found workItem
	err = d.get(ctx, op, d.wit("workitems/"+strconv.Itoa(reply.ID), summary()), &found)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return err
	case err == nil && found.text(fieldTitle) == rehearsalTitle:
		d.createdByRehearsal.Store(int64(reply.ID))
		return rehearsalCreated(op, int64(reply.ID))
	default:
		return nil
	}
}

func rehearsalCreated(op string, id int64) *fault.Error {
	return wire.Invalid(op, "Azure DevOps made work item #%d, which it was only asked to validate. Ask an Azure DevOps admin to delete it, and the plugin's operator about this server's version.", id)
}

// IsPublic implements targets.PublicPlace. A token for work items alone may not
// ask.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	var p project
	err := d.get(ctx, "read project", d.address("/_apis/projects/"+escape(d.cfg.project), nil), &p)
	return err == nil && p.Visibility == "public", err
}
