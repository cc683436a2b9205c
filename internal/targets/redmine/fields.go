package redmine

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// The native fields that a new issue takes, as Redmine's API calls them.
const (
	fieldPriority = "priority_id"
	fieldCategory = "category_id"
	fieldVersion  = "fixed_version_id"
	fieldParent   = "parent_issue_id"
	fieldStart    = "start_date"
	fieldDue      = "due_date"
	fieldHours    = "estimated_hours"
	fieldDone     = "done_ratio"
	fieldPrivate  = "is_private"
)

// native is a field that every Redmine has; its name is that of the English
// pages.
type native struct {
	targets.FieldInfo
	// always is set for a field that no tracker can switch off.
	always bool
	// rights are the permissions of which one is needed, else Redmine drops
	// the field without a word; right is the usual one's title.
	rights []string
	right  string
}

func natives() []native {
	is := func(id, title string, typ targets.ValueType) native {
		return native{FieldInfo: targets.FieldInfo{ID: id, Name: title, Type: typ}}
	}
	priority, parent, private := is(fieldPriority, "Priority", targets.ValueOption), is(fieldParent, "Parent task", targets.ValueNumber), is(fieldPrivate, "Private", targets.ValueBool)
	priority.always, private.always = true, true
	parent.rights, parent.right = []string{"manage_subtasks"}, "Manage subtasks"
	private.rights, private.right = []string{"set_issues_private", "set_own_issues_private"}, "Set issues public or private"
	return []native{priority, is(fieldCategory, "Category", targets.ValueOption), is(fieldVersion, "Target version", targets.ValueOption),
		is(fieldStart, "Start date", targets.ValueDate), is(fieldDue, "Due date", targets.ValueDate), is(fieldHours, "Estimated time", targets.ValueNumber),
		is(fieldDone, "% Done", targets.ValueNumber), parent, private}
}

// ListFields implements targets.FieldLister: the native fields of the tracker,
// then its custom fields as far as the key's account sees them.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	res, err := d.resolve(ctx)
	if err != nil {
		return nil, err
	}
	versions, err := d.versions(ctx, res)
	if err != nil {
		return nil, err
	}
	var out []targets.FieldInfo
	for _, n := range natives() {
		if !n.always && res.core != nil && !res.core[n.ID] || n.ID == fieldPriority && d.cfg.priority != "" {
			continue
		}
		switch n.ID {
		case fieldPriority:
			all, err := d.priorities(ctx)
			if err != nil {
				return nil, err
			}
			n.Options = options(all)
		case fieldCategory:
			n.Options = options(res.categories)
		case fieldVersion:
			n.Options = versions
		}
		out = append(out, n.FieldInfo)
	}
	custom, whole, err := d.customFields(ctx, res)
	if err != nil {
		return nil, err
	}
	formatless := map[string]bool{}
	for _, f := range custom {
		if info, ok := f.info(versions); ok && f.ID != res.markerID && f.ID != res.linkID {
			formatless[info.ID] = f.Format == ""
			out = append(out, info)
		}
	}
	if !whole {
		for _, info := range d.numbered(res, out) {
			formatless[info.ID] = true
			out = append(out, info)
		}
	}
	d.formatless.Store(&formatless)
	if rehearsed := d.required.Load(); rehearsed != nil {
		for i := range out {
			out[i].Required = (*rehearsed)[out[i].ID]
		}
	}
	return out, nil
}

// numbered are the fields that the mapping names by a number and the account
// is not shown.
func (d *driver) numbered(res *resolved, shown []targets.FieldInfo) []targets.FieldInfo {
	var out []targets.FieldInfo
	for _, name := range d.cfg.mapped {
		id := number(name)
		if id == 0 || id == res.markerID || id == res.linkID || slices.ContainsFunc(shown, func(f targets.FieldInfo) bool { return f.ID == name }) {
			continue
		}
		out = append(out, targets.FieldInfo{ID: name, Name: name, Type: targets.ValueText})
	}
	return out
}

// versions lists those that are open, the project's own and shared ones.
func (c client) versions(ctx context.Context, res *resolved) ([]targets.Option, error) {
	var reply versionsReply
	err := c.get(ctx, "read versions", fmt.Sprintf("/projects/%d/versions.json", res.projectID), wire.List(&reply, manyItems))
	var open []ref
	for _, v := range reply.Versions {
		if v.Status == "open" {
			open = append(open, v.ref)
		}
	}
	return options(open), err
}

func options(all []ref) []targets.Option {
	out := make([]targets.Option, len(all))
	for i, r := range all {
		out[i] = targets.Option{ID: strconv.Itoa(r.ID), Name: r.Name}
	}
	return out
}

