package linear

import "context"

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return err
	}
	_, err = d.lookUp(ctx, IssueID(res.team.ID, "check"))
	return err
}
