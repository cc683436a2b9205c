package jira

import (
	"context"
	"net/http"

	"pushbutton/internal/targets/text"
)

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = "comment on issue"
	if !isID(id) {
		return unknown(op, id)
	}
	body := map[string]any{"body": d.richText(text.PlainText(remark))}
	return d.absent(ctx, op, id, d.write(ctx, op, http.MethodPost, "/issue/"+id+"/comment", body, nil))
}
