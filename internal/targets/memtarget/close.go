package memtarget

import (
	"context"
	"net/http"
	"net/url"
)

// Close implements targets.Closer.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close issue"
	return d.explain(ctx, op, id, d.send(ctx, op, http.MethodPatch, "/issues/"+url.PathEscape(id), newStatus{Status: StatusDone}, nil))
}
