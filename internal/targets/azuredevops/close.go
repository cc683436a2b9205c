package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// Close implements targets.Closer: the first state that counts as completed.
func (d *driver) Close(ctx context.Context, id string) error {
	const op = "close work item"
	found, err := d.item(ctx, id, summary())
	if trashed := (*trashedError)(nil); errors.As(err, &trashed) {
		return nil
	}
	if err != nil {
		return err
	}
	states, err := d.statesOf(ctx, found.text(fieldType))
	if err != nil {
		return err
	}
	now := slices.IndexFunc(states, func(s state) bool { return s.Name == found.text(fieldState) })
	if now >= 0 && progress(states[now].Category) == targets.Done {
		return nil
	}
	for _, s := range states {
		if s.Category == "Completed" {
			_, err := d.change(ctx, op, id, ifUnchanged(found, appendField(nil, fieldState, s.Name)))
			return err
		}
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: fmt.Sprintf("Azure DevOps has no state for type %q that counts as completed. Ask an Azure DevOps admin to add one to the process.", found.text(fieldType))}
}
