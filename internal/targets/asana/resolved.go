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
	"pushbutton/internal/targets/wire"
)

// maxPages bounds lists of sections, fields, tags and projects.
const maxPages = 20

// resolved holds the ids that the settings stand for in this project.
type resolved struct {
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

func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	const op = "read project"
	var found project
	err := d.get(ctx, op, "/projects/"+d.cfg.project, asking("name", "archived", "workspace"), &found)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Asana has no project %s, or does not show it to the token's account. Ask your admin to correct settings.project (the number in the project's address).", d.cfg.project)
		return nil, &e
	case err != nil:
		return nil, err
	case found.GID == "" || found.Workspace.GID == "":
		return nil, notAsana(op, errors.New("the answer names no project"))
	case found.Archived:
		return nil, wire.Invalid(op, "The Asana project %q is archived. Ask your admin to name another in settings.project.", text.Title(found.Name, 80))
	}
	res := &resolved{workspace: found.Workspace.GID}
	if err := d.sections(ctx, res); err != nil {
		return nil, err
	}
	if d.cfg.statusField != "" {
		if res.fields, err = d.customFields(ctx); err != nil {
			return nil, err
		}
		if res.status, err = statusField(res.fields, d.cfg.statusField); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (d *driver) sections(ctx context.Context, res *resolved) error {
	const op = "read sections"
	var err error
	if res.sections, _, err = list[named](ctx, d.client, op, "/projects/"+d.cfg.project+"/sections", nil, maxPages, pageSize); err != nil {
		return err
	}
	if d.cfg.section == "" {
		return nil
	}
	found, ok := pick(res.sections, d.cfg.section)
	if !ok {
		return wire.Invalid(op, "Asana project %s has no section %q%s. Ask your admin to correct settings.section.", d.cfg.project, d.cfg.section, text.OnlyNames(res.sections, func(s named) string { return s.Name }))
	}
	res.section = found.GID
	return nil
}

func (d *driver) customFields(ctx context.Context) ([]customField, error) {
	q := asking("custom_field.name", "custom_field.resource_subtype", "custom_field.enum_options", "custom_field.enum_options.name", "custom_field.enum_options.enabled",
		"custom_field.enum_options.color", "custom_field.is_formula_field", "custom_field.is_value_read_only", "custom_field.id_prefix")
	all, _, err := listWithin[fieldSetting](ctx, d.client, "read custom fields", "/projects/"+d.cfg.project+"/custom_field_settings", q, maxPages, pageSize, outbound.Items(4*pageSize))
	if err != nil {
		return nil, err
	}
	var out []customField
	for _, s := range all {
		out = append(out, s.Field)
	}
	return out, nil
}

func statusField(fields []customField, name string) (string, error) {
	const op = "find status field"
	f, ok := targets.Pick(fields, name, func(f customField) []string { return []string{f.GID, f.Name} })
	switch {
	case !ok:
		return "", wire.Invalid(op, "Asana: the project has no custom field %q. Ask your admin to correct settings.statusField.", name)
	case f.Type != "enum":
		return "", wire.Invalid(op, "Asana: custom field %q is no single-select field. Ask your admin to correct settings.statusField.", f.Name)
	}
	return f.GID, nil
}

// findTags finds the tags of labels; unknown are the labels without one.
func (d *driver) findTags(ctx context.Context, res *resolved, labels []string) (gids, unknown []string, err error) {
	if len(labels) == 0 {
		return nil, nil, nil
	}
	res.mu.Lock()
	tags := res.tags
	res.mu.Unlock()
	if tags == nil {
		all, _, err := list[named](ctx, d.client, "read tags", "/workspaces/"+res.workspace+"/tags", asking("name"), maxPages, pageSize)
		if err != nil {
			return nil, nil, err
		}
		tags = map[string]string{}
		for _, t := range all {
			if key := strings.ToLower(t.Name); tags[key] == "" { // several can have one name
				tags[key] = t.GID
			}
		}
		res.mu.Lock()
		res.tags = tags
		res.mu.Unlock()
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

// pick finds a thing by its gid or its name.
func pick(all []named, name string) (named, bool) {
	return targets.Pick(all, name, func(n named) []string { return []string{n.GID, n.Name} })
}
