package gitlab

import (
	"context"
	"net/http"

	"pushbutton/internal/targets"
)

// Close implements targets.Closer. GitLab takes it for a closed one as well.
func (d *driver) Close(ctx context.Context, id string) error {
	_, err := d.change(ctx, targets.OpClose, http.MethodPut, id, "", always(changeIssue{StateEvent: "close"}), nil)
	return err
}
