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
	"errors"
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
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
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
	return targets.Traits{Name: name, Limits: targets.Limits{Title: maxTitle, Description: maxDescription}, Titles: richtext.GitLabMarkdown(),
		Lookup: targets.LookupSearch, Consistency: lag, Place: "project " + d.cfg.project}
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
	if err := d.proveRole(ctx, p.place, me); err != nil {
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
	if err := d.get(ctx, "list issues", p.path("/issues?"+q.Encode()), wire.Answer{Into: &reply, Bound: outbound.Items(maxFound).WithTexts(1, maxDescription)}); err != nil {
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
	if err := d.write(ctx, op, http.MethodPost, p.path("/issues"), body, one(&made)); err != nil {
		return targets.Issue{}, tooLong(d.notCreated(ctx, p, err), draft.Marker)
	}
	if made.IID == 0 {
		return targets.Issue{}, wire.Unreadable(op, fmt.Errorf("no issue in the answer"))
	}
	return d.portable(made), nil
}

// tooLong reads the limit of descriptions off a refusal that names it.
func tooLong(err error, marker targets.Marker) error {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	for _, s := range refused.said {
		if strings.HasPrefix(s, "description ") && text.SaysTooLong(s) {
			return targets.TooLong(err, "", max(text.StatedLimit(s, text.MinStated)-len("\n\n"+hidden(marker)), 0), s)
		}
	}
	return err
}

// notCreated looks for what a refusal leaves open. What the plan knew may be
// why, so it is looked up again.
func (d *driver) notCreated(ctx context.Context, p *plan, err error) error {
	if fault.KindOf(err).Transient() {
		return err
	}
	d.planner.forget()
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.status == http.StatusNotFound: // the project or the epic went away
		return targets.Stale(err)
	case refused.status == http.StatusUnprocessableEntity && p.epicID != 0:
		// GitLab saves an issue before it adds it to the epic.
		e := *fault.From(err)
		e.Unsure = true
		return &e
	}
	return d.explainForbidden(ctx, err)
}

// explainForbidden names the reason for a 403 that gives none, where the
// project shows one.
func (d *driver) explainForbidden(ctx context.Context, err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) || refused.status != http.StatusForbidden || refused.reason() != "" {
		return err
	}
	p, why := d.planner.places.Renew(ctx, d.planner.findPlace)
	if why == nil {
		why = d.planner.closed(p)
	}
	if why == nil || fault.KindOf(why).Transient() {
		return err
	}
	return wire.Sure(why)
}

func (d *driver) body(p *plan, draft targets.Draft) (newIssue, error) {
	body := newIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, IssueType: d.cfg.issueType,
		Confidential: d.cfg.confidential, EpicID: p.epicID, Labels: append(labels(draft.Labels), string(draft.Marker))}
	return body, body.fill(draft)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return d.describe(draft), text.FormatMarkdown
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
