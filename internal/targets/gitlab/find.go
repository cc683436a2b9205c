package gitlab

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Find implements targets.Driver. The label is enough where it is there.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	for _, by := range []query{byLabel(marker), byText(marker)} {
		found, err := d.list(ctx, res, marker, by)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			oldest := d.toIssue(found[0])
			return &oldest, nil
		}
	}
	return nil, nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	var all []issue
	for _, by := range []query{byLabel(marker), byText(marker)} {
		found, err := d.list(ctx, res, marker, by)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, oldestFirst)
	var out []targets.Issue
	for _, i := range slices.CompactFunc(all, func(a, b issue) bool { return a.IID == b.IID }) {
		out = append(out, d.toIssue(i))
	}
	return out, nil
}

// query is one way to look a marker up.
type query url.Values

func byLabel(marker targets.Marker) query { return query{"labels": {string(marker)}} }

func byText(marker targets.Marker) query {
	return query{"search": {string(marker)}, "in": {"description"}}
}

// list asks for issues and keeps those that carry the marker, oldest first: a
// search returns similar ones as well. A bad token is 401 even where the project
// is public, so "none" is true.
func (d *driver) list(ctx context.Context, res *resolved, marker targets.Marker, by query) ([]issue, error) {
	reply, err := d.listIssues(ctx, "list issues", res.place, url.Values(by), maxFound)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(reply, func(i issue) bool { return !i.hasMarker(marker) })
	slices.SortFunc(found, oldestFirst)
	return found, nil
}

// listIssues asks for issues of the project, closed ones and other people's too.
func (d *driver) listIssues(ctx context.Context, op string, p *place, by url.Values, most int) ([]issue, error) {
	q := url.Values{"scope": {"all"}, "state": {"all"}, "per_page": {strconv.Itoa(most)}}
	maps.Copy(q, by)
	var reply []issue
	if err := d.get(ctx, op, p.path("/issues?"+q.Encode()), wire.Answer{Into: &reply, Bound: outbound.Items(most).WithTexts(1, maxDescription)}); err != nil {
		return nil, err
	}
	if reply == nil {
		return nil, notGitLab(op, errors.New("the answer holds no list"))
	}
	return reply, nil
}

// oldestFirst orders issues by their numbers, which rise with time.
func oldestFirst(a, b issue) int { return a.IID - b.IID }

// hasMarker reports whether an issue holds the marker, whole.
func (i issue) hasMarker(marker targets.Marker) bool {
	return slices.Contains(i.Labels, string(marker)) || strings.Contains(i.Description, hidden(marker))
}

// hidden returns the marker as it stands in a description: a link definition that
// no text uses is not shown. In an HTML comment GitLab's search would not see it.
func hidden(marker targets.Marker) string { return "[//]: # (" + string(marker) + ")" }
