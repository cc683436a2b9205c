package asana

import (
	"context"
	"net/url"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return err
	}
	// The permission to read tasks is one of its own.
	if _, _, err := list[task](ctx, d.client, "list tasks", "/tasks", url.Values{"project": {d.cfg.project}}, 1, 1); err != nil {
		return err
	}
	if d.cfg.parent != "" {
		if _, err := d.task(ctx, d.cfg.parent); err != nil {
			if kind := fault.KindOf(err); kind == fault.NotFound || kind == fault.Gone {
				return wire.Invalid("read parent", "Asana does not have the parent task %s, or does not show it to the token's account. Ask your admin to correct settings.parent.", d.cfg.parent)
			}
			return err
		}
	}
	_, _, err = d.findTags(ctx, res, []string{"check"})
	return err
}
