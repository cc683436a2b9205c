package shortcut

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create story"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	s := write{Type: d.cfg.typ, State: res.state, Epic: d.cfg.epic, Iteration: d.cfg.iteration, Group: res.group, Requester: draft.Requester, ExternalID: string(draft.Marker)}
	if err := d.texts(&s, draft); err != nil {
		return targets.Issue{}, err
	}
	s.Labels = labels(nil, draft.Labels)
	if draft.Link != "" {
		s.Links = append(s.Links, draft.Link)
	}
	s.Links = append(s.Links, markerLink+string(draft.Marker))
	if draft.Assignee != "" {
		s.Owners = []string{draft.Assignee}
	}
	var created story
	if err := d.change(ctx, op, http.MethodPost, "/stories", s, whole(&created)); err != nil {
		if names(err, rememberedFields()...) {
			d.resolved.Forget() // the workspace has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if created.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no story in the answer"))
	}
	return toIssue(res, created), nil
}

// texts fills in what create and update have in common.
func (d *driver) texts(s *write, draft targets.Draft) error {
	s.Name = draft.Title
	s.Description = describe(draft)
	return fill(s, draft.Fields)
}

// labels adds names to labels; case does not make a new one.
func labels(have []label, names []string) []label {
	out := slices.Clone(have)
	for _, name := range names {
		name = text.Title(name, maxLabel)
		if !slices.ContainsFunc(out, func(l label) bool { return strings.EqualFold(l.Name, name) }) {
			out = append(out, label{Name: name})
		}
	}
	return out
}
