package httptarget

import (
	"context"

	"pushbutton/internal/targets"
)

func (d *driver) readIssue(ctx context.Context, id string) (targets.Issue, error) {
	if !d.mapping.known(id) {
		return targets.Issue{}, d.unknown(d.read.op, id)
	}
	doc, err := d.get(ctx, d.read, issueData{id})
	if err != nil {
		return targets.Issue{}, d.explain(ctx, d.read.op, id, err)
	}
	i, err := d.mapping.issue(parts(ctx), at(d.read, doc), id, "")
	if err != nil {
		return targets.Issue{}, d.unexpected(d.read.op, err)
	}
	return i, nil
}

// Read implements targets.Reader.
func (p reader) Read(ctx context.Context, id string) (targets.Issue, error) {
	return p.readIssue(ctx, id)
}

// at is the issue in an answer.
func at(r *request, doc any) any {
	if r.at == nil {
		return doc
	}
	return r.at.first(doc)
}
