package github

import (
	"context"
	"net/http"
)

// Close implements targets.Closer. What the plugin closes is a second issue or
// one that nobody wants any more; GitHub's reason "duplicate" wants the other
// issue named, so it is "not planned" for both, and a comment says more.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed, StateReason: reasonNotPlanned}, nil)
}
