// Package linear pushes to a Linear team through its GraphQL API.
//
// Linear takes an issue's id from whoever creates it, if it is a UUID of
// version 4. Ours is made of the marker and the team, so the marker is the
// id: a look-up is a read by id, and Linear itself refuses a second issue.
//
// What must not live here: anything that holds for other trackers as well.
package linear

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	name = "Linear"
	// Linear publishes no limits. These are what it was not seen to refuse: a
	// title that other trackers take too, and a description (in characters)
	// that keeps a request far below a megabyte.
	maxTitle       = 255
	maxDescription = 100_000
	// maxIdentifier bounds what people call an issue by.
	maxIdentifier = 40
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
	return targets.Traits{Name: name, Limits: targets.Limits{Title: maxTitle, Description: maxDescription}, Lookup: targets.LookupExact, Exclusive: true, Place: "team " + d.cfg.team}
}

// IssueID is the marker as the id of an issue in a team (of its UUID): a UUID
// that has the form of version 4, as Linear asks for, but is made of the
// SHA-256 of team and marker. It must never change: issues all over the world
// have ids made with it. The team belongs to it because ids are Linear's own,
// over all workspaces: an integration that is given another team must not
// collide with itself.
func IssueID(team string, marker targets.Marker) string {
	sum := sha256.Sum256([]byte("pushbutton linear issue\x00" + team + "\x00" + string(marker)))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // RFC 9562's variant
	return id.String()
}

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.planner.forget()
	p, err := d.planner.get(ctx)
	if err != nil {
		return err
	}
	_, err = d.lookUp(ctx, IssueID(p.team.ID, "check"))
	return err
}

// Find implements targets.Driver. Archived issues are found too, and trashed
// ones until Linear deletes them for good.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.lookUp(ctx, IssueID(p.team.ID, marker))
	if err != nil {
		return nil, err
	}
	if found == nil {
		// An account that was put out of a private team sees nothing there.
		return nil, d.planner.proveTeam(ctx, p.team.ID)
	}
	out := portable(*found)
	return &out, nil
}

// lookUp reads an issue; nil: there is none, or none that the account sees.
func (d *driver) lookUp(ctx context.Context, id string) (*issue, error) {
	const op = "look issue up"
	var reply struct{ Issue *issue }
	err := d.query(ctx, op, readIssue, vars{"id": id}, &reply)
	switch {
	case absent(err, entityIssue):
		return nil, nil
	case err != nil:
		return nil, err
	case reply.Issue == nil || reply.Issue.ID != id:
		return nil, notLinear(op, errors.New("no issue in the answer"))
	}
	return reply.Issue, nil
}

// Create implements targets.Driver. One request holds the issue and the link
// to Productboard: Linear carries out the fields of a mutation in their order.
func (d *driver) Create(ctx context.Context, draft targets.Draft) (targets.Issue, error) {
	const op = "create issue"
	p, err := d.planner.get(ctx)
	if err != nil {
		return targets.Issue{}, err
	}
	input, err := d.body(p, draft)
	if err != nil {
		return targets.Issue{}, err
	}
	input.ID, input.TeamID = IssueID(p.team.ID, draft.Marker), p.team.ID
	document, in := createIssue, vars{"input": input}
	if draft.Link != "" {
		document = createLinkedIssue
		in["link"] = newLink{IssueID: input.ID, Title: "Productboard", Subtitle: draft.Title, URL: draft.Link}
	}
	var reply struct{ IssueCreate payload }
	err = d.mutate(ctx, op, document, in, &reply)
	made := reply.IssueCreate.Issue
	if err == nil && (made == nil || made.ID != input.ID) {
		err = wire.Unreadable(op, errors.New("no issue in the answer"))
	}
	if err != nil {
		return d.decide(ctx, p, input.ID, draft.Labels, err)
	}
	return portable(*made), nil
}

// decide says what a create that Linear answered with an error has come to. It
// may have been refused because an earlier one was carried out, and an error
// of the link takes the whole answer with it: the issue's id tells.
func (d *driver) decide(ctx context.Context, p *plan, id string, labels []string, err error) (targets.Issue, error) {
	e := *fault.From(err)
	var refused *refusedError
	if !errors.As(err, &refused) || e.Kind == fault.Unauthorized || e.Kind == fault.RateLimited {
		return targets.Issue{}, err
	}
	found, why := d.lookUp(ctx, id)
	if why != nil {
		d.planner.forget()
		e.Unsure = true // nobody knows yet
		return targets.Issue{}, &e
	}
	if found != nil {
		return portable(*found), nil
	}
	return targets.Issue{}, d.remediable(ctx, p, labels, err)
}

// remediable marks a refusal that names something which the plan remembers.
// Labels that are still listed are refused for another reason.
func (d *driver) remediable(ctx context.Context, p *plan, labels []string, err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	d.planner.forget() // what it knew may be why
	if refused.labels() {
		now, why := d.planner.get(ctx)
		if why == nil && p.sameLabels(now, labels) {
			return targets.LabelsRefused(err)
		}
		return targets.Stale(err)
	}
	if refused.absent("") {
		return targets.Stale(err)
	}
	return err
}

// body is the part of an issue that creates and updates share.
func (d *driver) body(p *plan, draft targets.Draft) (issueInput, error) {
	known, unknown := p.labelIDs(draft.Labels)
	if len(unknown) > 0 {
		draft.Description = draft.Description.Append(richtext.Paragraph(richtext.Text("Labels not set in Linear: " + strings.Join(unknown, ", "))))
	}
	in := issueInput{Title: draft.Title, Description: describe(draft), LabelIDs: known, AssigneeID: draft.Assignee,
		StateID: p.stateID, ProjectID: p.projectID, ParentID: p.parentID, Priority: d.cfg.priority}
	return in, in.fill(draft.Fields)
}

// Render implements targets.Renderer.
func (d *driver) Render(draft targets.Draft) (body, format string) {
	return describe(draft), text.FormatMarkdown
}

func describe(draft targets.Draft) string { return draft.Render(maxDescription, nil, render) }

func render(doc richtext.Doc) string { return doc.Markdown(richtext.LinearMarkdown()) }

// portable is an issue in everybody's words. It was moved if Linear names
// earlier identifiers: they come with another team.
func portable(i issue) targets.Issue {
	out := targets.Issue{ID: i.ID, Key: i.Identifier, URL: i.URL, Title: i.Title, Status: i.State.Name, Progress: progress(i.State.Type),
		Color: text.NearestColor(i.State.Color)}
	switch {
	case i.Trashed:
		out.Status, out.Progress, out.Color, out.Verdict = "Deleted", targets.Done, "", targets.VerdictTrashed
	case i.putAway():
		out.Status, out.Progress, out.Color, out.Verdict = "Archived", targets.Done, "", targets.VerdictTrashed
	case len(i.Previous) > 0:
		out.Verdict = targets.VerdictMoved
	}
	return out
}

// putAway reports whether people archived an issue that was not finished.
// Linear itself archives what has been finished for a while.
func (i issue) putAway() bool {
	return i.ArchivedAt != "" && i.AutoArchivedAt == "" && progress(i.State.Type) != targets.Done
}

// progress reads the type of a state, which Linear does not let people change.
func progress(typ string) targets.Progress {
	switch typ {
	case "started":
		return targets.Started
	case "completed", "canceled", "duplicate":
		return targets.Done
	default: // triage, backlog, unstarted
		return targets.Open
	}
}

func isUUID(id string) bool {
	_, err := uuid.Parse(id)
	return err == nil && len(id) == len("00000000-0000-0000-0000-000000000000")
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
