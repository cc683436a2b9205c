package gitlab

import (
	"context"
	"net/url"
	"strconv"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// The ids of the custom fields that GitLab's API takes with a new issue. It
// requires none of them; custom fields are not in its REST API.
const (
	fieldDue       = "due_date"
	fieldWeight    = "weight"
	fieldMilestone = "milestone"
	fieldSeverity  = "severity"
)

// ListFields implements targets.FieldLister.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return nil, err
	}
	q := url.Values{"state": {"active"}, "include_ancestors": {"true"}, "per_page": {strconv.Itoa(maxFound)}}
	var found []milestone
	if err := d.get(ctx, "list milestones", res.path("/milestones?"+q.Encode()), wire.List(&found, 100)); err != nil {
		return nil, err
	}
	options := make([]targets.Option, len(found))
	for i, m := range found {
		options[i] = targets.Option{ID: strconv.Itoa(m.ID), Name: m.Title}
	}
	fields := []targets.FieldInfo{
		{ID: fieldDue, Name: "Due date", Type: targets.ValueDate},
		{ID: fieldMilestone, Name: "Milestone", Type: targets.ValueOption, Options: options},
		{ID: fieldWeight, Name: "Weight", Type: targets.ValueNumber},
	}
	if d.cfg.issueType == "incident" {
		fields = append(fields, targets.FieldInfo{ID: fieldSeverity, Name: "Severity", Type: targets.ValueOption, Options: []targets.Option{
			{ID: "unknown", Name: "Unknown"}, {ID: "low", Name: "Low"}, {ID: "medium", Name: "Medium"}, {ID: "high", Name: "High"}, {ID: "critical", Name: "Critical"}}})
	}
	return fields, nil
}

// fill writes the draft's assignee and custom fields.
func (b *issueBody) fill(draft targets.Draft) error {
	if id, err := strconv.Atoi(draft.Assignee); err == nil {
		b.AssigneeIDs = []int{id}
	}
	for _, f := range draft.Fields {
		value := f.Values[0]
		switch f.Field.ID {
		case fieldDue:
			b.DueDate = value
		case fieldSeverity:
			b.Severity = value
		case fieldMilestone:
			b.MilestoneID, _ = strconv.Atoi(value) // one of the options
		case fieldWeight:
			weight, err := strconv.Atoi(value)
			if err != nil || weight < 0 {
				return wire.Invalid("create issue", "GitLab: field \"Weight\" takes whole numbers from 0, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", value)
			}
			b.Weight = &weight
		}
	}
	return nil
}
