package azuredevops

import (
	"context"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Comment implements targets.Commenter: the discussion is the field History.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	if number(id) == 0 {
		return wire.UnknownID(targets.OpComment, name, itemName(id))
	}
	_, err := d.change(ctx, "comment on work item", id, appendField(nil, fieldHistory, text.PlainText(remark).HTML()))
	return err
}
