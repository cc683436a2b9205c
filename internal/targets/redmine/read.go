package redmine

import (
	"context"
	"errors"
	"strconv"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	res, err := d.resolve(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.read(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.toIssue(res, found), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number("")+ref.After("issues"))
}

func (d *driver) read(ctx context.Context, id string) (issue, error) {
	const op = "read issue"
	var reply issueReply
	if number(id) == 0 {
		return issue{}, wire.UnknownID(op, name, issueName(id))
	}
	if err := d.get(ctx, op, "/issues/"+id+".json?include=allowed_statuses", issues(&reply, 1)); err != nil {
		return issue{}, d.explainIssue(ctx, op, id, err)
	}
	if reply.Issue.ID == 0 {
		return issue{}, notRedmine(op, errors.New("the answer holds no issue"))
	}
	return reply.Issue, nil
}

// toIssue converts an issue to the shared form.
func (d *driver) toIssue(res *resolved, i issue) targets.Issue {
	id := strconv.Itoa(i.ID)
	out := targets.Issue{ID: id, Key: "#" + id, URL: d.cfg.url + "/issues/" + id, Title: i.Subject, Status: i.Status.Name, Progress: targets.Started}
	switch {
	case res.closed[i.Status.ID]:
		out.Progress = targets.Done
	case res.first[i.Tracker.ID] == i.Status.ID:
		out.Progress = targets.Open
	}
	return out
}

func issueName(id string) string { return "issue #" + text.Title(id, 20) }
