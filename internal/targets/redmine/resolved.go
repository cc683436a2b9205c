package redmine

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// resolved is what the settings' names mean in this Redmine.
type resolved struct {
	projectID int
	public    bool // whoever may read this Redmine may read the project
	trackerID int
	markerID  int
	linkID    int // 0: no such field
	// description is the longest description, in bytes.
	description int
	priorityID  int // 0: Redmine's default
	categories  []ref
	ofProject   []ref           // the custom fields that the project chose itself
	core        map[string]bool // the tracker's native fields; nil: not known
	closed      map[int]bool    // by status
	first       map[int]int     // tracker -> the status its issues start with
}

// resolveSettings looks everything up and checks that it is enough to create issues.
func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	res := &resolved{closed: map[int]bool{}, first: map[int]int{}}
	project, err := d.project(ctx)
	if err != nil {
		return nil, err
	}
	res.public = project.Project.Public
	res.projectID, res.categories, res.ofProject = project.Project.ID, project.Project.Categories, project.Project.Fields
	res.description = maxOldDescription
	if project.Project.Activities != nil {
		res.description = maxDescription
	}
	if err := d.tracker(ctx, res, project.Project.Trackers); err != nil {
		return nil, err
	}
	var statuses statusesReply
	if err := d.get(ctx, "read statuses", "/issue_statuses.json", wire.List(&statuses, maxPage)); err != nil {
		return nil, err
	}
	for _, s := range statuses.Statuses {
		res.closed[s.ID] = s.IsClosed
	}
	if err := d.priority(ctx, res); err != nil {
		return nil, err
	}
	if err := d.fields(ctx, res); err != nil {
		return nil, err
	}
	return res, nil
}

func (d *driver) project(ctx context.Context) (projectReply, error) {
	const op = "read project"
	var project projectReply
	err := d.get(ctx, op, "/projects/"+url.PathEscape(d.cfg.project)+".json?include=trackers,issue_categories,issue_custom_fields,enabled_modules,time_entry_activities", wire.List(&project, manyItems))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Redmine has no project %q. Ask your admin to correct settings.project (the identifier in the address of the project's page).", d.cfg.project)
		return project, &e
	case err != nil:
		return project, err
	case project.Project.Status == projectClosed:
		return project, wire.Invalid(op, "The Redmine project %q is closed. Ask a Redmine admin to reopen it, or your admin to name another in settings.project.", d.cfg.project)
	}
	return project, nil
}

// tracker finds the tracker among those of the project: a number that is not
// one of them would silently become the project's first.
func (d *driver) tracker(ctx context.Context, res *resolved, offered []ref) error {
	const op = "find tracker"
	if len(offered) == 0 {
		return d.noIssues(op)
	}
	res.trackerID = offered[0].ID
	if d.cfg.tracker != "" {
		found, ok := pick(offered, d.cfg.tracker)
		if !ok {
			return wire.Invalid(op, "The Redmine project %q has no tracker %q, only %s. Ask your admin to correct settings.tracker.", d.cfg.project, d.cfg.tracker, names(offered))
		}
		res.trackerID = found.ID
	}
	var all trackersReply
	if err := d.get(ctx, "read trackers", "/trackers.json", wire.List(&all, maxPage)); err != nil {
		return err
	}
	for _, t := range all.Trackers {
		res.first[t.ID] = t.Default.ID
		if t.ID == res.trackerID && t.Core != nil {
			res.core = map[string]bool{}
			for _, f := range t.Core {
				res.core[f] = true
			}
		}
	}
	return nil
}

func (d *driver) priority(ctx context.Context, res *resolved) error {
	if d.cfg.priority == "" {
		return nil
	}
	all, err := d.priorities(ctx)
	if err != nil {
		return err
	}
	found, ok := pick(all, d.cfg.priority)
	if !ok {
		return wire.Invalid("find priority", "Redmine has no priority %q, only %s. Ask your admin to correct settings.priority.", d.cfg.priority, names(all))
	}
	res.priorityID = found.ID
	return nil
}

func (c client) priorities(ctx context.Context) ([]ref, error) {
	var all prioritiesReply
	err := c.get(ctx, "read priorities", "/enumerations/issue_priorities.json", wire.List(&all, maxPage))
	return all.active(), err
}

// fields finds the two custom fields. A number in the settings needs no list.
func (d *driver) fields(ctx context.Context, res *resolved) error {
	res.markerID, res.linkID = number(d.cfg.markerField), number(d.cfg.linkField)
	if res.markerID > 0 && res.linkID > 0 {
		return nil
	}
	all, whole, err := d.customFields(ctx, res)
	if err != nil {
		return err
	}
	var visible []ref
	for _, f := range all {
		if !f.Multiple {
			visible = append(visible, f.ref)
		}
	}
	if res.markerID == 0 {
		found, ok := pick(visible, d.cfg.markerField)
		if !ok {
			return d.noMarkerField(whole)
		}
		res.markerID = found.ID
	}
	if res.linkID == 0 {
		linkField := d.cfg.linkField
		if linkField == "" {
			linkField = defaultLinkField
		}
		found, ok := pick(visible, linkField)
		if !ok && d.cfg.linkField != "" {
			return wire.Invalid("find link field", "Redmine shows no custom field %q for these issues. Ask your admin to correct settings.linkField (a field's number always works), or to leave it out.", linkField)
		}
		res.linkID = found.ID
	}
	return nil
}

func (d *driver) noMarkerField(whole bool) *fault.Error {
	const op = "find marker field"
	if whole {
		return wire.Invalid(op, "Redmine has no issue field %q for this tracker. A Redmine admin makes it in Administration > Custom fields > New > Issues: format Text, Used as a filter, For all projects, all trackers.", d.cfg.markerField)
	}
	return wire.Invalid(op, "Redmine shows this account no field %q. If it exists, ask your admin to put its number (in its address in Administration > Custom fields) into settings.markerField; else to make it: Issues, Text, Used as a filter.", d.cfg.markerField)
}

// pick finds a thing by its number or its name.
func pick(all []ref, name string) (ref, bool) {
	return targets.Pick(all, name, func(r ref) []string { return []string{strconv.Itoa(r.ID), r.Name} })
}

func names(all []ref) string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.Name
	}
	return strings.Join(out, ", ")
}

// resolve returns what the settings mean. A REST API that was switched off shows here
// first in a process that has just started.
func (d *driver) resolve(ctx context.Context) (*resolved, error) {
	res, err := d.resolved.Get(ctx)
	return res, d.explainDenied(ctx, err)
}
