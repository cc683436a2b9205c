package shortcut

import (
	"context"
	"net/http"

	"pushbutton/internal/targets/text"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	return d.touch(ctx, "comment on story", http.MethodPost, id, "/comments", map[string]string{"text": render(text.PlainText(remark))}, nil)
}
