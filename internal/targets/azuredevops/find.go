package azuredevops

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates. CONTAINS also matches longer tags, so
// each is compared.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	ids, err := d.searchByMarker(ctx, marker)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	items, err := d.items(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, item := range items {
		if !slices.Contains(tagsOf(item), string(marker)) {
			continue
		}
		found, err := d.toIssue(ctx, item)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	return out, nil
}

// searchByMarker lists the project's items, oldest first, with something like a tag.
func (d *driver) searchByMarker(ctx context.Context, marker targets.Marker) ([]int, error) {
	const op = "query work items"
	wiql := "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.Tags] CONTAINS '" + string(marker) + "' ORDER BY [System.Id]"
	var result queryResult
	address := d.wit("wiql", url.Values{"$top": {strconv.Itoa(maxFound)}})
	if err := d.query(ctx, op, address, map[string]string{"query": wiql}, wire.List(&result, maxFound)); err != nil {
		return nil, err
	}
	if result.WorkItems == nil {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	var ids []int
	for _, w := range result.WorkItems {
		ids = append(ids, w.ID)
	}
	return ids, nil
}

// tagsOf splits an item's tags.
func tagsOf(w workItem) []string {
	var out []string
	for tag := range strings.SplitSeq(w.text(fieldTags), ";") {
		if tag = strings.TrimSpace(tag); tag != "" {
			out = append(out, tag)
		}
	}
	return out
}
