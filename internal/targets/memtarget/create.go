package memtarget

import (
	"context"
	"net/http"

	"pushbutton/internal/targets"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	var created Record
	body := newIssue{Marker: string(draft.Marker), Title: draft.Title, Description: describe(draft), Link: draft.Link, Labels: draft.Labels, Reporter: draft.Reporter}
	if err := d.send(ctx, "create issue", http.MethodPost, "/issues", body, &created); err != nil {
		return targets.Issue{}, err
	}
	return d.toIssue(created), nil
}
