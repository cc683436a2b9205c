package github

import (
	"context"
	"net/http"

	"pushbutton/internal/targets/text"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/comments", newComment{Body: markdown(text.PlainText(remark))}, nil)
}
