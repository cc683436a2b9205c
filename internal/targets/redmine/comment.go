package redmine

import (
	"context"

	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = "comment on issue"
	if number(id) == 0 {
		return wire.UnknownID(op, name, issueName(id))
	}
	return d.change(ctx, op, id, changeIssue{Notes: d.render(text.PlainText(remark))})
}
