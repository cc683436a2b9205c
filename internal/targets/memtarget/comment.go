package memtarget

import (
	"context"
	"net/http"
	"net/url"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, text string) error {
	const op = "comment on issue"
	return d.explain(ctx, op, id, d.send(ctx, op, http.MethodPost, "/issues/"+url.PathEscape(id)+"/comments", newComment{Text: text}, nil))
}
