package memtarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"

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

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Key()+ref.After("issues"))
}

func (d *driver) toIssue(r Record) targets.Issue {
	out := targets.Issue{ID: r.ID, Key: r.Key, URL: d.cfg.url + "/issues/" + r.ID, Title: r.Title, Status: r.Status, Progress: targets.Started}
	switch r.Status {
	case StatusOpen:
		out.Progress = targets.Open
	case StatusDone:
		out.Progress = targets.Done
	}
	return out
}
