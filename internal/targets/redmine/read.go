package redmine

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

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

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxFound }

// ReadMany implements targets.ManyReader. A Redmine that does not know the
// filter lists other issues, which are left out.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = "list issues"
	res, err := d.resolve(ctx)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return number(id) == 0 })
	if len(ids) == 0 {
		return nil, nil
	}
	q := url.Values{"issue_id": {strings.Join(ids, ",")}, "status_id": {"*"}, "limit": {strconv.Itoa(maxFound)}}
	var reply issuesReply
	if err := d.get(ctx, op, "/issues.json?"+q.Encode(), issues(&reply, maxFound)); err != nil {
		return nil, d.explainDenied(ctx, err)
	}
	if reply.Issues == nil {
		return nil, notRedmine(op, errors.New("the answer holds no list"))
	}
	var out []targets.Issue
	for _, i := range reply.Issues {
		if slices.Contains(ids, strconv.Itoa(i.ID)) {
			out = append(out, d.toIssue(res, i))
		}
	}
	return out, nil
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
