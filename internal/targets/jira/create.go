package jira

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body, err := d.prepareIssueRequestBody(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var created issue
	if err := d.write(ctx, op, http.MethodPost, "/issue", body, &created); err != nil {
		return targets.Issue{}, d.explainRefusal(ctx, res, draft, body, err)
	}
	if created.ID == "" || created.Key == "" {
		return targets.Issue{}, wire.Unreadable(op, errors.New("the answer names no issue"))
	}
	created.Fields.Summary = line(draft.Title)
	return d.readCreated(ctx, created, draft), nil
}

// prepareIssueRequestBody returns the body of a create.
func (d *driver) prepareIssueRequestBody(res *resolved, draft targets.Draft) (edit, error) {
	fields := map[string]any{"project": idRef{res.projectID}, "issuetype": idRef{res.typeID}}
	if res.priorityID != "" {
		fields[fieldPriority] = idRef{res.priorityID}
	}
	if len(res.components) > 0 {
		refs := make([]idRef, len(res.components))
		for i, id := range res.components {
			refs[i] = idRef{id}
		}
		fields[fieldComponents] = refs
	}
	switch {
	case res.byParent:
		fields[fieldParent] = keyRef{d.cfg.parent}
	case res.epicLink != "":
		fields[res.epicLink] = d.cfg.parent
	}
	if res.epicLabel != "" { // an epic's name on Data Center, which has its own field
		fields[res.epicLabel] = line(draft.Title)
	}
	if err := d.setCommonFields(res, draft, fields); err != nil {
		return edit{}, err
	}
	fields[fieldLabels] = append([]string{string(draft.Marker)}, labels(draft.Labels)...)
	body := edit{Fields: fields}
	if d.cfg.cloud {
		body.Properties = []property{{propertyKey, mark{string(draft.Marker)}}}
	}
	return body, nil
}

// setCommonFields writes what a create and an update have in common.
func (d *driver) setCommonFields(res *resolved, draft targets.Draft, fields map[string]any) error {
	fields[fieldSummary] = line(draft.Title)
	fields[fieldDescription] = d.raw(d.describe(draft))
	if _, ok := res.fields[fieldAssignee]; ok && draft.Assignee != "" {
		fields[fieldAssignee] = d.account(draft.Assignee)
	}
	// Only accounts that may change the reporter see the field.
	if _, ok := res.fields[fieldReporter]; ok && draft.Requester != "" {
		fields[fieldReporter] = d.account(draft.Requester)
	}
	return d.addCustomFields(res, draft.Fields, fields)
}

// readCreated reads where a new issue stands and links it to Productboard. The
// issue exists by then: whatever fails here is left out.
func (d *driver) readCreated(ctx context.Context, created issue, draft targets.Draft) targets.Issue {
	id := created.ID
	var wg sync.WaitGroup
	wg.Go(func() { d.linkToProductboard(ctx, id, draft) })
	var whole issue
	if _, err := d.send(ctx, "read new issue", http.MethodGet, issuePath(id), nil, &whole, afterwards); err == nil && whole.ID == id {
		created = whole
	}
	wg.Wait()
	return d.toIssue(created)
}

// linkToProductboard writes Jira's own link object; one with the same globalId is replaced.
// The description has the address too, so that this may fail.
func (d *driver) linkToProductboard(ctx context.Context, id string, draft targets.Draft) {
	if draft.Link == "" || !draft.Marker.Valid() {
		return
	}
	l := remoteLink{GlobalID: propertyKey + "=" + string(draft.Marker), Relationship: "is pushed from"}
	l.Object.URL, l.Object.Title = draft.Link, line("Productboard: "+draft.Title)
	_, _ = d.send(ctx, "link to Productboard", http.MethodPost, "/issue/"+id+"/remotelink", l, nil, afterwards)
}

// explainRefusal looks closer at a refused create or update: the project or the type
// may have gone, which Jira puts in words of its own. Where what was looked up
// before is out of date, the same is asked for once more.
func (d *driver) explainRefusal(ctx context.Context, res *resolved, draft targets.Draft, body edit, err error) error {
	if _, ok := refusalIn(err); !ok {
		return err
	}
	d.resolved.Forget()
	now, why := d.resolved.Get(ctx)
	switch {
	case why == nil && outdated(res, now, draft.Fields):
		return targets.Stale(d.explain(now, body, err))
	case why == nil:
		return d.explain(now, body, err)
	case !fault.KindOf(why).Transient():
		e := *fault.From(why)
		e.Ref, e.Err = fault.From(err).Ref, err
		return &e
	default:
		return d.explain(res, body, err)
	}
}
