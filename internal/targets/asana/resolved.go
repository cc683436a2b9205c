package asana

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// maxPages bounds lists of sections, fields, tags and projects.
const maxPages = 20

// plan is what the settings mean in this project.
type plan struct {
	workspace string
	sections  []named
	section   string // gid; empty: Asana's default
	// status is the gid of the field that holds the status; empty: sections do.
	status string
	fields []customField
	// tags are the workspace's, by name in lower case; nil until asked for.
	// mu guards them.
	mu   sync.Mutex
	tags map[string]string
}

// planner finds the plan and keeps it.
type planner struct {
	client
	memo targets.Memo[*plan]
}

func (p *planner) get(ctx context.Context) (*plan, error) { return p.memo.Get(ctx, p.load) }

// prove finds the plan whatever is known.
func (p *planner) prove(ctx context.Context) error {
	_, err := p.memo.Renew(ctx, p.load)
	return err
}

func (p *planner) forget() { p.memo.Forget() }

func (p *planner) load(ctx context.Context) (*plan, error) {
	const op = "read project"
	var found project
	err := p.client.get(ctx, op, "/projects/"+p.cfg.project, asking("name", "archived", "workspace"), &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Asana has no project %s, or does not show it to the token's account. Ask your admin to correct settings.project (the number in the project's address).", p.cfg.project)
		return nil, &e
	case err != nil:
		return nil, err
	case found.GID == "" || found.Workspace.GID == "":
		return nil, notAsana(op, errors.New("the answer names no project"))
	case found.Archived:
		return nil, invalid(op, "The Asana project %q is archived. Ask your admin to name another in settings.project.", text.Title(found.Name, 80))
	}
	made := &plan{workspace: found.Workspace.GID}
	if err := p.sections(ctx, made); err != nil {
		return nil, err
	}
	if p.cfg.statusField != "" {
		if made.fields, err = p.customFields(ctx); err != nil {
			return nil, err
		}
		if made.status, err = statusField(made.fields, p.cfg.statusField); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func (p *planner) sections(ctx context.Context, made *plan) error {
	const op = "read sections"
	var err error
	if made.sections, _, err = list[named](ctx, p.client, op, "/projects/"+p.cfg.project+"/sections", nil, maxPages, pageSize); err != nil {
		return err
	}
	if p.cfg.section == "" {
		return nil
	}
	found, ok := pick(made.sections, p.cfg.section)
	if !ok {
		return invalid(op, "Asana project %s has no section %q%s. Ask your admin to correct settings.section.", p.cfg.project, p.cfg.section, text.OnlyNames(made.sections, func(s named) string { return s.Name }))
	}
	made.section = found.GID
	return nil
}

func (p *planner) customFields(ctx context.Context) ([]customField, error) {
	q := asking("custom_field.name", "custom_field.resource_subtype", "custom_field.enum_options", "custom_field.enum_options.name", "custom_field.enum_options.enabled",
		"custom_field.enum_options.color", "custom_field.is_formula_field", "custom_field.is_value_read_only", "custom_field.id_prefix")
	all, _, err := listWithin[fieldSetting](ctx, p.client, "read custom fields", "/projects/"+p.cfg.project+"/custom_field_settings", q, maxPages, pageSize, outbound.Items(4*pageSize))
	if err != nil {
		return nil, err
	}
	var out []customField
	for _, s := range all {
		out = append(out, s.Field)
	}
	return out, nil
}

func statusField(fields []customField, wanted string) (string, error) {
	for _, f := range fields {
		if f.GID != wanted && !strings.EqualFold(f.Name, wanted) {
			continue
		}
		if f.Type != "enum" {
			return "", invalid("find status field", "Asana: custom field %q is no single-select field. Ask your admin to correct settings.statusField.", f.Name)
		}
		return f.GID, nil
	}
	return "", invalid("find status field", "Asana: the project has no custom field %q. Ask your admin to correct settings.statusField.", wanted)
}

// tagsFor finds the tags of labels; unknown are the labels without one.
func (p *planner) tagsFor(ctx context.Context, made *plan, labels []string) (gids, unknown []string, err error) {
	if len(labels) == 0 {
		return nil, nil, nil
	}
	made.mu.Lock()
	tags := made.tags
	made.mu.Unlock()
	if tags == nil {
		all, _, err := list[named](ctx, p.client, "read tags", "/workspaces/"+made.workspace+"/tags", asking("name"), maxPages, pageSize)
		if err != nil {
			return nil, nil, err
		}
		tags = map[string]string{}
		for _, t := range all {
			if key := strings.ToLower(t.Name); tags[key] == "" { // several can have one name
				tags[key] = t.GID
			}
		}
		made.mu.Lock()
		made.tags = tags
		made.mu.Unlock()
	}
	for _, l := range labels {
		if gid := tags[strings.ToLower(l)]; gid != "" {
			gids = append(gids, gid)
		} else {
			unknown = append(unknown, l)
		}
	}
	return gids, unknown, nil
}

// pick finds a thing by its gid or its name; case does not matter.
func pick(all []named, wanted string) (named, bool) {
	for _, n := range all {
		if n.GID == wanted || strings.EqualFold(n.Name, wanted) {
			return n, true
		}
	}
	return named{}, false
}
