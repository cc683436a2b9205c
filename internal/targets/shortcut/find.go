package shortcut

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"pushbutton/internal/targets"
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.searchByMarker(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, s := range found {
		out = append(out, toIssue(res, s))
	}
	return out, nil
}

// searchByMarker asks for the stories with a marker in both ways, since a "none"
// that is wrong would make a second one. Their ids rise.
func (d *driver) searchByMarker(ctx context.Context, marker targets.Marker) ([]story, error) {
	const op = "find stories"
	link := markerLink + string(marker)
	linked, err := list[story](ctx, d.client, op, http.MethodGet, "/external-link/stories?"+url.Values{"external_link": {link}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	named, err := list[story](ctx, d.client, op, http.MethodPost, "/stories/search", map[string]string{"external_id": string(marker)})
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(append(linked, named...), func(s story) bool {
		return s.ID == 0 || s.ExternalID != string(marker) && !slices.Contains(s.Links, link)
	})
	slices.SortFunc(all, func(a, b story) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b story) bool { return a.ID == b.ID }), nil
}
