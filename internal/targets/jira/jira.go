// Package jira pushes to a project of Jira Cloud (REST version 3, descriptions
// in the Atlassian Document Format) or of Jira Data Center (REST version 2,
// wiki markup).
//
// Our marker is a label, on Cloud also an issue property that goes with the
// same create: people copy labels when they clone an issue, but not
// properties. Cloud's search, through which labels are found, sees an issue
// some seconds after it was made.
//
// What must not live here: anything that holds for other trackers as well.
package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	// maxKey bounds an issue's key.
	maxKey = 300
	name   = "Jira"
	// maxText is the limit of descriptions, comments and text areas, in UTF-16
	// units: Data Center's default (jira.text.field.character.limit) and
	// Cloud's fixed one. Cloud counts the serialised ADF: a text of 24,000
	// characters whose ADF has 36,000 is reported to be refused. Atlassian
	// publishes no rule, so a refusal for length is answered with half the text.
	maxText = 32767
	// propertyKey is the issue property with our marker (Cloud).
	propertyKey = "pushbutton"
	// maxFound bounds a look-up: more issues with one marker are not expected.
	maxFound = 50
	// afterwards bounds each request that follows a create and is not needed
	// for it.
	afterwards = 3 * time.Second
	// cloudLag and dataCenterLag are how late the search index may be:
	// Atlassian promises no figure; a Data Center's nodes tell each other
	// within seconds.
	cloudLag      = 60 * time.Second
	dataCenterLag = 10 * time.Second
)

type driver struct {
	client
	planner *planner
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	return &driver{client: c, planner: &planner{client: c}}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: name, Limits: targets.Limits{Title: maxLine, Description: maxText}, Lookup: targets.LookupSearch, Consistency: cloudLag,
		Place: "project " + d.cfg.project, SetsRequester: true}
	if !d.cfg.cloud {
		t.Consistency = dataCenterLag
	}
	if d.cfg.oauth {
		t.Caveat = "Jira ends an OAuth access token an hour after it was made; pushes fail from then on unless something renews it. An API token lasts longer."
	}
	return t
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	if err := d.prove(ctx); err != nil {
		return err
	}
	_, err := d.planner.get(ctx)
	return err
}

// Find implements targets.Driver. An issue that somebody cloned carries our
// label as well, so one that has the property goes first.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	labelled, err := d.labelled(ctx, marker)
	if err != nil || len(labelled) == 0 {
		return nil, err
	}
	best := labelled[0]
	if own := d.ours(labelled, marker); len(own) > 0 {
		best = own[0]
	}
	found := d.portable(best)
	return &found, nil
}

