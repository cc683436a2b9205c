package memtarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	const op = "read issue"
	if id == "" {
		return targets.Issue{}, wire.UnknownID(op, name, "an issue without an id")
	}
	var r Record
	if err := d.send(ctx, op, http.MethodGet, "/issues/"+url.PathEscape(id), nil, &r); err != nil {
		return targets.Issue{}, d.explain(ctx, op, id, err)
	}
	if r.ID == "" {
		return targets.Issue{}, stranger(op, errors.New("the answer holds no issue"))
	}
	return d.toIssue(r), nil
}

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxIDs }

// ReadMany implements targets.ManyReader.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = "read issues"
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return strings.Trim(id, "0123456789") != "" })
	if len(ids) == 0 {
		return nil, nil
	}
	var list issueList
	query := url.Values{"id": {strings.Join(ids, ",")}}
	if err := d.send(ctx, op, http.MethodGet, "/issues-by-id?"+query.Encode(), nil, &list); err != nil {
		return nil, err
	}
	if list.Issues == nil {
		return nil, stranger(op, errors.New("the answer holds no list"))
	}
	return d.toIssues(list), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Key()+ref.After("issues"))
}

func (d *driver) toIssues(list issueList) []targets.Issue {
	out := make([]targets.Issue, len(list.Issues))
	for i, r := range list.Issues {
		out[i] = d.toIssue(r)
	}
	return out
}

func (d *driver) toIssue(r Record) targets.Issue {
	out := targets.Issue{ID: r.ID, Key: r.Key, URL: d.cfg.url + "/projects/" + url.PathEscape(r.Project) + "/issues/" + r.ID, Title: r.Title, Status: r.Status, Progress: targets.Started}
	switch r.Status {
	case StatusOpen:
		out.Progress = targets.Open
	case StatusDone:
		out.Progress = targets.Done
	}
	switch {
	case r.Trashed:
		out.Verdict = targets.VerdictTrashed
	case r.Project != d.cfg.project:
		out.Verdict = targets.VerdictMoved
	}
	return out
}
