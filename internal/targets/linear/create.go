package linear

import (
	"context"
	"errors"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver. One request holds the issue and the link
// to Productboard: Linear carries out the fields of a mutation in their order.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	input, err := d.prepareIssueRequestBody(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	input.ID, input.TeamID = IssueID(res.team.ID, draft.Marker), res.team.ID
	document, in := createIssue, vars{"input": input}
	if draft.Link != "" {
		document = createLinkedIssue
		in["link"] = newLink{IssueID: input.ID, Title: "Productboard", Subtitle: draft.Title, URL: draft.Link}
	}
	var reply struct{ IssueCreate payload }
	err = d.mutate(ctx, op, document, in, &reply)
	created := reply.IssueCreate.Issue
	if err == nil && (created == nil || created.ID != input.ID) {
		err = wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	if err != nil {
		return d.decide(ctx, res, input.ID, draft.Labels, err)
	}
	return toIssue(*created), nil
}

// decide says what a create that Linear answered with an error has come to. It
// may have been refused because an earlier one was carried out, and an error
// of the link takes the whole answer with it: the issue's id tells.
func (d *driver) decide(ctx context.Context, res *resolved, id string, labels []string, err error) (targets.Issue, error) {
	e := *fault.From(err)
	var apiErr *apiError
	if !errors.As(err, &apiErr) || e.Kind == fault.Unauthorized || e.Kind == fault.RateLimited {
		return targets.Issue{}, err
	}
	found, why := d.lookUp(ctx, id)
	if why != nil {
		d.resolved.Forget()
		e.Unsure = true // nobody knows yet
		return targets.Issue{}, &e
	}
	if found != nil {
		return toIssue(*found), nil
	}
	return targets.Issue{}, d.remediable(ctx, res, labels, err)
}

// remediable marks a refusal that names something that was remembered.
// Labels that are still listed are refused for another reason.
func (d *driver) remediable(ctx context.Context, res *resolved, labels []string, err error) error {
	var apiErr *apiError
	if !errors.As(err, &apiErr) {
		return err
	}
	d.resolved.Forget() // what it knew may be why
	if apiErr.labels() {
		now, why := d.resolved.Get(ctx)
		if why == nil && res.sameLabels(now, labels) {
			return targets.LabelsRefused(err)
		}
		return targets.Stale(err)
	}
	if apiErr.absent("") {
		return targets.Stale(err)
	}
	return err
}

// prepareIssueRequestBody returns the part of an issue that creates and updates share.
func (d *driver) prepareIssueRequestBody(res *resolved, draft targets.Draft) (issueInput, error) {
	known, unknown := res.labelIDs(draft.Labels)
	if len(unknown) > 0 {
		draft.Description = draft.Description.Append(richtext.Paragraph(richtext.Text("Labels not set in Linear: " + strings.Join(unknown, ", "))))
	}
	in := issueInput{Title: draft.Title, Description: describe(draft), LabelIDs: known, AssigneeID: draft.Assignee,
		StateID: res.stateID, ProjectID: res.projectID, ParentID: res.parentID, Priority: d.cfg.priority}
	return in, in.fill(draft.Fields)
}
