package httptarget

import (
	"context"
	"slices"

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

// manyReads is how several issues are read with one request.
type manyReads struct {
	request *request
	list    *path
	limit   int
}

// ReadManyLimit implements targets.ManyReader.
func (p manyReader) ReadManyLimit() int { return p.many.limit }

// ReadMany implements targets.ManyReader. It leaves out elements without the id
// of an issue, which stand for those that the tracker does not show. It leaves
// out issues whose status the answer does not have, too: Read finds it.
func (p manyReader) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	m := p.many
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !p.mapping.known(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	doc, err := p.get(ctx, m.request, manyData{ids})
	if err != nil {
		return nil, err
	}
	list, err := listIn(doc, m.list, setReadMany+"."+manyList)
	if err != nil {
		return nil, p.unexpected(m.request.op, err)
	}
	var out []targets.Issue
	budget := parts(ctx)
	for _, n := range list {
		i, err := p.mapping.issue(budget, at(m.request, n), "", "")
		if err == nil && (i.Status != "" || len(p.mapping.status) == 0) {
			out = append(out, i)
		}
	}
	return out, nil
}

// at is the issue in an answer.
func at(r *request, doc any) any {
	if r.at == nil {
		return doc
	}
	return r.at.first(doc)
}
