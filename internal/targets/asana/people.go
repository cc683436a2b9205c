package asana

import (
	"context"
	"strings"

	"pushbutton/internal/fault"
)

// FindPerson implements targets.People. Asana knows users by their address;
// one outside the workspace cannot be given its tasks.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return "", err
	}
	if !strings.Contains(email, "@") || strings.ContainsAny(email, "/?#") {
		return "", nil
	}
	var found user
	err = d.get(ctx, "find user", "/users/"+escape(email), asking("workspaces"), &found)
	switch {
	case err != nil && (fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Forbidden || fault.KindOf(err) == fault.Invalid):
		return "", nil
	case err != nil:
		return "", err
	}
	for _, w := range found.Workspaces {
		if w.GID == res.workspace {
			return found.GID, nil
		}
	}
	return "", nil
}
