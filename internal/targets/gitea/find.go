package gitea

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"pushbutton/internal/targets"
)

// A look-up reads so many pages of the newest issues with our label, and so
// many of the account's own. A page has 50 unless the server gives fewer.
const (
	perPage         = 50
	maxLabelPages   = 20
	maxCreatorPages = 4
	// manyUsers is how many accounts of a repository are expected at once; Gitea
	// gives them without pages.
	manyUsers = 500
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return d.scan().Find(ctx, marker)
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	return d.scan().FindAll(ctx, marker)
}

// scan lists the issues with our label. Gitea leaves out a filter that it cannot
// read, so where the label does not exist it lists all issues. Reading the
// account's name authenticates the credentials as well: a public repository's
// issues are listed to strangers too.
func (d *driver) scan() targets.Scan {
	return targets.Scan{Label: d.cfg.markerLabel, Account: d.account, List: d.listIssues,
		ByLabel: targets.Filter{Name: "labels", Pages: maxLabelPages}, ByCreator: targets.Filter{Name: "created_by", Pages: maxCreatorPages}}
}

// listIssues reads a page of the newest issues that a filter selects, closed
// ones included.
func (d *driver) listIssues(ctx context.Context, filter, value string, page int) (out []targets.ListedIssue, more bool, err error) {
	const op = "list issues"
	q := url.Values{"state": {"all"}, "type": {"issues"}, "limit": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)}, filter: {value}}
	var list []issue
	more, err = d.page(ctx, op, d.cfg.repo()+"/issues?"+q.Encode(), many(&list))
	if err != nil {
		return nil, false, err
	}
	if list == nil {
		return nil, false, notGitea(op, errors.New("the answer holds no list"))
	}
	for _, i := range list {
		out = append(out, targets.ListedIssue{Number: i.Number, Marker: targets.MarkerIn(i.Body), Issue: toIssue(i)})
	}
	return out, more, nil
}
