package shortcut

import (
	"context"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	if _, err := d.resolved.Get(ctx); err != nil {
		return err
	}
	if d.cfg.epic > 0 {
		var found epic
		switch err := d.get(ctx, "read epic", "/epics/"+strconv.Itoa(d.cfg.epic), whole(&found)); {
		case err != nil && fault.KindOf(err) == fault.NotFound, err == nil && found.Archived:
			return wire.Invalid("read epic", "Shortcut has no epic %d, or it is archived. Ask your admin to correct settings.epic.", d.cfg.epic)
		case err != nil:
			return err
		}
	}
	if d.cfg.iteration > 0 {
		var found epic
		switch err := d.get(ctx, "read iteration", "/iterations/"+strconv.Itoa(d.cfg.iteration), whole(&found)); {
		case err != nil && fault.KindOf(err) == fault.NotFound:
			return wire.Invalid("read iteration", "Shortcut has no iteration %d. Ask your admin to correct settings.iteration.", d.cfg.iteration)
		case err != nil:
			return err
		}
	}
	_, err := d.searchByMarker(ctx, "pb-check")
	return err
}
