package linear

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/google/uuid"

	"pushbutton/internal/targets"
)

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

// Find implements targets.Driver. Archived issues are found too, and trashed
// ones until Linear deletes them for good.
func (d *driver) Find(ctx context.Context, marker targets.Marker) (*targets.Issue, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	found, err := d.lookUp(ctx, IssueID(res.team.ID, marker))
	if err != nil {
		return nil, err
	}
	if found == nil {
		// An account that was put out of a private team sees nothing there.
		return nil, d.checkTeam(ctx, res.team.ID)
	}
	out := toIssue(*found)
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
