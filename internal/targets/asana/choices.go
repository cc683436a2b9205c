package asana

import (
	"context"
	"net/url"

	"pushbutton/internal/targets"
)

// Choices implements targets.Chooser.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	const op = "list choices"
	var all []named
	var err error
	switch setting {
	case setProject:
		var workspaces []named
		if workspaces, _, err = list[named](ctx, d.client, op, "/workspaces", nil, 1, pageSize); err != nil {
			return nil, err
		}
		for _, w := range workspaces {
			projects, _, err := list[named](ctx, d.client, op, "/projects", url.Values{"workspace": {w.GID}, "archived": {"false"}}, maxPages, pageSize)
			if err != nil {
				return nil, err
			}
			all = append(all, projects...)
		}
	case setSection:
		if all, _, err = list[named](ctx, d.client, op, "/projects/"+d.cfg.project+"/sections", nil, maxPages, pageSize); err != nil {
			return nil, err
		}
	case setStatusField:
		fields, err := d.customFields(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if f.Type == "enum" {
				all = append(all, f.named)
			}
		}
	}
	var out []targets.Choice
	for _, n := range all {
		out = append(out, targets.Choice{Value: n.GID, Title: n.Name})
	}
	return out, nil
}
