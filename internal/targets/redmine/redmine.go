// Package redmine pushes to a Redmine project through its REST API (seen on
// Redmine 5.0.4).
//
// Our marker is the value of a custom field of format Text that is used as a
// filter: such a look-up sees an issue as soon as it exists. Without that
// field nothing is created, because an issue that cannot be found again would
// be made twice sooner or later.
//
// What must not live here: anything that holds for other trackers as well.
package redmine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Redmine"
	// maxSubject is the length of issues.subject in Redmine's schema.
	maxSubject = 255
	// maxDescription is what issues.description holds on MySQL, in bytes; other
	// databases take more. Before Redmine 3.4 the column was a TEXT.
	maxDescription    = 16<<20 - 1
	maxOldDescription = 65535
	// maxValue is what custom_values.value holds on MySQL (TEXT), in bytes.
	maxValue = 65535
	// maxFound bounds a look-up; Redmine gives no more than 100 at once.
	maxFound = 100
)

type driver struct {
	client
	planner *planner
	// dropped is set when Redmine accepted an issue without our marker.
	dropped atomic.Bool
	// required are the ids of the fields that the last rehearsal missed; nil:
	// there was none.
	required atomic.Pointer[map[string]bool]
	// formatless are the ids of custom fields whose format the account is not
	// shown, as of the last list.
	formatless atomic.Pointer[map[string]bool]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	return &driver{client: c, planner: &planner{client: c}}
}

// Traits implements targets.Driver. Custom field filters read the database. How
// long a description can be depends on Redmine's version.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: name, Lookup: targets.LookupSearch, Place: fmt.Sprintf("project %q", d.cfg.project), Limits: targets.Limits{Title: maxSubject}}
	if d.cfg.assigns {
		t.Caveat = "Redmine finds people by e-mail for administrators alone: with another account's API key no issue is assigned, and the description names the person."
	}
	return t
}

// Find implements targets.Driver.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	found, err := d.FindAll(ctx, marker)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	p, err := d.plan(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.list(ctx, p, marker)
	if err != nil {
		return nil, d.explainDenied(ctx, err)
	}
	if len(found) == 0 {
		// A revoked key reads as a stranger, who sees fewer issues: only a key
		// that is good makes "none" true.
		_, err := d.proveKey(ctx, "")
		return nil, err
	}
	out := make([]targets.Issue, len(found))
	for i, f := range found {
		out[i] = d.portable(p, f)
	}
	return out, nil
}

