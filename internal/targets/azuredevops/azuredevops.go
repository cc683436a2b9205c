// Package azuredevops pushes to a project of Azure DevOps, Services or Server,
// as a work item (Work Item Tracking API 7.1).
//
// Our marker is a tag, which a WIQL query finds. The entity's page goes in as
// a hyperlink with the create itself.
//
// What must not live here: anything that holds for other trackers as well.
package azuredevops

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Azure DevOps"
	// maxTitle is the length of System.Title (Microsoft's page on work tracking
	// limits), which counts in UTF-16.
	maxTitle = 255
	// maxDescription is below the million characters that an HTML field holds
	// (the same page).
	maxDescription = 1_000_000
	// maxLine is the length of a one-line text field.
	maxLine = 255
	// maxFound bounds a look-up; no more items can be read at once.
	maxFound = 200
	// consistency is what a query may lag behind: it may be answered by a
	// read-only replica. Microsoft names no number.
	consistency = 10 * time.Second

	methodCreate = http.MethodPost

	relHyperlink = "Hyperlink"
	relParent    = "System.LinkTypes.Hierarchy-Reverse"
	tagSeparator = "; "
)

type driver struct {
	client
	planner *planner
	// made is the work item that a rehearsal made, against its word; 0: none.
	made atomic.Int64
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg, pause: &pause{}}
	return &driver{client: c, planner: &planner{client: c}}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Limits: targets.Limits{Title: maxTitle, Description: maxDescription},
		Lookup: targets.LookupSearch, Consistency: consistency, Place: "project " + d.cfg.project}
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	d.made.Store(0)
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	if _, err := d.carriers(ctx, "pb-check"); err != nil {
		return err
	}
	if _, err := d.planner.statesOf(ctx, p.typ); err != nil { // Create reads them too
		return err
	}
	if d.cfg.parent > 0 {
		switch _, err := d.item(ctx, strconv.Itoa(d.cfg.parent), summary()); {
		case err != nil && targets.VerdictOf(targets.Issue{}, err) == targets.VerdictHidden:
			return invalid("read parent", "Azure DevOps does not have the parent work item #%d, or does not show it to the token's account. Ask your admin to correct settings.parent.", d.cfg.parent)
		case err != nil:
			return err
		}
	}
	err = d.rehearse(ctx, p, targets.Draft{Marker: "check"})
	rules := rulesOf(err)
	if len(rules) > 0 && !slices.ContainsFunc(rules, func(r rule) bool { return !r.missing() || slices.Contains(ours(), r.Ref) }) {
		return nil // what is required may be mapped: ListFields tells
	}
	return err
}

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	return targets.Oldest(d.FindAll(ctx, marker))
}

// FindAll implements targets.Duplicates. CONTAINS also matches longer tags, so
// each is compared.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	ids, err := d.carriers(ctx, marker)
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
		found, err := d.portable(ctx, item)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	return out, nil
}

// carriers lists the project's items, oldest first, with something like a tag.
func (d *driver) carriers(ctx context.Context, marker targets.Marker) ([]string, error) {
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
	var ids []string
	for _, w := range result.WorkItems {
		ids = append(ids, strconv.Itoa(w.ID))
	}
	return ids, nil
}

// items reads several items; those that are gone by now are left out.
func (d *driver) items(ctx context.Context, ids []string) ([]workItem, error) {
	const op = "read work items"
	query := summary()
	query.Set("ids", strings.Join(ids, ","))
	query.Set("errorPolicy", "omit")
	var found list[*workItem]
	if err := d.get(ctx, op, d.wit("workitems", query), wire.List(&found, maxFound)); err != nil {
		return nil, err
	}
	if found.Value == nil {
		return nil, notAzure(op, errors.New("the answer holds no list"))
	}
	var out []workItem
	for _, w := range found.Value {
		if w != nil && w.ID != 0 {
			out = append(out, *w)
		}
	}
	slices.SortFunc(out, func(a, b workItem) int { return a.ID - b.ID })
	return out, nil
}

