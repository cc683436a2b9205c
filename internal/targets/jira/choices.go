package jira

import (
	"context"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// Choices implements targets.Chooser for the project and what is in it.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	switch setting {
	case setProject:
		return d.projects(ctx)
	case setIssueType:
		in, err := d.project(ctx)
		if err != nil {
			return nil, err
		}
		types, err := d.issueTypes(ctx, in)
		var out []targets.Choice
		for _, t := range types {
			out = append(out, targets.Choice{Value: t.Name})
		}
		return out, err
	case setPriority, setComponents: // named like their fields
		res, err := d.resolved.Get(ctx)
		if err != nil {
			return nil, err
		}
		var out []targets.Choice
		for _, o := range options(res.fields[setting].Allowed) {
			out = append(out, targets.Choice{Value: o.Name})
		}
		return out, nil
	default:
		return nil, nil
	}
}

// projects lists those in which the account may create issues; Data Center
// lists those that it sees.
func (d *driver) projects(ctx context.Context) ([]targets.Choice, error) {
	const op = "list projects"
	var all []project
	var err error
	if d.cfg.cloud {
		all, err = readPages[project](ctx, d.client, op, "/project/search?action=create", 100)
	} else {
		err = d.get(ctx, op, "/project", wire.List(&all, manyItems))
	}
	var out []targets.Choice
	for _, p := range all {
		out = append(out, targets.Choice{Value: p.Key, Title: p.Name})
	}
	return out, err
}
