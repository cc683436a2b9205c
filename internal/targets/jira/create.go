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
	body, err := d.newIssue(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, "/issue", body, &made); err != nil {
		return targets.Issue{}, d.refused(ctx, res, draft, body, err)
	}
	if made.ID == "" || made.Key == "" {
		return targets.Issue{}, wire.Unreadable(op, errors.New("the answer names no issue"))
	}
	made.Fields.Summary = line(draft.Title)
	return d.completed(ctx, made, draft), nil
}

// newIssue is the body of a create.
func (d *driver) newIssue(res *resolved, draft targets.Draft) (edit, error) {
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
	if err := d.common(res, draft, fields); err != nil {
		return edit{}, err
	}
	fields[fieldLabels] = append([]string{string(draft.Marker)}, labels(draft.Labels)...)
	body := edit{Fields: fields}
	if d.cfg.cloud {
		body.Properties = []property{{propertyKey, mark{string(draft.Marker)}}}
	}
	return body, nil
}

// common is what a create and an update write alike.
func (d *driver) common(res *resolved, draft targets.Draft, fields map[string]any) error {
	fields[fieldSummary] = line(draft.Title)
	fields[fieldDescription] = d.raw(d.describe(draft))
	if _, ok := res.fields[fieldAssignee]; ok && draft.Assignee != "" {
		fields[fieldAssignee] = d.account(draft.Assignee)
	}
	// Only accounts that may change the reporter see the field.
	if _, ok := res.fields[fieldReporter]; ok && draft.Requester != "" {
		fields[fieldReporter] = d.account(draft.Requester)
	}
	return d.further(res, draft.Fields, fields)
}

// completed reads where a new issue stands and links it to Productboard. The
// issue exists by then: whatever fails here is left out.
func (d *driver) completed(ctx context.Context, made issue, draft targets.Draft) targets.Issue {
	id := made.ID
	var wg sync.WaitGroup
	wg.Go(func() { d.link(ctx, id, draft) })
	var whole issue
	if _, err := d.send(ctx, "read new issue", http.MethodGet, issuePath(id), nil, &whole, afterwards); err == nil && whole.ID == id {
		made = whole
	}
	wg.Wait()
	return d.portable(made)
}

// link writes Jira's own link object; one with the same globalId is replaced.
// The description has the address too, so that this may fail.
func (d *driver) link(ctx context.Context, id string, draft targets.Draft) {
	if draft.Link == "" || !draft.Marker.Valid() {
		return
	}
	l := remoteLink{GlobalID: propertyKey + "=" + string(draft.Marker), Relationship: "is pushed from"}
	l.Object.URL, l.Object.Title = draft.Link, line("Productboard: "+draft.Title)
	_, _ = d.send(ctx, "link to Productboard", http.MethodPost, "/issue/"+id+"/remotelink", l, nil, afterwards)
}

// refused looks closer at a refused create or update: the project or the type
// may have gone, which Jira puts in words of its own. Where what was looked up
// before is out of date, the same is asked for once more.
func (d *driver) refused(ctx context.Context, res *resolved, draft targets.Draft, body edit, err error) error {
	if _, ok := saidBy(err); !ok {
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
