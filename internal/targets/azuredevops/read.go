package azuredevops

import (
	"context"
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, err := d.item(ctx, id, summary())
	if err == nil {
		return d.toIssue(ctx, found)
	}
	if trashed := (*trashedError)(nil); errors.As(err, &trashed) {
		return targets.Issue{ID: id, Key: "#" + id, URL: d.page(d.cfg.project, id), Title: trashed.name, Status: "Deleted", Progress: targets.Done,
			Verdict: targets.VerdictTrashed}, nil
	}
	return targets.Issue{}, err
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number("AB")+ref.After("edit"))
}

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxMany }

// ReadMany implements targets.ManyReader. An item that is in another project by
// now is left out: Read follows it there.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	var numbers []int
	for _, id := range ids {
		if n := number(id); n > 0 && n <= math.MaxInt32 {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	items, err := d.items(ctx, numbers)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, item := range items {
		if !strings.EqualFold(item.text(fieldProject), d.cfg.project) {
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

// items reads several items in one request, and returns them by number. It
// leaves out those that Azure DevOps does not show.
func (d *driver) items(ctx context.Context, ids []int) ([]workItem, error) {
	const op = "read work items"
	var found list[*workItem]
	body := batch{IDs: ids, Fields: summaryFields(), ErrorPolicy: "omit"}
	if err := d.query(ctx, op, d.wit("workitemsbatch", nil), body, wire.List(&found, maxMany)); err != nil {
		return nil, err
	}
	if found.Value == nil {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	var out []workItem
	for _, w := range found.Value {
		if w != nil && w.ID != 0 { // null stands for one that was left out
			out = append(out, *w)
		}
	}
	slices.SortFunc(out, func(a, b workItem) int { return a.ID - b.ID })
	return out, nil
}

// summary asks for the fields that an Issue is made of.
func summary() url.Values {
	return url.Values{"fields": {strings.Join(summaryFields(), ",")}}
}

func summaryFields() []string {
	return []string{fieldTitle, fieldState, fieldType, fieldTags, fieldProject}
}

// item reads an item by its number. Numbers are the whole organization's: one
// that was moved to another project is read there.
func (d *driver) item(ctx context.Context, id string, query url.Values) (workItem, error) {
	const op = "read work item"
	var found workItem
	if number(id) == 0 {
		return found, wire.UnknownID(op, name, itemName(id))
	}
	err := d.get(ctx, op, d.wit("workitems/"+id, query), &found)
	if isNoItem(err) {
		if elsewhere := d.get(ctx, op, d.address("/_apis/wit/workitems/"+id, query), &found); elsewhere == nil && found.text(fieldProject) != "" {
			found.moved, err = true, nil
		}
	}
	if err != nil {
		return found, d.explain(ctx, op, id, err)
	}
	if found.ID == 0 {
		return found, notAzure(op, errors.New("the answer names no work item"))
	}
	return found, nil
}

// toIssue converts an item to the shared form.
func (d *driver) toIssue(ctx context.Context, w workItem) (targets.Issue, error) {
	states, err := d.statesOf(ctx, w.text(fieldType))
	if err != nil {
		return targets.Issue{}, err
	}
	return d.toIssueWith(w, states), nil
}

// toIssueWith converts an item whose type has these states.
func (d *driver) toIssueWith(w workItem, states []state) targets.Issue {
	id := strconv.Itoa(w.ID)
	out := targets.Issue{ID: id, Key: "#" + id, Title: w.text(fieldTitle), Status: w.text(fieldState), Progress: targets.Started, URL: d.page(d.cfg.project, id)}
	if w.moved {
		out.URL, out.Verdict = d.page(w.text(fieldProject), id), targets.VerdictMoved
	}
	for _, s := range states {
		if s.Name == out.Status {
			out.Progress, out.Color = progress(s.Category), text.NearestColor(s.Color)
		}
	}
	return out
}

// progress reads a state's category: Proposed, InProgress, Resolved (made, not
// yet accepted), Completed, Removed.
func progress(category string) targets.Progress {
	switch category {
	case "Proposed":
		return targets.Open
	case "Completed", "Removed":
		return targets.Done
	default:
		return targets.Started
	}
}

func itemName(id string) string { return "work item #" + text.Title(id, 20) }

// page returns the address where a browser shows an item.
func (d *driver) page(project, id string) string {
	return d.cfg.base + "/" + escape(project) + "/_workitems/edit/" + id
}
