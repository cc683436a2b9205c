package asana

import (
	"context"
	"net/http"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, text string) error {
	return d.touch(ctx, "comment on task", http.MethodPost, id, "/stories", comment{Text: text}, nil)
}
