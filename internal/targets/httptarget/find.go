package httptarget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// Find implements targets.Driver. Without a look-up nothing is ever found.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	if d.finder == nil {
		return nil, nil
	}
	all, err := d.findAll(ctx, marker)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// FindAll implements targets.Duplicates.
func (p duplicates) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	return p.findAll(ctx, marker)
}

// finder is a look-up by marker.
type finder struct {
	request      *request
	list, marker *path
	word         bool
	sort, next   *path
	most         int
}

// Bounds of one look-up.
const (
	maxPages = 20
	maxFound = 100
)

// findAll lists the issues that carry a marker, oldest first. That there is
// none is believed only of an account whose credentials are good.
func (d *driver) findAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	nodes, err := d.candidates(ctx, marker)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		if len(d.checks) > 0 {
			return nil, d.ask(ctx, d.checks[0])
		}
		return nil, nil
	}
	if by := d.finder.sort; by != nil {
		slices.SortStableFunc(nodes, func(a, b any) int { return before(by.text(a), by.text(b)) })
	}
	out, budget := make([]targets.Issue, 0, len(nodes)), parts(ctx)
	for _, n := range nodes {
		i, err := d.mapping.issue(budget, n, "", string(marker))
		if err != nil {
			return nil, d.unexpected(d.finder.request.op, err)
		}
		out = append(out, d.completed(ctx, i))
	}
	return out, nil
}

// candidates reads the pages of a look-up and keeps what carries the marker.
func (d *driver) candidates(ctx context.Context, marker targets.Marker) ([]any, error) {
	f := d.finder
	var found []any
	data := findData{Marker: string(marker)}
	for range maxPages {
		doc, err := d.get(ctx, f.request, data)
		if err != nil {
			return nil, err
		}
		list, err := listIn(doc, f.list, setFind+"."+findList)
		if err != nil {
			return nil, d.unexpected(f.request.op, err)
		}
		for _, n := range list {
			if f.hasMarker(n, marker) {
				found = append(found, n)
			}
		}
		cursor := f.next.text(doc)
		switch {
		case len(found) > maxFound:
			return found[:maxFound], nil
		case cursor != "" && cursor != "false" && cursor != "0":
			data.Cursor = cursor
			continue
		case len(found) == 0 && f.most > 0 && len(list) >= f.most:
			return nil, d.tooMany(fmt.Errorf("%d issues in one answer, none with the marker", len(list)))
		}
		return found, nil
	}
	return nil, d.tooMany(fmt.Errorf("more than %d pages", maxPages))
}

func (d *driver) tooMany(err error) *fault.Error {
	return &fault.Error{Op: d.finder.request.op, Kind: fault.Invalid, Err: err,
		Public: d.name + " lists as many issues as it can, and none with the marker: it may not filter by it, or there are too many. Ask your admin to check the integration's settings (find)."}
}

// listIn is the list that a setting selects in an answer: an answer without one
// is not an empty one.
func listIn(doc any, where *path, setting string) ([]any, error) {
	nodes := where.nodes(doc)
	if len(nodes) != 1 {
		return nil, errors.New(setting + " selects no list in the answer")
	}
	list, ok := nodes[0].([]any)
	if !ok {
		return nil, errors.New("what " + setting + " selects is not a list")
	}
	return list, nil
}

// hasMarker compares exactly: a tracker that ignores a filter lists anything.
func (f *finder) hasMarker(n any, marker targets.Marker) bool {
	return slices.ContainsFunc(f.marker.nodes(n), func(v any) bool {
		text, ok := v.(string)
		return ok && (text == string(marker) || f.word && hasWord(text, string(marker)))
	})
}

// hasWord looks for the marker with nothing of a marker's characters around.
func hasWord(text, marker string) bool {
	part := func(c byte) bool {
		return c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for from := 0; ; {
		at := strings.Index(text[from:], marker)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(marker)
		if (at == 0 || !part(text[at-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = end
	}
}
