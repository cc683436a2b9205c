package jira

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const (
	// pageSize is what createmeta gives at most at once on Cloud; maxPages
	// bounds what is read of one list.
	pageSize = 200
	maxPages = 10
	// manyItems is how much is expected of what Jira gives whole: all projects,
	// or a page of fields with every value that each of them takes.
	manyItems = 500
)

// The system fields that the driver looks at.
const (
	fieldSummary     = "summary"
	fieldDescription = "description"
	fieldLabels      = "labels"
	fieldAssignee    = "assignee"
	fieldReporter    = "reporter"
	fieldPriority    = "priority"
	fieldComponents  = "components"
	fieldParent      = "parent"
)

// The custom fields that Data Center ties epics with.
const (
	customEpicLink  = "com.pyxis.greenhopper.jira:gh-epic-link"
	customEpicLabel = "com.pyxis.greenhopper.jira:gh-epic-label"
)

// resolved is what the settings' names mean in this Jira.
type resolved struct {
	projectID  string
	projectKey string
	typeID     string
	typeName   string
	// fields are those of the create screen, by id; order is Jira's.
	fields map[string]fieldMeta
	order  []string

	priorityID string   // empty: Jira's default
	components []string // ids
	// epicLink and epicLabel are ids of custom fields; empty where there are
	// none or they do not matter.
	epicLink, epicLabel string
	// byParent is set where the parent goes into the field of that name.
	byParent bool
}

// outdated reports whether what was resolved before, or what the shared layer
// chose values from, is no longer what Jira has.
func outdated(before, now *resolved, chosen []targets.FieldValue) bool {
	return !reflect.DeepEqual(before, now) || slices.ContainsFunc(chosen, func(v targets.FieldValue) bool {
		f, ok := now.fields[v.Field.ID]
		return !ok || !slices.Equal(v.Field.Options, options(f.Allowed))
	})
}

// resolveSettings looks everything up and checks that it is enough to create issues.
func (d *driver) resolveSettings(ctx context.Context) (*resolved, error) {
	found, err := d.project(ctx)
	if err != nil {
		return nil, err
	}
	res := &resolved{projectID: found.ID, projectKey: found.Key}
	offered, err := d.offeredTypes(ctx, found)
	if err != nil {
		return nil, err
	}
	var kind issueType
	for _, kind = range offered {
		if err := d.readScreen(ctx, res, kind); err != nil {
			return nil, err
		}
		if res.epicLabel == "" {
			break // Data Center says in no other way which type is the epic
		}
	}
	if err := d.screen(res); err != nil {
		return nil, err
	}
	if err := d.constants(res); err != nil {
		return nil, err
	}
	if err := d.parent(ctx, res, kind); err != nil {
		return nil, err
	}
	return res, nil
}

// project reads the project, which also proves that the account sees it.
func (c client) project(ctx context.Context) (project, error) {
	const op = "read project"
	var found project
	err := c.get(ctx, op, "/project/"+url.PathEscape(c.cfg.project), wire.List(&found, manyItems)) // with all its versions and components
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound && fromJira(err):
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Jira: there is no project %s, or the integration's account does not see it. Ask your admin to correct settings.project or to give the account the permission Browse projects.", c.cfg.project)
		return found, &e
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return found, notJira(op, err) // Jira says why, a proxy does not
	case err != nil:
		return found, err
	case found.ID == "" || found.Key == "":
		return found, notJira(op, errors.New("the answer names no project"))
	case found.Archived:
		return found, wire.Invalid(op, "The Jira project %s is archived. Ask a Jira admin to restore it, or your admin to name another in settings.project.", c.cfg.project)
	}
	return found, nil
}

func metaPath(projectID string) string {
	return "/issue/createmeta/" + url.PathEscape(projectID) + "/issuetypes"
}

// readPages reads a whole list, part by part.
func readPages[T any](ctx context.Context, c client, op, path string, size int) ([]T, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	all := []T{}
	for range maxPages {
		var reply page[T]
		if err := c.get(ctx, op, fmt.Sprintf("%s%sstartAt=%d&maxResults=%d", path, separator, len(all), size), wire.List(&reply, manyItems)); err != nil {
			return nil, err
		}
		items, ok := reply.items()
		if !ok {
			return nil, notJira(op, errors.New("the answer holds no list"))
		}
		all = append(all, items...)
		if len(items) == 0 || len(all) >= reply.Total {
			break
		}
	}
	return all, nil
}

func (c client) issueTypes(ctx context.Context, in project) ([]issueType, error) {
	return readPages[issueType](ctx, c, "read issue types", metaPath(in.ID), pageSize)
}

