package github

import (
	"context"
	"errors"
	"net/url"
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
	return d.scan().Find(ctx, marker)
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	return d.scan().FindAll(ctx, marker)
}

func (d *driver) scan() targets.Scan {
	return targets.Scan{Label: d.cfg.markerLabel, Account: d.account, List: d.listIssues,
		ByLabel: targets.Filter{Name: "labels", Pages: maxLabelPages}, ByCreator: targets.Filter{Name: "creator", Pages: maxCreatorPages}}
}

// listIssues reads a page of the newest issues that a filter selects, closed
// ones included.
func (d *driver) listIssues(ctx context.Context, filter, value string, page int) (out []targets.ListedIssue, more bool, err error) {
	const op = "list issues"
	q := url.Values{"state": {"all"}, "sort": {"created"}, "direction": {"desc"}, "per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)}, filter: {value}}
	var list []issue
	more, err = d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), many(&list))
	if err != nil {
		return nil, false, err
	}
	if list == nil {
		return nil, false, notGitHub(op, errors.New("the answer holds no list"))
	}
	for _, i := range list {
		if i.PullRequest == nil {
			out = append(out, targets.ListedIssue{Number: i.Number, Marker: targets.MarkerIn(i.Body), Issue: toIssue(i)})
		}
	}
	return out, more, nil
}
