package httptarget

import "context"

// Comment implements targets.Commenter.
func (p commenter) Comment(ctx context.Context, id, text string) error {
	_, err := p.change(ctx, p.comment, id, commentData{ID: id, Text: text, Comment: p.writer.comment(text)})
	return err
}
