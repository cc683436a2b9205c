package gitlab

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	at, err := d.locate(ctx, targets.OpRead, id)
	if err != nil {
		return targets.Issue{}, err
	}
	return d.show(id, at), nil
}

// maxIIDs is the most issues of one page.
const maxIIDs = 100

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxIIDs }

// ReadMany implements targets.ManyReader. It leaves out the issues that were
// moved, which Read follows, and everything where the descriptions together are
// too long for one answer.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = targets.OpReadMany
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !text.IsNumber(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	p, err := d.places.Get(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.listIssues(ctx, op, p, url.Values{"iids[]": ids}, maxIIDs)
	if oversize := (*outbound.OversizeError)(nil); errors.As(err, &oversize) && oversize.What == "bytes" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []targets.Issue
	for _, i := range found {
		if i.IID > 0 && i.MovedTo == nil {
			out = append(out, d.toIssue(i))
		}
	}
	return out, nil
}

// Resolve implements targets.Resolver.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	return d.Read(ctx, ref.Number(d.cfg.project)+ref.After("issues", "work_items"))
}

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
	if !text.IsNumber(id) {
		return location{}, wire.UnknownID(op, name, issueName(id))
	}
	p, err := d.places.Get(ctx)
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
	case found == nil || !text.IsNumber(found.IID) || found.ProjectID <= 0:
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

// show is a located issue under the number that it is known by.
func (d *driver) show(id string, at location) targets.Issue {
	out := d.toIssue(at.issue)
	out.ID = id
	if at.moved {
		out.Verdict = targets.VerdictMoved
		if full := at.issue.References.Full; !at.outOfReach && full != "" {
			out.Key = full
		}
	}
	return out
}

// toIssue converts an issue to the shared form. GitLab's own are "opened" and
// "closed"; its pages say Open and Closed.
func (d *driver) toIssue(i issue) targets.Issue {
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

func issueName(id string) string { return "issue #" + text.Title(id, 20) }
