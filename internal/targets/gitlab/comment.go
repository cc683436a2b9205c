package gitlab

import (
	"context"
	"net/http"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	_, err := d.change(ctx, targets.OpComment, http.MethodPost, id, "/notes", always(newNote{Body: render(text.PlainText(remark))}), nil)
	return err
}
