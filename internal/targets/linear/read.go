package linear

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Read implements targets.Reader.
func (d *driver) Read(ctx context.Context, id string) (targets.Issue, error) {
	const op = targets.OpRead
	if !isUUID(id) {
		return targets.Issue{}, unknownID(op, id)
	}
	found, err := d.lookUp(ctx, id)
	if err == nil && found == nil {
		err = noIssue(op, true)
	}
	if err != nil {
		return targets.Issue{}, d.explain(ctx, op, err)
	}
	return toIssue(*found), nil
}

// ReadManyLimit implements targets.ManyReader.
func (d *driver) ReadManyLimit() int { return maxMany }

// ReadMany implements targets.ManyReader. Linear leaves an issue that it does
// not show out of the list.
func (d *driver) ReadMany(ctx context.Context, ids []string) ([]targets.Issue, error) {
	const op = "list issues"
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !isUUID(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	var reply struct{ Issues nodes[issue] }
	if err := d.query(ctx, op, readIssues, vars{"filter": oneOf(ids)}, &reply); err != nil {
		return nil, err
	}
	if reply.Issues.Nodes == nil {
		return nil, notLinear(op, errors.New("no list in the answer"))
	}
	var out []targets.Issue
	for _, i := range reply.Issues.Nodes {
		out = append(out, toIssue(i))
	}
	return out, nil
}

// Resolve implements targets.Resolver. Linear takes an identifier ("ENG-12")
// for an id.
func (d *driver) Resolve(ctx context.Context, ref *targets.Reference) (targets.Issue, error) {
	const op = targets.OpRead
	identifier := strings.ToUpper(ref.Key() + ref.After("issue"))
	team, number, ok := strings.Cut(identifier, "-")
	if !ok || len(identifier) > maxIdentifier || team == "" || number == "" || strings.Trim(number, "0123456789") != "" {
		return targets.Issue{}, unknownID(op, identifier)
	}
	var reply struct{ Issue *issue }
	err := d.query(ctx, op, readIssue, vars{"id": identifier}, &reply)
	switch {
	case absent(err, entityIssue):
		return targets.Issue{}, noIssue(op, true)
	case err != nil:
		return targets.Issue{}, err
	case reply.Issue == nil || !isUUID(reply.Issue.ID):
		return targets.Issue{}, notLinear(op, errors.New("no issue in the answer"))
	}
	found := toIssue(*reply.Issue)
	if found.Verdict == targets.VerdictTrashed {
		return targets.Issue{}, trashed(op, found)
	}
	return found, nil
}

// toIssue converts an issue to the shared form. It was moved if Linear names
// earlier identifiers: they come with another team.
func toIssue(i issue) targets.Issue {
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

func unknownID(op, id string) error {
	return wire.UnknownID(op, name, "an issue "+text.Title(id, maxIdentifier))
}
