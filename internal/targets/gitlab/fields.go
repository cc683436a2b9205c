package gitlab

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/wire"
)

// The ids of the further fields that GitLab's API takes with a new issue. It
// requires none of them; custom fields are not in its REST API.
const (
	fieldDue       = "due_date"
	fieldWeight    = "weight"
	fieldMilestone = "milestone"
	fieldSeverity  = "severity"
)

// ListFields implements targets.FieldLister.
func (d *driver) ListFields(ctx context.Context) ([]targets.FieldInfo, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return nil, err
	}
	q := url.Values{"state": {"active"}, "include_ancestors": {"true"}, "per_page": {strconv.Itoa(maxFound)}}
	var found []milestone
	if err := d.get(ctx, "list milestones", p.path("/milestones?"+q.Encode()), wire.List(&found, 100)); err != nil {
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

// fill writes the draft's assignee and further fields.
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
				return invalid("create issue", "GitLab: field \"Weight\" takes whole numbers from 0, not %q. Change the value in Productboard, or ask your admin to change settings.fields.", value)
			}
			b.Weight = &weight
		}
	}
	return nil
}

// FindPerson implements targets.People. An account counts only if GitLab shows
// that the address is its own, and if it is a member: GitLab drops other
// assignees without a word.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	p, err := d.planner.get(ctx)
	if err != nil {
		return "", err
	}
	q := url.Values{"per_page": {"20"}, "query": {email}}
	var members []account
	if err := d.get(ctx, "find member", p.path("/members/all?"+q.Encode()), wire.List(&members, 100)); err != nil {
		return "", err
	}
	if id := owner(members, email); id != 0 {
		return strconv.Itoa(id), nil
	}
	q = url.Values{"per_page": {"20"}, "search": {email}}
	var users []account
	if err := d.get(ctx, "find user", "/users?"+q.Encode(), wire.List(&users, 100)); err != nil {
		return "", err
	}
	id := owner(users, email)
	if id == 0 {
		return "", nil
	}
	var member account
	err = d.get(ctx, "find member", p.path("/members/all/"+strconv.Itoa(id)), &member)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound, err == nil && member.ID != id:
		return "", nil
	case err != nil:
		return "", err
	}
	return strconv.Itoa(id), nil
}

// owner is the active account that has the address; 0: none that shows it.
func owner(accounts []account, email string) int {
	for _, a := range accounts {
		if a.State == "active" && (strings.EqualFold(a.Email, email) || strings.EqualFold(a.PublicEmail, email)) {
			return a.ID
		}
	}
	return 0
}
