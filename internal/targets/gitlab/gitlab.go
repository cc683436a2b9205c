// Package gitlab pushes to a GitLab project, hosted or self-managed, through
// the REST API v4.
//
// Our marker is a label of its own on each issue, by which GitLab's database
// lists it at once, and stands in the description too, in a line that is not
// shown: so an issue whose label somebody took away is still found, by a
// search. GitLab drops labels that an account may not make without a word;
// Check asks for the role that may.
//
// What must not live here: anything that holds for other trackers as well.
package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

const (
	name = "GitLab"
	// maxTitle is GitLab's limit for a title, in characters.
	maxTitle = 255
	// maxDescription is GitLab's limit for a description, in bytes (1 MiB, the
	// default of an instance's setting).
	maxDescription = 1 << 20
	// maxFound bounds a look-up; GitLab gives no more than 100 at once.
	maxFound = 100
	// lag is how long a read replica may be behind. GitLab lets an account that
	// has just written read from the primary, so this is for its exceptions.
	lag = 5 * time.Second
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
	return targets.Traits{Name: name, Limits: targets.Limits{Title: maxTitle, Description: maxDescription}, Consistency: lag,
		Place: "project " + d.cfg.project}
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	me, err := d.proveToken(ctx)
	if err != nil {
		return err
	}
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	if err := d.proveRole(ctx, p, me); err != nil {
		return err
	}
	_, err = d.list(ctx, p, "check", byLabel("check"))
	return err
}

// Find implements targets.Driver. The label is enough where it is there.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return nil, err
	}
	for _, by := range []query{byLabel(marker), byText(marker)} {
		found, err := d.list(ctx, p, marker, by)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			oldest := d.portable(found[0])
			return &oldest, nil
		}
	}
	return nil, nil
}

// FindAll implements targets.Duplicates.
func (d *driver) FindAll(ctx context.Context, marker targets.Marker) ([]targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return nil, err
	}
	var all []issue
	for _, by := range []query{byLabel(marker), byText(marker)} {
		found, err := d.list(ctx, p, marker, by)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, oldestFirst)
	var out []targets.Issue
	for _, i := range slices.CompactFunc(all, func(a, b issue) bool { return a.IID == b.IID }) {
		out = append(out, d.portable(i))
	}
	return out, nil
}

// query is one way to look a marker up.
type query url.Values

func byLabel(marker targets.Marker) query { return query{"labels": {string(marker)}} }

func byText(marker targets.Marker) query {
	return query{"search": {string(marker)}, "in": {"description"}}
}

// list asks for issues, closed ones and other people's too, and keeps those
// that carry the marker, oldest first: a search gives similar ones as well. A
// bad token is 401 even where the project is public, so "none" is true.
func (d *driver) list(ctx context.Context, p *plan, marker targets.Marker, by query) ([]issue, error) {
	q := url.Values{"scope": {"all"}, "state": {"all"}, "per_page": {strconv.Itoa(maxFound)}}
	for k, v := range by {
		q[k] = v
	}
	var reply []issue
	if err := d.get(ctx, "list issues", p.path("/issues?"+q.Encode()), &reply); err != nil {
		return nil, err
	}
	if reply == nil {
		return nil, notGitLab("list issues", fmt.Errorf("the answer holds no list"))
	}
	found := slices.DeleteFunc(reply, func(i issue) bool { return !i.carries(marker) })
	slices.SortFunc(found, oldestFirst)
	return found, nil
}

// oldestFirst orders issues by their numbers, which rise with time.
func oldestFirst(a, b issue) int { return a.IID - b.IID }

// carries tells whether an issue holds the marker, whole.
func (i issue) carries(marker targets.Marker) bool {
	return slices.Contains(i.Labels, string(marker)) || strings.Contains(i.Description, hidden(marker))
}

// hidden is the marker as it stands in a description: a link definition that
// no text uses is not shown. In an HTML comment GitLab's search would not see it.
func hidden(marker targets.Marker) string { return "[//]: # (" + string(marker) + ")" }