// summary asks for the fields that an Issue is made of.
func summary() url.Values {
	return url.Values{"fields": {strings.Join([]string{fieldTitle, fieldState, fieldType, fieldTags, fieldProject}, ",")}}
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create work item"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	states, err := d.planner.statesOf(ctx, p.typ)
	if err != nil {
		return targets.Issue{}, err
	}
	ops, err := d.ops(ctx, p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	made, err := d.patch(ctx, op, methodCreate, d.createAddress(p, nil), ops)
	if err != nil {
		if remembered(err) {
			d.planner.forget() // the process has changed
			return targets.Issue{}, targets.Stale(err)
		}
		return targets.Issue{}, p.tooLong(err)
	}
	if made.ID == 0 {
		return targets.Issue{}, wire.Unreadable(op, errors.New("no work item in the answer"))
	}
	return d.shown(made, states), nil
}

func (d *driver) createAddress(p *plan, query url.Values) string {
	return d.wit("workitems/$"+escape(p.typ), query)
}

// ops is a new item as a patch.
func (d *driver) ops(ctx context.Context, p *plan, draft targets.Draft) ([]op, error) {
	tags := append(tagged(draft.Labels), string(draft.Marker))
	if draft.Marker == "" {
		tags = tags[:len(tags)-1]
	}
	ops := d.texts(p, draft)
	ops = appendField(ops, fieldTags, strings.Join(tags, tagSeparator))
	ops = appendField(ops, fieldArea, d.cfg.area)
	ops = appendField(ops, fieldIteration, d.cfg.iteration)
	ops, err := d.further(ctx, ops, draft)
	if err != nil {
		return nil, err
	}
	if draft.Link != "" {
		ops = append(ops, hyperlink(draft.Link))
	}
	if d.cfg.parent > 0 {
		ops = append(ops, op{"add", "/relations/-", relation{Rel: relParent, URL: d.cfg.base + "/_apis/wit/workItems/" + strconv.Itoa(d.cfg.parent)}})
	}
	return ops, nil
}

// texts are title and description.
func (d *driver) texts(p *plan, draft targets.Draft) []op {
	title := draft.Title
	for n := maxTitle; richtext.UTF16Len(title) > maxTitle; n-- {
		title = text.Title(draft.Title, n)
	}
	ops := appendField(nil, fieldTitle, title)
	return appendField(ops, p.description, written(draft))
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return written(draft), text.FormatHTML
}

func written(draft targets.Draft) string {
	return draft.Render(maxDescription, richtext.UTF16Len, richtext.Doc.HTML)
}

// further is what the mapping fills besides.
func (d *driver) further(ctx context.Context, ops []op, draft targets.Draft) ([]op, error) {
	ops = appendField(ops, fieldAssignedTo, draft.Assignee)
	if len(draft.Fields) == 0 {
		return ops, nil
	}
	all, err := d.planner.allFields(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range draft.Fields {
		ops = append(ops, op{"add", "/fields/" + f.Field.ID, encode(f, all[f.Field.ID])})
	}
	return ops, nil
}

func appendField(ops []op, field, value string) []op {
	if value == "" {
		return ops
	}
	return append(ops, op{"add", "/fields/" + field, value})
}

func hyperlink(address string) op {
	return op{"add", "/relations/-", relation{Rel: relHyperlink, URL: address, Attributes: map[string]any{"comment": "Productboard"}}}
}

// tagged makes tags of labels: a comma or semicolon would separate two.
func tagged(labels []string) []string {
	var out []string
	for _, l := range labels {
		l = strings.Join(strings.FieldsFunc(l, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }), " ")
		if l != "" && !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, l) }) {
			out = append(out, l)
		}
	}
	return out
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

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	found, err := d.item(ctx, id, summary())
	if err == nil {
		return d.portable(ctx, found)
	}
	if trashed := (*trashedError)(nil); errors.As(err, &trashed) {
		return targets.Issue{ID: id, Key: "#" + id, URL: d.page(d.cfg.project, id), Title: trashed.name, Status: "Deleted", Progress: targets.Done,
			Verdict: targets.VerdictTrashed}, nil
	}
	return targets.Issue{}, err
}

// item reads an item by its number. Numbers are the whole organization's: one
// that was moved to another project is read there.
func (d *driver) item(ctx context.Context, id string, query url.Values) (workItem, error) {
	const op = "read work item"
	var found workItem
	if number(id) == 0 {
		return found, wire.UnknownID(op, name, itemNamed(id))
	}
	err := d.get(ctx, op, d.wit("workitems/"+id, query), &found)
	if saysNoItem(err) {
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

// portable is an item in everybody's words.
func (d *driver) portable(ctx context.Context, w workItem) (targets.Issue, error) {
	states, err := d.planner.statesOf(ctx, w.text(fieldType))
	if err != nil {
		return targets.Issue{}, err
	}
	return d.shown(w, states), nil
}

// shown is an item whose type has these states.
func (d *driver) shown(w workItem, states []state) targets.Issue {
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
