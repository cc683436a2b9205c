package linear

import "context"

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
