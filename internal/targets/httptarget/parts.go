package httptarget

import (
	"context"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// The optional abilities, each a type of its own: Parts names those that a
// description gives.
type (
	duplicates struct{ *driver }
	reader     struct{ *driver }
	updater    struct{ *driver }
	commenter  struct{ *driver }
	closer     struct{ *driver }
)

// FindAll implements targets.Duplicates.
func (p duplicates) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	return p.findAll(ctx, marker)
}

// Read implements targets.Reader.
func (p reader) Read(ctx context.Context, id string) (targets.Issue, error) {
	return p.readIssue(ctx, id)
}

// Update implements targets.Updater.
func (p updater) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	doc, err := p.change(ctx, p.update, id, updateData{p.wish(draft), id})
	if err != nil {
		return targets.Issue{}, err
	}
	i, err := p.mapping.issue(parts(ctx), at(p.update, doc), id, string(draft.Marker))
	if err != nil { // many answer a change with nothing
		i = targets.Issue{ID: id}
	}
	i = p.completed(ctx, i)
	if i.Title == "" {
		i.Title = draft.Title
	}
	return i, nil
}

// Comment implements targets.Commenter.
func (p commenter) Comment(ctx context.Context, id, text string) error {
	_, err := p.change(ctx, p.comment, id, commentData{ID: id, Text: text, Comment: p.writer.comment(text)})
	return err
}

// Close implements targets.Closer. Where the issue can be read it is looked at
// afterwards: some trackers say yes and do nothing.
func (p closer) Close(ctx context.Context, id string) error {
	if _, err := p.change(ctx, p.shut, id, issueData{id}); err != nil {
		return err
	}
	if p.read == nil || len(p.mapping.done) == 0 {
		return nil
	}
	i, err := p.readIssue(ctx, id)
	if err != nil {
		return err
	}
	if i.Progress != targets.Done {
		return &fault.Error{Op: targets.OpClose, Kind: fault.Forbidden,
			Public: p.name + " did not close the issue " + i.Key + ", though it said yes. Ask your admin to check its workflow and the integration's settings (close)."}
	}
	return nil
}
