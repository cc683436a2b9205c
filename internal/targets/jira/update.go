package jira

import (
	"context"
	"net/http"

	"pushbutton/internal/targets"
)

// Update implements targets.Updater. Labels are only added: ours stays, and so
// do those that people gave. Parent, priority and components are people's too
// once the issue is there.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	if !isID(id) {
		return targets.Issue{}, unknown(op, id)
	}
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body := edit{Fields: map[string]any{}}
	if err := d.setCommonFields(res, draft, body.Fields); err != nil {
		return targets.Issue{}, err
	}
	var add []map[string]string
	for _, l := range labels(draft.Labels) {
		add = append(add, map[string]string{"add": l})
	}
	if len(add) > 0 {
		body.Update = map[string]any{fieldLabels: add}
	}
	err = d.write(ctx, op, http.MethodPut, "/issue/"+id, body, nil)
	if _, isRefusal := refusalIn(err); isRefusal {
		err = d.updateMoved(ctx, res, id, draft, body, err)
	}
	if err != nil {
		return targets.Issue{}, d.absent(ctx, op, id, err)
	}
	d.linkToProductboard(ctx, id, draft)
	return d.Read(ctx, id)
}

// updateMoved writes what every project takes to an issue that was moved: the
// screens of its new project may not have our fields. refusal is what Jira said
// of the whole.
func (d *driver) updateMoved(ctx context.Context, res *resolved, id string, draft targets.Draft, whole edit, refusal error) error {
	found, err := d.issue(ctx, "update issue", id)
	if err != nil || !d.moved(found, d.home(ctx)) {
		return d.explainRefusal(ctx, res, draft, whole, refusal)
	}
	whole.Fields = map[string]any{fieldSummary: whole.Fields[fieldSummary], fieldDescription: whole.Fields[fieldDescription]}
	return d.explain(res, whole, d.write(ctx, "update issue", http.MethodPut, "/issue/"+id, whole, nil))
}
