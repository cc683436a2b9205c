package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Find implements targets.Driver. An issue that somebody cloned carries our
// label as well, so one that has the property goes first.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	found, err := d.searchByLabel(ctx, marker)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	best := found[0]
	if own := d.ours(found, marker); len(own) > 0 {
		best = own[0]
	}
	out := d.toIssue(best)
	return &out, nil
}

// FindAll implements targets.Duplicates. Clones are not ours to close.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	found, err := d.searchByLabel(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, i := range d.ours(found, marker) {
		out = append(out, d.toIssue(i))
	}
	return out, nil
}

// ours leaves out the issues without our property where there is one.
func (d *driver) ours(found []issue, marker targets.Marker) []issue {
	if !d.cfg.cloud {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(i issue) bool {
		var value mark
		return json.Unmarshal(i.Properties[propertyKey], &value) != nil || value.Marker != string(marker)
	})
}

// mark is the value of our issue property.
type mark struct {
	Marker string `json:"marker"`
}

// searchByLabel searches for the issues with a marker, oldest first, in every
// project that the account sees: an issue that was moved is still the one.
// "None" is only true of a good credential that sees the project.
func (d *driver) searchByLabel(ctx context.Context, marker targets.Marker) ([]issue, error) {
	const op = "search issues"
	body := searchRequest{JQL: fmt.Sprintf("%s = %q ORDER BY created ASC", fieldLabels, string(marker)),
		Fields: []string{fieldSummary, "status", fieldLabels}, MaxResults: maxFound}
	path := "/search"
	if d.cfg.cloud {
		path, body.Properties = "/search/jql", []string{propertyKey}
	}
	var found []issue
	for range maxPages {
		var reply searchReply
		if err := d.read(ctx, op, http.MethodPost, path, body, wire.List(&reply, maxFound)); err != nil {
			return nil, err
		}
		if reply.Issues == nil {
			return nil, notJira(op, errors.New("the answer holds no list"))
		}
		found = append(found, reply.Issues...)
		if body.Next = reply.Next; body.Next == "" {
			break
		}
	}
	found = slices.DeleteFunc(found, func(i issue) bool { return !slices.Contains(i.Fields.Labels, string(marker)) })
	slices.SortFunc(found, func(a, b issue) int { // numbers rise in the order of creation
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
	})
	if len(found) > 0 {
		return found, nil
	}
	if err := d.authenticate(ctx); err != nil {
		return nil, err
	}
	_, err := d.project(ctx)
	return nil, err
}