// list asks for the issues with a marker, oldest first. Redmine ignores a
// filter it does not know and then lists everything, so each value is compared.
func (d *driver) list(ctx context.Context, p *plan, marker targets.Marker) ([]issue, error) {
	const op = "list issues"
	q := url.Values{"project_id": {strconv.Itoa(p.projectID)}, "status_id": {"*"}, "sort": {"id"}, "limit": {strconv.Itoa(maxFound)},
		"cf_" + strconv.Itoa(p.markerID): {string(marker)}}
	var reply issuesReply
	if err := d.get(ctx, op, "/issues.json?"+q.Encode(), issues(&reply, maxFound)); err != nil {
		return nil, err
	}
	if reply.Issues == nil {
		return nil, notRedmine(op, errors.New("the answer holds no list"))
	}
	for _, i := range reply.Issues {
		if !i.carries(p.markerID, marker) {
			return nil, invalid(op, "Redmine does not search by the custom field %q. Ask a Redmine admin to tick \"Used as a filter\" for it and to show it to the API key's account.", d.cfg.markerField)
		}
	}
	return reply.Issues, nil
}

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	p, err := d.plan(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	if d.dropped.Load() {
		return targets.Issue{}, d.droppedMarker()
	}
	body, err := d.body(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var reply issueReply
	err = d.write(ctx, "create issue", http.MethodPost, "/issues.json", map[string]any{"issue": body}, issues(&reply, 1))
	if err != nil {
		return targets.Issue{}, d.explain(ctx, body.content, err)
	}
	if reply.Issue.ID == 0 {
		return targets.Issue{}, wire.Unreadable("create issue", fmt.Errorf("no issue in the answer"))
	}
	// This issue is known by its id; the next one must not be risked.
	if !reply.Issue.carries(p.markerID, draft.Marker) {
		d.dropped.Store(true)
	}
	return d.portable(p, reply.Issue), nil
}

func (d *driver) droppedMarker() *fault.Error {
	return invalid("create issue", "Redmine does not keep the custom field %q of new issues. Ask a Redmine admin to enable it for this project and tracker and for the API key's account.", d.cfg.markerField)
}

// explain looks closer at a refused create. What a closed or vanished project
// gives is "Project cannot be blank" in the account's language.
func (d *driver) explain(ctx context.Context, sent content, err error) error {
	said, refused := refusedSaid(err)
	if !refused {
		return d.explainDenied(ctx, err)
	}
	d.planner.forget()
	if _, why := d.planner.load(ctx); why != nil && !fault.KindOf(why).Transient() {
		return why
	}
	return d.explainFields(ctx, sent, said, err)
}

func (d *driver) body(p *plan, draft targets.Draft) (newIssue, error) {
	c, err := d.content(p, draft)
	if c.PriorityID == 0 {
		c.PriorityID = p.priorityID
	}
	return newIssue{ProjectID: p.projectID, TrackerID: p.trackerID, content: c}, err
}

// content is a draft in Redmine's words.
func (d *driver) content(p *plan, draft targets.Draft) (content, error) {
	text := d.describe(p.description, draft)
	c := content{Subject: draft.Title, Description: &text}
	if draft.Marker != "" {
		c.Fields = append(c.Fields, fieldInput{ID: p.markerID, Value: string(draft.Marker)})
	}
	if p.linkID > 0 && draft.Link != "" {
		c.Fields = append(c.Fields, fieldInput{ID: p.linkID, Value: draft.Link})
	}
	return c, c.fill(draft)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	limit := maxDescription
	if p := d.planner.last(); p != nil {
		limit = p.description
	}
	if d.cfg.textFormat == textile {
		return d.describe(limit, draft), text.FormatTextile
	}
	return d.describe(limit, draft), text.FormatMarkdown
}

func (d *driver) describe(limit int, draft targets.Draft) string {
	return draft.Render(limit, stored, d.render)
}

// render writes the server's text format.
func (d *driver) render(doc richtext.Doc) string {
	switch d.cfg.textFormat {
	case markdown:
		return doc.Redcarpet()
	case commonMark:
		return doc.Markdown(richtext.RedmineCommonMark())
	default:
		return doc.Textile()
	}
}

// stored is how many bytes a text takes in Redmine, which makes CRLF of every
// line end.
func stored(s string) int { return len(s) + strings.Count(s, "\n") }

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	p, err := d.plan(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	found, err := d.read(ctx, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.portable(p, found), nil
}

func (d *driver) read(ctx context.Context, id string) (issue, error) {
	const op = "read issue"
	var reply issueReply
	if number(id) == 0 {
		return issue{}, wire.UnknownID(op, name, issueName(id))
	}
	if err := d.get(ctx, op, "/issues/"+id+".json?include=allowed_statuses", issues(&reply, 1)); err != nil {
		return issue{}, d.explainIssue(ctx, op, id, err)
	}
	if reply.Issue.ID == 0 {
		return issue{}, notRedmine(op, errors.New("the answer holds no issue"))
	}
	return reply.Issue, nil
}

// Update implements targets.Updater. Redmine answers with nothing, and takes
// nothing, also without a word, from an account that may only comment.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	const op = "update issue"
	p, err := d.plan(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	if number(id) == 0 {
		return targets.Issue{}, wire.UnknownID(op, name, issueName(id))
	}
	body, err := d.content(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	if err := d.change(ctx, op, id, changeIssue{content: body}); err != nil {
		return targets.Issue{}, err
	}
	now, err := d.read(ctx, id)
	switch {
	case err != nil:
		return targets.Issue{}, err
	case now.Subject != draft.Title:
		return targets.Issue{}, &fault.Error{Op: op, Kind: fault.Forbidden,
			Public: fmt.Sprintf("Redmine lets the API key's account not edit issue #%s. Ask a Redmine admin for a role with the permission Edit issues, and to see that the workflow does not make the subject read-only.", id)}
	}
	return d.portable(p, now), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number("")+ref.After("issues"))
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	const op = "comment on issue"
	if number(id) == 0 {
		return wire.UnknownID(op, name, issueName(id))
	}
	return d.change(ctx, op, id, changeIssue{Notes: d.render(text.PlainText(remark))})
}

// Close implements targets.Closer. Redmine ignores a status that the workflow
// does not allow, so one is taken that it does.
func (d *driver) Close(ctx context.Context, id string) error {
	p, err := d.plan(ctx)
	if err != nil {
		return err
	}
	found, err := d.read(ctx, id)
	if err != nil || p.closed[found.Status.ID] {
		return err
	}
	for _, s := range found.Allowed {
		if s.IsClosed {
			return d.change(ctx, "close issue", id, changeIssue{StatusID: s.ID})
		}
	}
	return &fault.Error{Op: "close issue", Kind: fault.Forbidden,
		Public: fmt.Sprintf("Redmine's workflow lets the API key's account not close issue #%s. Ask a Redmine admin to allow it (Administration > Workflow).", id)}
}

func (d *driver) change(ctx context.Context, op, id string, change changeIssue) error {
	return d.explainIssue(ctx, op, id, d.write(ctx, op, http.MethodPut, "/issues/"+id+".json", map[string]any{"issue": change}, nil))
}

// portable is an issue in everybody's words.
func (d *driver) portable(p *plan, i issue) targets.Issue {
	id := strconv.Itoa(i.ID)
	out := targets.Issue{ID: id, Key: "#" + id, URL: d.cfg.url + "/issues/" + id, Title: i.Subject, Status: i.Status.Name, Progress: targets.Started}
	switch {
	case p.closed[i.Status.ID]:
		out.Progress = targets.Done
	case p.first[i.Tracker.ID] == i.Status.ID:
		out.Progress = targets.Open
	}
	return out
}

// carries tells whether a custom field of the issue has exactly this value.
func (i issue) carries(field int, marker targets.Marker) bool {
	return slices.ContainsFunc(i.Fields, func(f fieldValue) bool {
		value, ok := f.Value.(string)
		return ok && f.ID == field && value == string(marker)
	})
}