// FindAll implements targets.Duplicates. Clones are not ours to close.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	labelled, err := d.labelled(ctx, marker)
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, i := range d.ours(labelled, marker) {
		out = append(out, d.portable(i))
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

// labelled searches for the issues with a marker, oldest first, in every
// project that the account sees: an issue that was moved is still the one.
// "None" is only true of a good credential that sees the project.
func (d *driver) labelled(ctx context.Context, marker targets.Marker) ([]issue, error) {
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
	if err := d.prove(ctx); err != nil {
		return nil, err
	}
	_, err := d.project(ctx)
	return nil, err
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body, err := d.newIssue(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, "/issue", body, &made); err != nil {
		return targets.Issue{}, d.refused(ctx, p, draft, body, err)
	}
	if made.ID == "" || made.Key == "" {
		return targets.Issue{}, wire.Unreadable(op, errors.New("the answer names no issue"))
	}
	made.Fields.Summary = line(draft.Title)
	return d.completed(ctx, made, draft), nil
}

// refused looks closer at a refused create or update: the project or the type
// may have gone, which Jira puts in words of its own. Where what was looked up
// before is out of date, the same is asked for once more.
func (d *driver) refused(ctx context.Context, p *plan, draft targets.Draft, body edit, err error) error {
	if _, ok := saidBy(err); !ok {
		return err
	}
	d.planner.forget()
	now, why := d.planner.get(ctx)
	switch {
	case why == nil && outdated(p, now, draft.Fields):
		return targets.Stale(d.explain(now, body, err))
	case why == nil:
		return d.explain(now, body, err)
	case !fault.KindOf(why).Transient():
		e := *fault.From(why)
		e.Ref, e.Err = fault.From(err).Ref, err
		return &e
	default:
		return d.explain(p, body, err)
	}
}

// completed reads where a new issue stands and links it to Productboard. The
// issue exists by then: whatever fails here is left out.
func (d *driver) completed(ctx context.Context, made issue, draft targets.Draft) targets.Issue {
	id := made.ID
	var wg sync.WaitGroup
	wg.Go(func() { d.link(ctx, id, draft) })
	var whole issue
	if _, err := d.send(ctx, "read new issue", http.MethodGet, issuePath(id), nil, &whole, afterwards); err == nil && whole.ID == id {
		made = whole
	}
	wg.Wait()
	return d.portable(made)
}

// link writes Jira's own link object; one with the same globalId is replaced.
// The description has the address too, so that this may fail.
func (d *driver) link(ctx context.Context, id string, draft targets.Draft) {
	if draft.Link == "" || !draft.Marker.Valid() {
		return
	}
	l := remoteLink{GlobalID: propertyKey + "=" + string(draft.Marker), Relationship: "is pushed from"}
	l.Object.URL, l.Object.Title = draft.Link, line("Productboard: "+draft.Title)
	_, _ = d.send(ctx, "link to Productboard", http.MethodPost, "/issue/"+id+"/remotelink", l, nil, afterwards)
}

// newIssue is the body of a create.
func (d *driver) newIssue(p *plan, draft targets.Draft) (edit, error) {
	fields := map[string]any{"project": idRef{p.projectID}, "issuetype": idRef{p.typeID}}
	if p.priorityID != "" {
		fields[fieldPriority] = idRef{p.priorityID}
	}
	if len(p.components) > 0 {
		refs := make([]idRef, len(p.components))
		for i, id := range p.components {
			refs[i] = idRef{id}
		}
		fields[fieldComponents] = refs
	}
	switch {
	case p.byParent:
		fields[fieldParent] = keyRef{d.cfg.parent}
	case p.epicLink != "":
		fields[p.epicLink] = d.cfg.parent
	}
	if p.epicLabel != "" { // an epic's name on Data Center, which has its own field
		fields[p.epicLabel] = line(draft.Title)
	}
	if err := d.common(p, draft, fields); err != nil {
		return edit{}, err
	}
	fields[fieldLabels] = append([]string{string(draft.Marker)}, labels(draft.Labels)...)
	body := edit{Fields: fields}
	if d.cfg.cloud {
		body.Properties = []property{{propertyKey, mark{string(draft.Marker)}}}
	}
	return body, nil
}

// common is what a create and an update write alike.
func (d *driver) common(p *plan, draft targets.Draft, fields map[string]any) error {
	fields[fieldSummary] = line(draft.Title)
	fields[fieldDescription] = d.raw(d.describe(draft))
	if _, ok := p.fields[fieldAssignee]; ok && draft.Assignee != "" {
		fields[fieldAssignee] = d.account(draft.Assignee)
	}
	// Only accounts that may change the reporter see the field.
	if _, ok := p.fields[fieldReporter]; ok && draft.Requester != "" {
		fields[fieldReporter] = d.account(draft.Requester)
	}
	return d.further(p, draft.Fields, fields)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	if d.cfg.cloud {
		return d.describe(draft), text.FormatADF
	}
	return d.describe(draft), text.FormatWiki
}

func (d *driver) describe(draft targets.Draft) string {
	return draft.Render(maxText, richtext.UTF16Len, d.render)
}

// Update implements targets.Updater. Labels are only added: ours stays, and so
// do those that people gave. Parent, priority and components are people's too
// once the issue is there.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	if !isID(id) {
		return targets.Issue{}, unknown(op, id)
	}
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body := edit{Fields: map[string]any{}}
	if err := d.common(p, draft, body.Fields); err != nil {
		return targets.Issue{}, err
	}
	var add []map[string]string
	for _, l := range labels(draft.Labels) {
		add = append(add, map[string]string{"add": l})
	}
	if len(add) > 0 {
		body.Update = map[string]any{fieldLabels: add}
	}
	err = d.write(ctx, op, http.MethodPut, "/issue/"+id, body, nil)
	if _, refused := saidBy(err); refused {
		err = d.updateMoved(ctx, p, id, draft, body, err)
	}
	if err != nil {
		return targets.Issue{}, d.absent(ctx, op, id, err)
	}
	d.link(ctx, id, draft)
	return d.Read(ctx, id)
}

// updateMoved writes what every project takes to an issue that was moved: the
// screens of its new project may not have our fields. refused is what Jira said
// of the whole.
func (d *driver) updateMoved(ctx context.Context, p *plan, id string, draft targets.Draft, whole edit, refused error) error {
	found, err := d.issue(ctx, "update issue", id)
	if err != nil || !d.moved(ctx, found) {
		return d.refused(ctx, p, draft, whole, refused)
	}
	whole.Fields = map[string]any{fieldSummary: whole.Fields[fieldSummary], fieldDescription: whole.Fields[fieldDescription]}
	return d.explain(p, whole, d.write(ctx, "update issue", http.MethodPut, "/issue/"+id, whole, nil))
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	const op = "read issue"
	key := ref.Key() + ref.After("browse")
	if key == "" {
		key = ref.Query("selectedIssue") // as boards have it
	}
	key = strings.ToUpper(key)
	project, number, ok := strings.Cut(key, "-")
	if !ok || !isID(number) || len(key) > maxKey || project == "" || strings.Trim(project, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return targets.Issue{}, unknown(op, key)
	}
	found, err := d.issue(ctx, op, key)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.portable(found), nil
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = "comment on issue"
	if !isID(id) {
		return unknown(op, id)
	}
	body := map[string]any{"body": d.richText(text.PlainText(remark))}
	return d.absent(ctx, op, id, d.write(ctx, op, http.MethodPost, "/issue/"+id+"/comment", body, nil))
}

// portable is an issue in everybody's words.
func (d *driver) portable(i issue) targets.Issue {
	out := targets.Issue{ID: i.ID, Key: i.Key, URL: d.cfg.site + "/browse/" + url.PathEscape(i.Key), Title: i.Fields.Summary, Status: i.Fields.Status.Name}
	switch i.Fields.Status.Category.Key {
	case "done":
		out.Progress = targets.Done
	case "indeterminate":
		out.Progress = targets.Started
	}
	return out
}
