package gitea

import (
	"context"
	"net/http"
)

// Close implements targets.Closer.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPatch, id, "", changeIssue{State: stateClosed}, nil)
}
