package memtarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"pushbutton/internal/targets"
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	var list issueList
	if err := d.send(ctx, "list issues", http.MethodGet, "/issues?"+url.Values{"marker": {string(marker)}}.Encode(), nil, &list); err != nil {
		return nil, err
	}
	if list.Issues == nil {
		return nil, stranger("list issues", errors.New("the answer holds no list"))
	}
	return d.toIssues(list), nil
}
