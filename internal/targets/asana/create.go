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
	tags, unknown, err := d.tagsFor(ctx, res, draft.Labels)
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
	var made task
	if err := d.change(ctx, op, http.MethodPost, "/tasks", summary(), t, &made); err != nil {
		if remembered(err) {
			d.resolved.Forget() // the project has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, err
	}
	if made.GID == "" {
		return targets.Issue{}, wire.Unreadable(op, errNoTask)
	}
	return d.portable(res, made), nil
}

// texts fills in what create and update have in common.
func (d *driver) texts(t *write, draft targets.Draft, marker targets.Marker, labels []string) {
	t.Name, t.Assignee = draft.Title, draft.Assignee
	fill(t, draft.Fields)
	t.Notes = written(draft, marker, labels)
}