// customFields lists the custom fields that new issues can have. Redmine lists
// them whole to administrators only, but not which projects have them; to
// others it shows names, on the project, which lacks those "for all projects",
// and on issues, which have exactly those that a new one will.
func (c client) customFields(ctx context.Context, res *resolved) (fields []customField, whole bool, err error) {
	var sample issuesReply
	q := url.Values{"project_id": {strconv.Itoa(res.projectID)}, "subproject_id": {"!*"}, "tracker_id": {strconv.Itoa(res.trackerID)}, "status_id": {"*"}, "limit": {"1"}}
	if err := c.get(ctx, "read an issue", "/issues.json?"+q.Encode(), issues(&sample, 1)); err != nil {
		return nil, false, err
	}
	var there []customField
	for _, i := range sample.Issues {
		for _, f := range i.Fields {
			there = append(there, customField{ref: f.ref, Multiple: f.Multiple})
		}
	}
	if len(sample.Issues) == 0 {
		for _, f := range res.ofProject {
			there = append(there, customField{ref: f})
		}
	}
	has := func(id int) bool {
		return slices.ContainsFunc(there, func(f customField) bool { return f.ID == id })
	}
	var all fieldsReply
	err = c.get(ctx, "read custom fields", "/custom_fields.json", wire.List(&all, manyItems))
	switch {
	case err != nil && fault.KindOf(err) == fault.Forbidden:
		return there, false, nil
	case err != nil:
		return nil, false, err
	}
	for _, f := range all.Fields {
		usable := f.For == "issue" && slices.ContainsFunc(f.Trackers, func(t ref) bool { return t.ID == res.trackerID })
		if !usable || len(sample.Issues) > 0 && !has(f.ID) {
			continue
		}
		f.Required = f.Required && f.Default == "" && has(f.ID)
		fields = append(fields, f)
	}
	return fields, true, nil
}

// info is the field in the shared form; ok is false for one that the plugin
// cannot fill and need not.
func (f customField) info(versions []targets.Option) (info targets.FieldInfo, ok bool) {
	info = targets.FieldInfo{ID: strconv.Itoa(f.ID), Name: f.Name, Multiple: f.Multiple, Required: f.Required, Max: f.Max}
	switch f.Format {
	case "", "string", "link": // a link can be any text that its field makes an address of
		info.Type = targets.ValueText
	case "text":
		info.Type = targets.ValueLongText
	case "int", "float":
		info.Type = targets.ValueNumber
	case "date":
		info.Type = targets.ValueDate
	case "bool":
		info.Type = targets.ValueBool
	case "user":
		info.Type = targets.ValuePerson
	case "version":
		info.Type, info.Options = targets.ValueOption, versions
	case "list", "enumeration":
		info.Type = targets.ValueOption
		for _, v := range f.Values {
			info.Options = append(info.Options, targets.Option{ID: v.Value, Name: v.Label})
		}
	default: // a file, or a plugin's format: only to be told of
		return info, f.Required
	}
	return info, true
}

// fill writes the draft's assignee and custom fields.
func (c *content) fill(draft targets.Draft) error {
	c.AssigneeID = number(draft.Assignee)
	for _, f := range draft.Fields {
		if want := c.set(f); want != "" {
			return wire.Invalid("write fields", "Redmine: field %q takes %s, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", f.Field.Name, want, text.Title(f.Values[0], 60))
		}
	}
	return nil
}

// set writes one field, or says what it takes instead.
func (c *content) set(f targets.FieldValue) (want string) {
	value := f.Values[0]
	n, err := strconv.Atoi(value)
	switch f.Field.ID {
	case fieldPriority:
		c.PriorityID = n
	case fieldCategory:
		c.CategoryID = n
	case fieldVersion:
		c.VersionID = n
	case fieldStart:
		c.StartDate = value
	case fieldDue:
		c.DueDate = value
	case fieldPrivate:
		private := value == "true"
		c.Private = &private
	case fieldParent:
		if err != nil || n <= 0 {
			return "an issue's number"
		}
		c.ParentID = n
	case fieldDone:
		if err != nil || n < 0 || n > 100 {
			return "a whole number from 0 to 100"
		}
		c.DoneRatio = &n
	case fieldHours:
		hours, err := strconv.ParseFloat(value, 64)
		if err != nil || hours < 0 || math.IsInf(hours, 0) {
			return "a number of hours from 0"
		}
		c.Hours = &hours
	default:
		c.custom(f)
	}
	return ""
}

// custom writes a custom field; Redmine keeps all of them as texts.
func (c *content) custom(f targets.FieldValue) {
	values := slices.Clone(f.Values)
	if f.Field.Type == targets.ValueBool {
		for i, v := range values {
			values[i] = map[string]string{"true": "1", "false": "0"}[v]
		}
	}
	in := fieldInput{ID: number(f.Field.ID), Value: values[0]}
	if f.Field.Multiple {
		in.Value = values
	}
	c.Fields = append(c.Fields, in)
}
