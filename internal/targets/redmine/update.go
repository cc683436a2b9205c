package redmine

import (
	"context"
	"fmt"
	"net/http"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Redmine answers with nothing, and takes
// nothing, also without a word, from an account that may only comment.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	res, err := d.resolve(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	if number(id) == 0 {
		return targets.Issue{}, wire.UnknownID(op, name, issueName(id))
	}
	body, err := d.content(res, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	if err := d.change(ctx, op, id, changeIssue{content: body}); err != nil {
		return targets.Issue{}, err
	}
	now, err := d.read(ctx, id)
	switch {
	case err != nil:
		return targets.Issue{}, err
	case now.Subject != draft.Title:
		return targets.Issue{}, &fault.Error{Op: op, Kind: fault.Forbidden,
			Public: fmt.Sprintf("Redmine lets the API key's account not edit issue #%s. Ask a Redmine admin for a role with the permission Edit issues, and to see that the workflow does not make the subject read-only.", id)}
	}
	return d.toIssue(res, now), nil
}

func (d *driver) change(ctx context.Context, op, id string, change changeIssue) error {
	return d.explainIssue(ctx, op, id, d.write(ctx, op, http.MethodPut, "/issues/"+id+".json", map[string]any{"issue": change}, nil))
}
