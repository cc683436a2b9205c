package linear

import (
	"context"
	"strconv"
	"strings"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// The ids of the custom fields of an issue, as its input calls them. Linear
// requires none, and has no custom ones.
const (
	fieldDue      = "dueDate"
	fieldEstimate = "estimate"
	fieldPriority = "priority"
	fieldProject  = "projectId"
)

// ListFields implements targets.FieldLister.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	levels := []targets.Option{{ID: "0", Name: "No priority"}}
	for i, n := range priorities()[1:] {
		levels = append(levels, targets.Option{ID: strconv.Itoa(i + 1), Name: strings.ToUpper(n[:1]) + n[1:]})
	}
	var projects []targets.Option
	for _, one := range res.team.Projects.Nodes {
		projects = append(projects, targets.Option{ID: one.ID, Name: one.Name})
	}
	fields := []targets.FieldInfo{
		{ID: fieldDue, Name: "Due date", Type: targets.ValueDate},
		{ID: fieldPriority, Name: "Priority", Type: targets.ValueOption, Options: levels},
		{ID: fieldProject, Name: "Project", Type: targets.ValueOption, Options: projects},
	}
	if res.team.IssueEstimationType != "notUsed" {
		fields = append(fields, targets.FieldInfo{ID: fieldEstimate, Name: "Estimate", Type: targets.ValueNumber})
	}
	return fields, nil
}

// fill writes custom fields; they win over the settings of the same name.
func (in *issueInput) fill(fields []targets.FieldValue) error {
	for _, f := range fields {
		value := f.Values[0]
		switch f.Field.ID {
		case fieldDue:
			in.DueDate = value
		case fieldProject:
			in.ProjectID = value
		case fieldPriority:
			in.Priority = draftPriority(fields)
		case fieldEstimate:
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return wire.Invalid("create issue", "Linear: field \"Estimate\" takes whole numbers from 0, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", value)
			}
			in.Estimate = &n
		}
	}
	return nil
}

// draftPriority is the priority among custom fields; nil: none is there.
func draftPriority(fields []targets.FieldValue) *int {
	for _, f := range fields {
		if n, err := strconv.Atoi(f.Values[0]); f.Field.ID == fieldPriority && err == nil {
			return &n
		}
	}
	return nil
}

func hasField(fields []targets.FieldValue, id string) bool {
	for _, f := range fields {
		if f.Field.ID == id {
			return true
		}
	}
	return false
}
