package github

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/targets"
)

// A look-up reads so many pages of the newest issues with our label, and so
// many of the account's own.
const (
	perPage         = 50
	maxLabelPages   = 20
	maxCreatorPages = 4
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	found, err := d.byLabel(ctx, marker)
	if err == nil && len(found) == 0 {
		found, err = d.byCreator(ctx, marker)
	}
	if err != nil || len(found) == 0 {
		return nil, err
	}
	first := portable(found[0])
	return &first, nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	found, err := d.byLabel(ctx, marker)
	if err != nil {
		return nil, err
	}
	own, err := d.byCreator(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, i := range oldestFirst(append(found, own...)) {
		out = append(out, portable(i))
	}
	return out, nil
}

func (d *driver) byLabel(ctx context.Context, marker targets.Marker) ([]issue, error) {
	return d.scan(ctx, "labels", d.cfg.markerLabel, maxLabelPages, marker)
}

func (d *driver) byCreator(ctx context.Context, marker targets.Marker) ([]issue, error) {
	login, err := d.account(ctx)
	if err != nil {
		return nil, err
	}
	return d.scan(ctx, "creator", login, maxCreatorPages, marker)
}

// scan reads the newest issues that a filter gives, closed ones included, and
// keeps those that carry the marker, oldest first.
func (d *driver) scan(ctx context.Context, filter, value string, pages int, marker targets.Marker) ([]issue, error) {
	const op = "list issues"
	q := url.Values{"state": {"all"}, "sort": {"created"}, "direction": {"desc"}, "per_page": {strconv.Itoa(perPage)}, filter: {value}}
	var found []issue
	for page := 1; page <= pages; page++ {
		q.Set("page", strconv.Itoa(page))
		var list []issue
		more, err := d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), many(&list))
		if err != nil {
			return nil, err
		}
		if list == nil {
			return nil, notGitHub(op, errors.New("the answer holds no list"))
		}
		for _, i := range list {
			if i.PullRequest == nil && targets.MarkerIn(i.Body) == marker {
				found = append(found, i)
			}
		}
		if !more {
			break
		}
	}
	return oldestFirst(found), nil
}

// oldestFirst sorts issues and drops those that are there twice: pages shift
// while others create issues.
func oldestFirst(issues []issue) []issue {
	slices.SortFunc(issues, func(a, b issue) int { return a.Number - b.Number })
	return slices.CompactFunc(issues, func(a, b issue) bool { return a.Number == b.Number })
}
