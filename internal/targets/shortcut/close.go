package shortcut

import (
	"context"
	"net/http"

	"pushbutton/internal/fault"
)

// Close implements targets.Closer: the first state of the story's workflow
// that counts as done.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close story"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return err
	}
	found, err := d.story(ctx, id)
	if err != nil || found.Archived || res.states[found.State].Type == typeDone {
		return err
	}
	for _, w := range res.workflows {
		if w.ID != found.Workflow {
			continue
		}
		for _, s := range w.States {
			if s.Type == typeDone {
				return d.touch(ctx, op, http.MethodPut, id, "", write{State: s.ID}, nil)
			}
		}
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden, Public: "Shortcut has no state that counts as done in the story's workflow. Ask a Shortcut admin to add one."}
}
