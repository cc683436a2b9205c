package linear

import (
	"context"
	"errors"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = targets.OpComment
	if !isUUID(id) {
		return unknownID(op, id)
	}
	var reply struct{ CommentCreate struct{ Success bool } }
	err := d.mutate(ctx, op, createComment, vars{"input": newComment{IssueID: id, Body: render(text.PlainText(remark))}}, &reply)
	switch {
	case err != nil:
		return d.explainRefusedChange(ctx, op, id, err)
	case !reply.CommentCreate.Success:
		return wire.Unreadable(op, errors.New("no success in the answer"))
	}
	return nil
}
