package azuredevops

import (
	"context"

	"pushbutton/internal/targets"
)

// FindPerson implements targets.People: whoever a new item can be assigned to
// under this address. There is no look-up for that which a token for work
// items alone may use, so an assignment is rehearsed.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return "", err
	}
	err = d.rehearse(ctx, res, targets.Draft{Assignee: email})
	switch {
	case err == nil:
		return email, nil
	case concerns(err, fieldAssignedTo):
		return "", nil
	case len(rulesOf(err)) > 0: // other fields want something, this one does not
		return email, nil
	default:
		return "", err
	}
}
