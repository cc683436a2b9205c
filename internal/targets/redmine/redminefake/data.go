package redminefake

import "testing"

// The API keys of Standard's accounts. AdminKey is an
// administrator's; the other two are those of the harness's accounts.
const (
	AdminKey = "ad0000000000000000000000000000000000cafe"
	MineKey  = "0a0000000000000000000000000000000000cafe"
	OtherKey = "0b0000000000000000000000000000000000cafe"
)

// Standard is a Redmine with its default trackers, statuses and roles, a
// project in each state, and a custom field of each format.
func Standard(t *testing.T, path string) *Fake {
	t.Helper()
	f := New(t, path)
	f.Users = map[string]*User{
		AdminKey:  {ID: 1, Mail: "admin@example.net", Admin: true, MayClose: true},
		MineKey:   {ID: 5, Mail: "jane@example.com", Member: []string{"mine", "strict"}, German: true, MayClose: true},
		OtherKey:  {ID: 6, Mail: "bob@example.com", Member: []string{"other"}, MayClose: true},
		"reports": {ID: 7, Mail: "ann@example.com", Member: []string{"mine"}, Role: 5},
		"longer":  {ID: 8, Mail: "mary.jane@example.com", Member: []string{"mine"}, Role: 4},
	}
	f.Projects = map[string]*Project{
		"mine": {ID: 1, Status: Active, Trackers: trackers(1, 2, 3),
			Categories: []map[string]any{{"id": 21, "name": "Backend"}, {"id": 22, "name": "Frontend"}},
			Versions:   []map[string]any{{"id": 31, "name": "1.0", "status": "closed"}, {"id": 32, "name": "2.0", "status": "open"}}},
		"other":  {ID: 2, Status: Active, Trackers: trackers(1, 2, 3)},
		"strict": {ID: 3, Status: Active, Trackers: trackers(2)},
		"open":   {ID: 4, Status: Active, Public: true, Trackers: trackers(1, 2)},
		"closed": {ID: 5, Status: Closed, Public: true, Trackers: trackers(1)},
		"wiki":   {ID: 6, Status: Active, Public: true},
	}
	f.Fields = []*CustomField{
		{ID: 7, Name: "Productboard ID", Filter: true},
		{ID: 8, Name: "Productboard link"},
		{ID: 9, Name: "Component", Required: true, Project: "strict"},
		{ID: 10, Name: "No filter"},
		{ID: 11, Name: "Bugs only", Filter: true, Trackers: []int{1}},
		{ID: 12, Name: "Severity", Format: "list", Values: []string{"Low", "High"}},
		{ID: 13, Name: "Teams", Format: "enumeration", Values: []string{"3", "4"}, Multiple: true},
		{ID: 14, Name: "Billable", Format: "bool"},
		{ID: 15, Name: "Points", Format: "int"},
		{ID: 16, Name: "Contact", Format: "user"},
		{ID: 17, Name: "Elsewhere", Required: true, Project: "closed"},
		{ID: 18, Name: "Plan", Format: "attachment"},
		{ID: 19, Name: "Notes", Format: "text"},
		{ID: 20, Name: "Shipped In", Format: "version", Trackers: []int{2}},
	}
	return f
}

func roles() map[int]map[string]any {
	return map[int]map[string]any{
		3: {"id": 3, "name": "Manager", "assignable": true, "permissions": []string{"add_issues", "manage_subtasks", "set_issues_private"}},
		4: {"id": 4, "name": "Developer", "assignable": true, "permissions": []string{"add_issues"}},
		5: {"id": 5, "name": "Reporter", "assignable": false, "permissions": []string{"add_issues"}},
	}
}

func statuses() []map[string]any {
	return []map[string]any{
		{"id": 1, "name": "New", "is_closed": false}, {"id": 2, "name": "In Progress", "is_closed": false},
		{"id": 5, "name": "Closed", "is_closed": true}, {"id": 6, "name": "Rejected", "is_closed": true},
	}
}

// trackers shows some of the trackers Bug, Feature and Support.
func trackers(ids ...int) []map[string]any {
	all := map[int]string{1: "Bug", 2: "Feature", 3: "Support"}
	out := make([]map[string]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, map[string]any{"id": id, "name": all[id], "default_status": map[string]any{"id": 1, "name": "New"},
			"enabled_standard_fields": coreOf(id)})
	}
	return out
}

// coreOf lists a tracker's native fields; Support has been stripped of most.
func coreOf(tracker int) []string {
	if tracker == 3 {
		return []string{"assigned_to_id", "due_date", "description"}
	}
	return []string{"assigned_to_id", "category_id", "fixed_version_id", "parent_issue_id", "start_date", "due_date", "estimated_hours", "done_ratio", "description"}
}
