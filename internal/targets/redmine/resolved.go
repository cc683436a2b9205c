package redmine

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/wire"
)

// planLife is how long what was looked up about the project is believed: an
// admin's change shows in the buttons that much later at most. A refused
// create ends it at once.
const planLife = 10 * time.Minute

// plan is what the settings' names mean in this Redmine.
type plan struct {
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

// planner keeps the plan. Two calls that miss it at the same time both look
// it up, which does no harm.
type planner struct {
	client
	mu    sync.Mutex
	known *plan
	until time.Time
}

func (p *planner) get(ctx context.Context) (*plan, error) {
	p.mu.Lock()
	known, fresh := p.known, time.Now().Before(p.until)
	p.mu.Unlock()
	if known != nil && fresh {
		return known, nil
	}
	return p.load(ctx)
}

// last returns the plan that was made last, nil if there is none.
func (p *planner) last() *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

func (p *planner) forget() {
	p.mu.Lock()
	p.known = nil
	p.mu.Unlock()
}

// load looks everything up and checks that it is enough to create issues.
func (p *planner) load(ctx context.Context) (*plan, error) {
	made := &plan{closed: map[int]bool{}, first: map[int]int{}}
	project, err := p.project(ctx)
	if err != nil {
		return nil, err
	}
	made.public = project.Project.Public
	made.projectID, made.categories, made.ofProject = project.Project.ID, project.Project.Categories, project.Project.Fields
	made.description = maxOldDescription
	if project.Project.Activities != nil {
		made.description = maxDescription
	}
	if err := p.tracker(ctx, made, project.Project.Trackers); err != nil {
		return nil, err
	}
	var statuses statusesReply
	if err := p.client.get(ctx, "read statuses", "/issue_statuses.json", wire.List(&statuses, maxPage)); err != nil {
		return nil, err
	}
	for _, s := range statuses.Statuses {
		made.closed[s.ID] = s.IsClosed
	}
	if err := p.priority(ctx, made); err != nil {
		return nil, err
	}
	if err := p.fields(ctx, made); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.known, p.until = made, time.Now().Add(planLife)
	p.mu.Unlock()
	return made, nil
}

func (p *planner) project(ctx context.Context) (projectReply, error) {
	const op = "read project"
	var project projectReply
	err := p.client.get(ctx, op, "/projects/"+url.PathEscape(p.cfg.project)+".json?include=trackers,issue_categories,issue_custom_fields,enabled_modules,time_entry_activities", wire.List(&project, manyItems))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Redmine has no project %q. Ask your admin to correct settings.project (the identifier in the address of the project's page).", p.cfg.project)
		return project, &e
	case err != nil:
		return project, err
	case project.Project.Status == projectClosed:
		return project, invalid(op, "The Redmine project %q is closed. Ask a Redmine admin to reopen it, or your admin to name another in settings.project.", p.cfg.project)
	}
	return project, nil
}

// tracker finds the tracker among those of the project: a number that is not
// one of them would silently become the project's first.
func (p *planner) tracker(ctx context.Context, made *plan, offered []ref) error {
	const op = "find tracker"
	if len(offered) == 0 {
		return p.noIssues(op)
	}
	made.trackerID = offered[0].ID
	if p.cfg.tracker != "" {
		found, ok := pick(offered, p.cfg.tracker)
		if !ok {
			return invalid(op, "The Redmine project %q has no tracker %q, only %s. Ask your admin to correct settings.tracker.", p.cfg.project, p.cfg.tracker, names(offered))
		}
		made.trackerID = found.ID
	}
	var all trackersReply
	if err := p.client.get(ctx, "read trackers", "/trackers.json", wire.List(&all, maxPage)); err != nil {
		return err
	}
	for _, t := range all.Trackers {
		made.first[t.ID] = t.Default.ID
		if t.ID == made.trackerID && t.Core != nil {
			made.core = map[string]bool{}
			for _, f := range t.Core {
				made.core[f] = true
			}
		}
	}
	return nil
}

func (p *planner) priority(ctx context.Context, made *plan) error {
	if p.cfg.priority == "" {
		return nil
	}
	all, err := p.priorities(ctx)
	if err != nil {
		return err
	}
	found, ok := pick(all, p.cfg.priority)
	if !ok {
		return invalid("find priority", "Redmine has no priority %q, only %s. Ask your admin to correct settings.priority.", p.cfg.priority, names(all))
	}
	made.priorityID = found.ID
	return nil
}

func (c client) priorities(ctx context.Context) ([]ref, error) {
	var all prioritiesReply
	err := c.get(ctx, "read priorities", "/enumerations/issue_priorities.json", wire.List(&all, maxPage))
	return all.active(), err
}

// fields finds the two custom fields. A number in the settings needs no list.
func (p *planner) fields(ctx context.Context, made *plan) error {
	made.markerID, made.linkID = number(p.cfg.markerField), number(p.cfg.linkField)
	if made.markerID > 0 && made.linkID > 0 {
		return nil
	}
	all, whole, err := p.customFields(ctx, made)
	if err != nil {
		return err
	}
	var visible []ref
	for _, f := range all {
		if !f.Multiple {
			visible = append(visible, f.ref)
		}
	}
	if made.markerID == 0 {
		found, ok := pick(visible, p.cfg.markerField)
		if !ok {
			return p.noMarkerField(whole)
		}
		made.markerID = found.ID
	}
	if made.linkID == 0 {
		wanted := p.cfg.linkField
		if wanted == "" {
			wanted = defaultLinkField
		}
		found, ok := pick(visible, wanted)
		if !ok && p.cfg.linkField != "" {
			return invalid("find link field", "Redmine shows no custom field %q for these issues. Ask your admin to correct settings.linkField (a field's number always works), or to leave it out.", wanted)
		}
		made.linkID = found.ID
	}
	return nil
}

func (p *planner) noMarkerField(whole bool) *fault.Error {
	const op = "find marker field"
	if whole {
		return invalid(op, "Redmine has no issue field %q for this tracker. A Redmine admin makes it in Administration > Custom fields > New > Issues: format Text, Used as a filter, For all projects, all trackers.", p.cfg.markerField)
	}
	return invalid(op, "Redmine shows this account no field %q. If it exists, ask your admin to put its number (in its address in Administration > Custom fields) into settings.markerField; else to make it: Issues, Text, Used as a filter.", p.cfg.markerField)
}

// pick finds a thing by its number or its name; case does not matter.
func pick(all []ref, wanted string) (ref, bool) {
	for _, r := range all {
		if strconv.Itoa(r.ID) == wanted || strings.EqualFold(r.Name, wanted) {
			return r, true
		}
	}
	return ref{}, false
}

func names(all []ref) string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.Name
	}
	return strings.Join(out, ", ")
}

// plan is what the settings mean. A REST API that was switched off shows here
// first in a process that has just started.
func (d *driver) plan(ctx context.Context) (*plan, error) {
	p, err := d.planner.get(ctx)
	return p, d.explainDenied(ctx, err)
}
