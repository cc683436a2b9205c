package asana

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// How a task is found again.

const (
	// recently is where a task is looked for first: nearly all look-ups come
	// soon after the create.
	recently = 24 * time.Hour
	// lookBack is how long after its last change a task is still found.
	lookBack = 30 * 24 * time.Hour
	// maxScan bounds a look-up in pages, 3,000 tasks; a quarter of a
	// page may have the longest notes.
	maxScan  = 60
	scanPage = 50
	// reference is what stands before the marker.
	reference = "Reference: "
)

// Find implements targets.Driver. With an app's token the marker is the task's
// external id, which Asana looks up itself. Otherwise the project's tasks are
// read, those that changed lately first; Asana calls that list consistent,
// unlike its search.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	if d.cfg.oauth {
		return d.findExternal(ctx, marker)
	}
	for _, span := range []time.Duration{recently, lookBack} {
		found, err := d.scan(ctx, marker, span)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return &found[0], nil
		}
	}
	return nil, nil
}

func (d *driver) findExternal(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	var found task
	err = d.get(ctx, "find task", "/tasks/external:"+string(marker), summary(), &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		// None, if the same token and address do show the project.
		_, err := d.resolved.Renew(ctx)
		return nil, err
	case err != nil:
		return nil, err
	case found.GID == "":
		return nil, notAsana("find task", errNoTask)
	}
	issue := d.toIssue(res, found)
	return &issue, nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	return d.scan(ctx, marker, lookBack)
}

// scan reads the project's tasks that changed within a span, oldest first, and
// compares the reference that each ends with.
func (d *driver) scan(ctx context.Context, marker targets.Marker, span time.Duration) ([]targets.Issue, error) {
	const op = "list tasks"
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	query := url.Values{"project": {d.cfg.project}, "modified_since": {time.Now().Add(-span).UTC().Format(time.RFC3339)},
		"opt_fields": {summary().Get("opt_fields") + ",notes,created_at"}}
	all, whole, err := listWithin[task](ctx, d.client, op, "/tasks", query, maxScan, scanPage, outbound.Items(scanPage).WithTexts(scanPage/4, maxNotes))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t task) bool { return t.GID == "" || !hasMarker(t.Notes, marker) })
	if len(all) == 0 && !whole {
		return nil, wire.Invalid(op, "Asana: more than 3,000 tasks of project %s changed in the last 30 days, too many to find one again. Ask your admin to use an OAuth app's token, or a project of its own.", d.cfg.project)
	}
	slices.SortStableFunc(all, func(a, b task) int { // gids rise as well
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(len(a.GID), len(b.GID)), cmp.Compare(a.GID, b.GID))
	})
	var out []targets.Issue
	for _, t := range all {
		out = append(out, d.toIssue(res, t))
	}
	return out, nil
}

// hasMarker reports whether notes have exactly this reference.
func hasMarker(notes string, marker targets.Marker) bool {
	for line := range strings.Lines(notes) {
		if strings.TrimSpace(line) == reference+string(marker) {
			return true
		}
	}
	return false
}

// referenceIn returns the marker that notes carry, "" for none.
func referenceIn(notes string) targets.Marker {
	for line := range strings.Lines(notes) {
		if after, ok := strings.CutPrefix(strings.TrimSpace(line), reference); ok && targets.Marker(after).Valid() {
			return targets.Marker(after)
		}
	}
	return ""
}

// withReference ends a description with the marker.
func withReference(doc richtext.Doc, marker targets.Marker) richtext.Doc {
	if marker == "" {
		return doc
	}
	return doc.Append(richtext.Paragraph(richtext.Text(reference + string(marker))))
}
