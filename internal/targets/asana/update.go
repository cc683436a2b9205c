package asana

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Update implements targets.Updater. The reference that the task carries
// stays, and so do its tags.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update task"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.task(ctx, id, "notes", "tags")
	if err != nil {
		return targets.Issue{}, err
	}
	tags, unknown, err := d.findTags(ctx, res, draft.Labels)
	if err != nil {
		return targets.Issue{}, err
	}
	marker := referenceIn(found.Notes)
	if marker == "" {
		marker = draft.Marker
	}
	var t write
	d.texts(&t, draft, marker, unknown)
	var changed task
	if err := d.touch(ctx, op, http.MethodPut, id, "", t, &changed); err != nil {
		return targets.Issue{}, err
	}
	for _, tag := range tags { // an update takes no tags
		if slices.ContainsFunc(found.Tags, func(have named) bool { return have.GID == tag }) {
			continue
		}
		if err := d.touch(ctx, op, http.MethodPost, id, "/addTag", tagged{Tag: tag}, nil); err != nil {
			return targets.Issue{}, err
		}
	}
	if changed.GID == "" {
		return targets.Issue{}, wire.Unreadable(op, errNoTask)
	}
	return d.toIssue(res, changed), nil
}

// touch changes a task that exists.
func (d *driver) touch(ctx context.Context, op, method, id, path string, data, out any) error {
	if !isGID(id) {
		return wire.UnknownID(op, name, taskName(id))
	}
	var query url.Values
	if out != nil {
		query = summary()
	}
	return d.explain(ctx, op, id, d.change(ctx, op, method, "/tasks/"+id+path, query, data, out))
}
