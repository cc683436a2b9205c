package shortcut

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. Lists are written whole, so what others
// added to them is sent along.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update story"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.story(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	var s write
	if err := d.texts(&s, draft); err != nil {
		return targets.Issue{}, err
	}
	if all := labels(found.Labels, draft.Labels); len(all) > len(found.Labels) {
		s.Labels = all
	}
	if draft.Link != "" && !slices.Contains(found.Links, draft.Link) {
		s.Links = append(slices.Clone(found.Links), draft.Link)
	}
	if draft.Assignee != "" && !slices.Contains(found.Owners, draft.Assignee) {
		s.Owners = append(slices.Clone(found.Owners), draft.Assignee)
	}
	if len(s.Fields) > 0 {
		for _, have := range found.Fields {
			if !slices.ContainsFunc(s.Fields, func(f fieldValue) bool { return f.Field == have.Field }) {
				s.Fields = append(s.Fields, have)
			}
		}
	}
	var changed story
	if err := d.touch(ctx, op, http.MethodPut, id, "", s, &changed); err != nil {
		return targets.Issue{}, err
	}
	if changed.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no story in the answer"))
	}
	return toIssue(res, changed), nil
}

// touch changes a story that exists.
func (d *driver) touch(ctx context.Context, op, method, id, path string, body, out any) error {
	if !text.IsNumber(id) {
		return wire.UnknownID(op, name, storyName(id))
	}
	return d.explain(ctx, op, id, d.change(ctx, op, method, "/stories/"+id+path, body, out))
}