// offeredTypes returns the type that the settings name, or those that may be
// the default.
func (d *driver) offeredTypes(ctx context.Context, in project) ([]issueType, error) {
	const op = "find issue type"
	all, err := d.issueTypes(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Forbidden,
			Public: fmt.Sprintf("Jira: the integration's account may not create issues in project %s. Ask a Jira admin to give it the permission Create issues there.", d.cfg.project)}
	}
	var offered []issueType
	for _, t := range all {
		if d.cfg.issueType == "" && !t.Subtask && t.Level <= 0 || t.ID == d.cfg.issueType || strings.EqualFold(t.Name, d.cfg.issueType) {
			offered = append(offered, t)
		}
	}
	title := func(t issueType) string { return t.Name }
	switch {
	case len(offered) > 0 && d.cfg.issueType != "":
		return offered[:1], nil
	case len(offered) > 0:
		return offered, nil
	case d.cfg.issueType == "":
		return nil, wire.Invalid(op, "Jira: project %s has no issue type for ordinary issues%s. Ask your admin to name one in settings.issueType.", d.cfg.project, text.OnlyNames(all, title))
	default:
		return nil, wire.Invalid(op, "Jira: project %s has no issue type %q%s. Ask your admin to correct settings.issueType.", d.cfg.project, d.cfg.issueType, text.OnlyNames(all, title))
	}
}

// readScreen reads the fields that a new issue of a type takes.
func (d *driver) readScreen(ctx context.Context, res *resolved, kind issueType) error {
	fields, err := readPages[fieldMeta](ctx, d.client, "read fields", metaPath(res.projectID)+"/"+url.PathEscape(kind.ID), pageSize)
	if err != nil {
		return err
	}
	res.typeID, res.typeName, res.epicLabel = kind.ID, kind.Name, ""
	res.fields, res.order = map[string]fieldMeta{}, nil
	for _, f := range fields {
		if f.ID == "" {
			continue
		}
		res.fields[f.ID], res.order = f, append(res.order, f.ID)
		if f.Schema.Custom == customEpicLabel {
			res.epicLabel = f.ID
		}
	}
	return nil
}

// screen sees that what every push writes is on the create screen: Jira
// refuses an issue with a field that is not.
func (d *driver) screen(res *resolved) error {
	for _, needed := range []named{{fieldLabels, "Labels"}, {fieldDescription, "Description"}} {
		if _, ok := res.fields[needed.ID]; !ok {
			return d.offScreen(res, needed.Name, "")
		}
	}
	if _, ok := res.fields[fieldAssignee]; d.cfg.assigns && !ok {
		return d.offScreen(res, "Assignee", "the account may lack the permission Assign issues; else ")
	}
	return nil
}

func (d *driver) offScreen(res *resolved, title, or string) error {
	return wire.Invalid("check the create screen", "Jira: issue type %s in project %s has no field %s on the create screen. Ask a Jira admin to add it (%sProject settings > Screens).", res.typeName, d.cfg.project, title, or)
}

// constants finds the values that the settings name.
func (d *driver) constants(res *resolved) error {
	pick := func(setting, id, name string) (string, error) {
		field, ok := res.fields[id]
		if !ok {
			return "", wire.Invalid("find "+setting, "Jira: issue type %s in project %s takes no %s when it is created. Ask your admin to remove settings.%s, or a Jira admin to add the field to the create screen.", res.typeName, d.cfg.project, setting, setting)
		}
		for _, a := range field.Allowed {
			if a.ID != "" && (string(a.ID) == name || strings.EqualFold(a.title(), name)) {
				return string(a.ID), nil
			}
		}
		return "", wire.Invalid("find "+setting, "Jira: project %s has no %q among its %s values%s. Ask your admin to correct settings.%s.", d.cfg.project, name, setting, text.OnlyNames(field.Allowed, allowedValue.title), setting)
	}
	var err error
	if d.cfg.priority != "" {
		if res.priorityID, err = pick(setPriority, fieldPriority, d.cfg.priority); err != nil {
			return err
		}
	}
	for _, name := range d.cfg.components {
		id, err := pick(setComponents, fieldComponents, name)
		if err != nil {
			return err
		}
		res.components = append(res.components, id)
	}
	return nil
}

// parent sees that the parent exists and how it is written: Cloud has one
// field for all levels, Data Center one for subtasks and another for epics.
func (d *driver) parent(ctx context.Context, res *resolved, kind issueType) error {
	const op = "find parent"
	if d.cfg.parent == "" {
		if kind.Subtask {
			return wire.Invalid(op, "Jira: %s is a subtask type, which needs a parent. Ask your admin to set settings.parent, or another settings.issueType.", kind.Name)
		}
		return nil
	}
	if d.cfg.cloud || kind.Subtask {
		res.byParent = true
	} else {
		for id, f := range res.fields {
			if f.Schema.Custom == customEpicLink {
				res.epicLink = id
			}
		}
		if res.epicLink == "" {
			return d.offScreen(res, "Epic Link", "settings.parent needs it; ")
		}
	}
	var found issue
	err := d.get(ctx, op, "/issue/"+url.PathEscape(d.cfg.parent)+"?fields=summary", &found)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return wire.Invalid(op, "Jira: there is no issue %s, or the integration's account does not see it. Ask your admin to correct settings.parent.", d.cfg.parent)
	}
	return err
}