// Create implements targets.Driver.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	body, err := d.body(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	var made issue
	if err := d.write(ctx, op, http.MethodPost, p.path("/issues"), body, &made); err != nil {
		if !fault.KindOf(err).Transient() {
			d.planner.forget() // what it knew may be why
		}
		return targets.Issue{}, err
	}
	if made.IID == 0 {
		return targets.Issue{}, targets.Unreadable(op, fmt.Errorf("no issue in the answer"))
	}
	return d.portable(made), nil
}

func (d *driver) body(p *plan, draft targets.Draft) (newIssue, error) {
	body := newIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, IssueType: d.cfg.issueType,
		Confidential: d.cfg.confidential, EpicID: p.epicID, Labels: append(labels(draft.Labels), string(draft.Marker))}
	return body, body.fill(draft)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return d.describe(draft), targets.FormatMarkdown
}

// describe writes the description and, below it, the marker.
func (d *driver) describe(draft targets.Draft) string {
	if draft.Marker == "" {
		return draft.Render(maxDescription, size, render)
	}
	tail := "\n\n" + hidden(draft.Marker)
	return draft.Render(maxDescription-len(tail), size, render) + tail
}

func size(s string) int { return len(s) }

func render(doc richtext.Doc) string { return doc.Markdown(richtext.GitLabMarkdown()) }

// labels are names that GitLab takes: it drops one with a comma.
func labels(names []string) []string {
	out := make([]string, 0, len(names)+1)
	for _, l := range names {
		if l = strings.Join(strings.Fields(strings.ReplaceAll(l, ",", " ")), " "); l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Update implements targets.Updater. Labels that people added stay.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	body := changeIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, AddLabels: labels(draft.Labels)}
	if draft.Marker != "" {
		body.AddLabels = append(body.AddLabels, string(draft.Marker))
	}
	if err := body.fill(draft); err != nil {
		return targets.Issue{}, err
	}
	var now issue
	if err := d.change(ctx, "update issue", http.MethodPut, id, "", body, &now); err != nil {
		return targets.Issue{}, err
	}
	return d.portable(now), nil
}

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	if !isNumber(id) {
		return targets.Issue{}, missing(id)
	}
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	var found issue
	err = d.get(ctx, "read issue", p.path("/issues/"+id), &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return targets.Issue{}, missing(id)
	case err != nil:
		return targets.Issue{}, err
	case found.IID == 0:
		return targets.Issue{}, notGitLab("read issue", fmt.Errorf("no issue in the answer"))
	}
	return d.portable(found), nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.project)+ref.After("issues", "work_items"))
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, text string) error {
	return d.change(ctx, "comment on issue", http.MethodPost, id, "/notes", newNote{Body: render(targets.PlainText(text))}, nil)
}

// Close implements targets.Closer. GitLab takes it for a closed one as well.
func (d *driver) Close(ctx context.Context, id string) error {
	return d.change(ctx, "close issue", http.MethodPut, id, "", changeIssue{StateEvent: "close"}, nil)
}

// change writes to an issue, or to a part of it.
func (d *driver) change(ctx context.Context, op, method, id, part string, body, out any) error {
	if !isNumber(id) {
		return missing(id)
	}
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	err = d.write(ctx, op, method, p.path("/issues/"+id+part), body, out)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return missing(id)
	}
	return err
}

func missing(id string) *fault.Error {
	return targets.Missing("read issue", name, "issue #"+targets.Title(id, 20), "the token's account")
}

// portable is an issue in everybody's words. GitLab's own are "opened" and
// "closed"; its pages say Open and Closed.
func (d *driver) portable(i issue) targets.Issue {
	id := strconv.Itoa(i.IID)
	out := targets.Issue{ID: id, Key: "#" + id, URL: i.WebURL, Title: i.Title, Status: "Open"}
	if i.State == "closed" {
		out.Status, out.Progress = "Closed", targets.Done
	}
	if i.MovedTo != nil {
		out.Status = "Moved"
	}
	return out
}

func isNumber(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && n > 0 && strconv.Itoa(n) == id
}
