package redmine

import (
	"context"
	"fmt"

	"pushbutton/internal/fault"
)

// Close implements targets.Closer. Redmine ignores a status that the workflow
// does not allow, so one is taken that it does.
func (d *driver) Close(ctx context.Context, id string) error {
	res, err := d.resolve(ctx)
	if err != nil {
		return err
	}
	found, err := d.read(ctx, id)
	if err != nil || res.closed[found.Status.ID] {
		return err
	}
	for _, s := range found.Allowed {
		if s.IsClosed {
			return d.change(ctx, "close issue", id, changeIssue{StatusID: s.ID})
		}
	}
	return &fault.Error{Op: "close issue", Kind: fault.Forbidden,
		Public: fmt.Sprintf("Redmine's workflow lets the API key's account not close issue #%s. Ask a Redmine admin to allow it (Administration > Workflow).", id)}
}
