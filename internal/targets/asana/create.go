package asana

import (
	"context"
	"net/http"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create task"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	tags, unknown, err := d.findTags(ctx, res, draft.Labels)
	if err != nil {
		return targets.Issue{}, err
	}
	t := write{Type: d.cfg.typ, Tags: tags, Parent: d.cfg.parent}
	d.texts(&t, draft, draft.Marker, unknown)
	if res.section != "" {
		t.Memberships = []membership{{Project: d.cfg.project, Section: res.section}}
	} else {
		t.Projects = []string{d.cfg.project}
	}
	if d.cfg.oauth {
		t.External = &external{GID: string(draft.Marker)}
	}
	var created task
	if err := d.change(ctx, op, http.MethodPost, "/tasks", summary(), t, &created); err != nil {
		if namesRemembered(err) {
			d.resolved.Forget() // the project has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if created.GID == "" {
		return targets.Issue{}, wire.Unreadable(op, errNoTask)
	}
	return d.toIssue(res, created), nil
}

// texts fills in what create and update have in common.
func (d *driver) texts(t *write, draft targets.Draft, marker targets.Marker, labels []string) {
	t.Name, t.Assignee = draft.Title, draft.Assignee
	fill(t, draft.Fields)
	t.Notes = renderDescription(draft, marker, labels)
}
