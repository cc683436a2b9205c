package redmine

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	found, err := d.FindAll(ctx, marker)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	res, err := d.resolve(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.list(ctx, res, marker)
	if err != nil {
		return nil, d.explainDenied(ctx, err)
	}
	if len(found) == 0 {
		// A revoked key reads as a stranger, who sees fewer issues: only a key
		// that is good makes "none" true.
		_, err := d.authenticate(ctx, "")
		return nil, err
	}
	out := make([]targets.Issue, len(found))
	for i, f := range found {
		out[i] = d.toIssue(res, f)
	}
	return out, nil
}

// list asks for the issues with a marker, oldest first. Redmine ignores a
// filter it does not know and then lists everything, so each value is compared.
func (d *driver) list(ctx context.Context, res *resolved, marker targets.Marker) ([]issue, error) {
	const op = "list issues"
	q := url.Values{"project_id": {strconv.Itoa(res.projectID)}, "status_id": {"*"}, "sort": {"id"}, "limit": {strconv.Itoa(maxFound)},
		"cf_" + strconv.Itoa(res.markerID): {string(marker)}}
	var reply issuesReply
	if err := d.get(ctx, op, "/issues.json?"+q.Encode(), issues(&reply, maxFound)); err != nil {
		return nil, err
	}
	if reply.Issues == nil {
		return nil, notRedmine(op, errors.New("the answer holds no list"))
	}
	for _, i := range reply.Issues {
		if !i.hasMarker(res.markerID, marker) {
			return nil, wire.Invalid(op, "Redmine does not search by the custom field %q. Ask a Redmine admin to tick \"Used as a filter\" for it and to show it to the API key's account.", d.cfg.markerField)
		}
	}
	return reply.Issues, nil
}

// hasMarker reports whether a custom field of the issue has exactly this value.
func (i issue) hasMarker(field int, marker targets.Marker) bool {
	return slices.ContainsFunc(i.Fields, func(f fieldValue) bool {
		value, ok := f.Value.(string)
		return ok && f.ID == field && value == string(marker)
	})
}
