package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// maxMoves bounds how often an issue is followed to another project.
const maxMoves = 5

// location is where a known issue is now.
type location struct {
	issue     issue
	projectID int
	// moved is set for an issue that left the settings' project. One that
	// went where the account does not see it is out of reach: issue is then the
	// last stub, whose address leads people on.
	moved, outOfReach bool
}

// locate reads an issue by its number in the settings' project, and follows it
// to where people moved it.
func (d *driver) locate(ctx context.Context, op, id string) (location, error) {
	if !isNumber(id) {
		return location{}, wire.UnknownID(op, name, issueName(id))
	}
	p, err := d.planner.place(ctx)
	if err != nil {
		return location{}, err
	}
	at := location{projectID: p.projectID}
	if err := d.readIssue(ctx, op, p.projectID, id, &at.issue); err != nil {
		return location{}, d.explain(ctx, op, id, p, err)
	}
	for range maxMoves {
		if at.issue.MovedTo == nil {
			return at, nil
		}
		at.moved = true
		if at.outOfReach, err = d.follow(ctx, op, &at); err != nil || at.outOfReach {
			return at, err
		}
	}
	at.outOfReach = true
	return at, nil
}

func (d *driver) readIssue(ctx context.Context, op string, project int, id string, out *issue) error {
	err := d.get(ctx, op, projectPath(project, "/issues/"+id), one(out))
	if err == nil && out.IID == 0 {
		err = notGitLab(op, errors.New("no issue in the answer"))
	}
	return err
}

// follow goes to the issue that a stub was moved to. The stub has only its
// number over all projects, which the REST API takes from administrators alone;
// GraphQL takes it from everybody who may see the issue.
func (d *driver) follow(ctx context.Context, op string, at *location) (outOfReach bool, err error) {
	id := *at.issue.MovedTo
	var reply movedReply
	err = d.ask(ctx, op, movedIssue, map[string]string{"id": "gid://gitlab/Issue/" + strconv.Itoa(id)}, &reply)
	found := reply.Data.Issue
	switch {
	case err != nil && fault.KindOf(err) != fault.Unauthorized && !fault.KindOf(err).Transient():
		return true, nil // a GitLab, or a token, without GraphQL
	case err != nil:
		return false, err
	case found == nil || !isNumber(found.IID) || found.ProjectID <= 0:
		return true, nil
	}
	var next issue
	err = d.readIssue(ctx, op, found.ProjectID, found.IID, &next)
	switch {
	case err != nil && (fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Forbidden):
		return true, nil
	case err != nil:
		return false, err
	case next.ID != id:
		return false, notGitLab(op, errors.New("another issue than the one that was asked for"))
	}
	at.issue, at.projectID = next, found.ProjectID
	return false, nil
}

// explain looks closer at an issue that GitLab does not return. GitLab says the
// same of a deleted issue and of one that it keeps from the account.
func (d *driver) explain(ctx context.Context, op, id string, p *place, err error) error {
	var refused *refusedError
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: "the token's account",
		Said:  errors.As(err, &refused) && refused.noIssue(),
		Prove: func(ctx context.Context) error { return d.proveReading(ctx, id, p) },
	}.Explain(ctx, err)
}

// proveReading proves that the account sees every issue of the project, those
// that are confidential included: an administrator's token counts only as a
// member's, since its sight may be switched off.
func (d *driver) proveReading(ctx context.Context, id string, known *place) error {
	const op = "read project"
	p, err := d.planner.readPlace(ctx, strconv.Itoa(known.projectID))
	switch {
	case err != nil:
		return err
	case p.projectID != known.projectID:
		return notGitLab(op, errors.New("another project than the one that was asked for"))
	case p.issuesOff:
		return d.planner.noIssues(op)
	case p.level >= rolePlanner:
		return nil
	}
	me, err := d.whoAmI(ctx)
	if err != nil {
		return err
	}
	able, err := d.hasRole(ctx, op, p, me)
	if err != nil || able {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden, Public: fmt.Sprintf(
		"GitLab does not show %s to the token's account: it was deleted, or is confidential. Ask a GitLab admin to give the account the role Reporter (or Planner) in project %q.",
		issueName(id), text.Title(d.cfg.project, 60))}
}

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	at, err := d.locate(ctx, targets.OpRead, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.show(id, at), nil
}

// show is a located issue under the number that it is known by.
func (d *driver) show(id string, at location) targets.Issue {
	out := d.portable(at.issue)
	out.ID = id
	if at.moved {
		out.Verdict = targets.VerdictMoved
		if full := at.issue.References.Full; !at.outOfReach && full != "" {
			out.Key = full
		}
	}
	return out
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.project)+ref.After("issues", "work_items"))
}

// Update implements targets.Updater. Labels that people added stay. A milestone
// and a member of the settings' project are none of another project.
func (d *driver) Update(ctx context.Context, id string, draft targets.Draft) (targets.Issue, error) {
	body := changeIssue{issueBody: issueBody{Title: draft.Title, Description: d.describe(draft)}, AddLabels: labels(draft.Labels)}
	if draft.Marker != "" {
		body.AddLabels = append(body.AddLabels, string(draft.Marker))
	}
	if err := body.fill(draft); err != nil {
		return targets.Issue{}, err
	}
	var now issue
	at, err := d.change(ctx, targets.OpUpdate, http.MethodPut, id, "", func(at location) any {
		if at.moved {
			body.MilestoneID, body.AssigneeIDs = 0, nil
		}
		return body
	}, one(&now))
	if err != nil {
		return targets.Issue{}, err
	}
	at.issue = now
	return d.show(id, at), nil
}

// Comment implements targets.Commenter.
func (d *driver) Comment(ctx context.Context, id, remark string) error {
	_, err := d.change(ctx, targets.OpComment, http.MethodPost, id, "/notes", always(newNote{Body: render(text.PlainText(remark))}), nil)
	return err
}

// Close implements targets.Closer. GitLab takes it for a closed one as well.
func (d *driver) Close(ctx context.Context, id string) error {
	_, err := d.change(ctx, targets.OpClose, http.MethodPut, id, "", always(changeIssue{StateEvent: "close"}), nil)
	return err
}

func always(body any) func(location) any { return func(location) any { return body } }

// change writes to an issue, or to a part of it, wherever the issue is now.
// GitLab would also change the stub that a move leaves, so it is read first.
func (d *driver) change(ctx context.Context, op, method, id, part string, body func(location) any, out any) (location, error) {
	at, err := d.locate(ctx, op, id)
	if err != nil {
		return at, wire.Sure(err)
	}
	if at.outOfReach {
		return at, movedAway(op, id, nil)
	}
	err = d.write(ctx, op, method, projectPath(at.projectID, "/issues/"+strconv.Itoa(at.issue.IID)+part), body(at), out)
	switch {
	case err != nil && at.moved && fault.KindOf(err) == fault.NotFound:
		return at, movedAway(op, id, err)
	case err != nil && !at.moved:
		err = d.explain(ctx, op, id, &place{projectID: at.projectID}, d.explainForbidden(ctx, err))
	}
	return at, err
}

// movedAway is the error for an issue that people moved to a project that the
// account does not see.
func movedAway(op, id string, cause error) error {
	return &fault.Error{Op: op, Kind: fault.Forbidden, Err: cause,
		Public: "GitLab moved " + issueName(id) + " to a project that it does not show to the token's account. Ask a GitLab admin to make the account a member there, or unlink and push again for a new issue."}
}

func issueName(id string) string { return "issue #" + text.Title(id, 20) }

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
