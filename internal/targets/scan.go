package targets

import (
	"context"
	"slices"
)

// Scan looks a marker up in a tracker that cannot search for it but lists
// issues, newest first. The marker stands in a comment at the end of an issue's
// text (Marker.Comment).
//
// It reads the issues with a label that all of ours have. People take labels
// off, and trackers drop them for accounts that may not set them, so a look-up
// that finds nothing goes on among the account's own issues.
type Scan struct {
	ByLabel, ByCreator Filter
	// Label is the common label.
	Label string
	// Account returns the name of the account that makes the issues.
	Account func(ctx context.Context) (string, error)
	// List reads one page, from 1, of the issues that a filter selects, closed
	// ones included. more is false if it is the last one.
	List func(ctx context.Context, filter, value string, page int) (issues []ListedIssue, more bool, err error)
}

// Filter is a filter of the tracker's list by its name in the request, and the
// most pages of it that are read.
type Filter struct {
	Name  string
	Pages int
}

// ListedIssue is an issue of a list: its number, which rises with time, the
// marker in its text ("" for none), and the issue itself.
type ListedIssue struct {
	Number int
	Marker Marker
	Issue  Issue
}

// Find returns the oldest issue with a marker.
func (s Scan) Find(ctx context.Context, marker Marker) (*Issue, error) {
	found, err := s.byLabel(ctx, marker)
	if err == nil && len(found) == 0 {
		found, err = s.byCreator(ctx, marker)
	}
	return Oldest(oldestFirst(found), err)
}

// FindAll returns all issues with a marker, oldest first.
func (s Scan) FindAll(ctx context.Context, marker Marker) ([]Issue, error) {
	labelled, err := s.byLabel(ctx, marker)
	if err != nil {
		return nil, err
	}
	own, err := s.byCreator(ctx, marker)
	if err != nil {
		return nil, err
	}
	return oldestFirst(append(labelled, own...)), nil
}

func (s Scan) byLabel(ctx context.Context, marker Marker) ([]ListedIssue, error) {
	return s.read(ctx, s.ByLabel, s.Label, marker)
}

func (s Scan) byCreator(ctx context.Context, marker Marker) ([]ListedIssue, error) {
	account, err := s.Account(ctx)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, s.ByCreator, account, marker)
}

// read reads a list and keeps the issues that carry a marker.
func (s Scan) read(ctx context.Context, by Filter, value string, marker Marker) ([]ListedIssue, error) {
	var found []ListedIssue
	for page := 1; page <= by.Pages; page++ {
		issues, more, err := s.List(ctx, by.Name, value, page)
		if err != nil {
			return nil, err
		}
		for _, i := range issues {
			if i.Marker == marker {
				found = append(found, i)
			}
		}
		if !more {
			break
		}
	}
	return found, nil
}

// oldestFirst sorts issues and drops those that are there twice: pages shift
// while others create issues.
func oldestFirst(found []ListedIssue) []Issue {
	slices.SortFunc(found, func(a, b ListedIssue) int { return a.Number - b.Number })
	found = slices.CompactFunc(found, func(a, b ListedIssue) bool { return a.Number == b.Number })
	var out []Issue
	for _, i := range found {
		out = append(out, i.Issue)
	}
	return out
}
