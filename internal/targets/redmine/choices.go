package redmine

import (
	"context"
	"fmt"
	"slices"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

const (
	// maxPage is the most that Redmine lists at once.
	maxPage = 100
	// maxProjects bounds the list of projects to choose from.
	maxProjects = 1000
)

// Choices implements targets.Chooser for the project, its trackers and the
// priorities.
func (d *driver) Choices(ctx context.Context, setting string) ([]targets.Choice, error) {
	var all []ref
	switch setting {
	case setProject:
		return d.projects(ctx)
	case setTracker:
		project, err := d.project(ctx)
		if err != nil {
			return nil, err
		}
		all = project.Project.Trackers
	case setPriority:
		var err error
		if all, err = d.priorities(ctx); err != nil {
			return nil, err
		}
	}
	var out []targets.Choice
	for _, r := range all {
		out = append(out, targets.Choice{Value: r.Name})
	}
	return out, nil
}

// projects lists those that the account sees, are open and have issues.
func (d *driver) projects(ctx context.Context) ([]targets.Choice, error) {
	var out []targets.Choice
	for offset := 0; offset < maxProjects; {
		var page projectsReply
		path := fmt.Sprintf("/projects.json?include=enabled_modules&limit=%d&offset=%d", maxPage, offset)
		if err := d.get(ctx, "list projects", path, wire.List(&page, maxPage)); err != nil {
			return nil, err
		}
		for _, p := range page.Projects {
			if p.Status != projectClosed && slices.ContainsFunc(p.Modules, func(m ref) bool { return m.Name == "issue_tracking" }) {
				out = append(out, targets.Choice{Value: p.Identifier, Title: p.Name})
			}
		}
		offset += len(page.Projects)
		if offset >= page.Total || len(page.Projects) == 0 {
			break
		}
	}
	return out, nil
}
