package github

import (
	"context"
	"strconv"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// What the settings' names mean in the repository.

// milestoneNumber returns the number of the milestone that the settings name; 0:
// none is wanted.
func (d *driver) milestoneNumber(ctx context.Context) (int, error) {
	if d.cfg.milestone == "" {
		return 0, nil
	}
	return d.milestone.Get(ctx, d.findMilestone)
}

// findMilestone finds the milestone by its title or number.
func (d *driver) findMilestone(ctx context.Context) (int, error) {
	all, err := d.milestones(ctx)
	if err != nil {
		return 0, err
	}
	if m, ok := targets.Pick(all, d.cfg.milestone, func(m milestone) []string { return []string{m.Title, strconv.Itoa(m.Number)} }); ok {
		return m.Number, nil
	}
	return 0, wire.Invalid("find milestone", "The GitHub repository %s has no open milestone %q%s. Ask your admin to correct settings.milestone.", d.cfg.repository, d.cfg.milestone, text.OnlyNames(all, func(m milestone) string { return m.Title }))
}

// milestones lists the open ones, as many as one page holds.
func (d *driver) milestones(ctx context.Context) ([]milestone, error) {
	var all []milestone
	err := d.get(ctx, "list milestones", d.cfg.repo()+"/milestones?state=open&per_page=100", wire.List(&all, 100))
	return all, err
}
