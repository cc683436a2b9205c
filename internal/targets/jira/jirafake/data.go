package jirafake

import "slices"

// What a fake begins with.

// The accounts that every fake has, with what they sign in with.
const (
	MineEmail  = "mine@example.com"
	MineToken  = "ATATT3xFfGF0mine000000000000cafe" //nolint:gosec // made up
	MineAccess = "eyJhbGciOiJSUzI1NiJ9.mine.0000cafe"
	MinePAT    = "MDAwMDptaW5lAAAAcafe0000mine"

	OtherEmail  = "other@example.com"
	OtherToken  = "ATATT3xFfGF0other00000000000cafe" //nolint:gosec // made up
	OtherAccess = "eyJhbGciOiJSUzI1NiJ9.other.0000cafe"
	OtherPAT    = "MDAwMDpvdGhlcgAAcafe000other"
)

func accounts() []*Account {
	scopes := []string{"read:jira-work", "write:jira-work", "read:jira-user"}
	return []*Account{
		{ID: "5b10a2844c20165700ede21g", Email: MineEmail, Name: "Push Button", APIToken: MineToken, AccessToken: MineAccess, PAT: MinePAT, Scopes: scopes, Projects: []string{"ENG"}},
		{ID: "5b10ac8d82e05b22cc7d4ef5", Email: OtherEmail, Name: "Other Button", APIToken: OtherToken, AccessToken: OtherAccess, PAT: OtherPAT, Scopes: scopes, Projects: []string{"OPS"}},
		{ID: "5c1000000000000000000001", Email: "jane@example.com", Name: "Jane Doe", Projects: []string{"ENG"}},
		{ID: "5c1000000000000000000002", Email: "shy@example.com", Name: "Shy Person", Projects: []string{"ENG"}, HiddenEmail: true},
		{ID: "5c1000000000000000000003", Email: "gone@example.com", Name: "Gone Person", Projects: []string{"ENG"}, Inactive: true},
		{ID: "5c1000000000000000000004", Email: "namesake@example.com", Name: "Namesake One", Projects: []string{"ENG"}, HiddenEmail: true},
		{ID: "5c1000000000000000000005", Email: "namesake@example.com.au", Name: "Namesake Two", Projects: []string{"ENG"}, HiddenEmail: true},
		{ID: "5c1000000000000000000006", Email: "outside@example.com", Name: "Out Side", Projects: []string{"OPS"}},
	}
}

// ToDo is the status of a new issue.
func ToDo() Status { return Status{"10000", "To Do", "new"} }

// InProgress is a status of an issue that somebody works on.
func InProgress() Status { return Status{"3", "In Progress", "indeterminate"} }

// Done is a status of a closed issue.
func Done() Status { return Status{"10001", "Done", "done"} }

func newProject(id, key string, o Options) *Project {
	fields := func() []Field { return screen(o) }
	p := &Project{ID: id, Key: key, Name: "Project " + key, Types: []Type{
		{ID: "10000", Name: "Epic", Level: 1, Fields: fields()},
		{ID: "10003", Name: "Sub-task", Subtask: true, Level: -1, Fields: append(fields(), Field{ID: "parent", Name: "Parent", Required: true, Schema: schema("issuelink", "parent")})},
		{ID: "10001", Name: "Task", Fields: fields()},
		{ID: "10002", Name: "Story", Fields: fields()},
	}, Transitions: []Transition{{ID: "11", Name: "To Do", To: ToDo()}, {ID: "21", Name: "Start", To: InProgress()}, {ID: "31", Name: "Finish", To: Done()}}}
	if o.DataCenter {
		p.Types[0].Fields = append(p.Types[0].Fields, Field{ID: "customfield_10103", Name: "Epic Name", Required: true,
			Schema: custom("string", "com.pyxis.greenhopper.jira:gh-epic-label", 10103)})
	}
	return p
}

func schema(typ, system string) map[string]any {
	return map[string]any{"type": typ, "system": system}
}

func list(items, system string) map[string]any {
	return map[string]any{"type": "array", "items": items, "system": system}
}

func custom(typ, full string, id int) map[string]any {
	return map[string]any{"type": typ, "custom": full, "customId": id}
}

func standard(typ, short string, id int) map[string]any {
	return custom(typ, "com.atlassian.jira.plugin.system.customfieldtypes:"+short, id)
}

func customList(items, short string, id int) map[string]any {
	s := standard("array", short, id)
	s["items"] = items
	return s
}

func values(pairs ...string) []map[string]any {
	var out []map[string]any
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, map[string]any{"id": pair[0], "value": pair[1]})
	}
	return out
}

func names(pairs ...string) []map[string]any {
	var out []map[string]any
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, map[string]any{"id": pair[0], "name": pair[1]})
	}
	return out
}

// screen is a create screen with one field of each sort.
func screen(o Options) []Field {
	cascade := values("20", "Europe", "21", "Asia")
	cascade[0]["children"] = values("201", "Bern", "202", "Oslo")
	old := values("33", "Old")[0]
	old["disabled"] = true
	fields := []Field{
		{ID: "summary", Name: "Summary", Required: true, Schema: schema("string", "summary")},
		{ID: "issuetype", Name: "Issue Type", Required: true, Schema: schema("issuetype", "issuetype")},
		{ID: "project", Name: "Project", Required: true, Schema: schema("project", "project")},
		{ID: "reporter", Name: "Reporter", Required: true, HasDefault: true, Schema: schema("user", "reporter")},
		{ID: "description", Name: "Description", Schema: schema("string", "description")},
		{ID: "labels", Name: "Labels", Schema: list("string", "labels")},
		{ID: "assignee", Name: "Assignee", Schema: schema("user", "assignee")},
		{ID: "priority", Name: "Priority", HasDefault: true, Schema: schema("priority", "priority"), Allowed: names("1", "Highest", "2", "High", "3", "Medium")},
		{ID: "components", Name: "Components", Schema: list("component", "components"), Allowed: names("100", "Backend", "101", "API")},
		{ID: "fixVersions", Name: "Fix versions", Schema: list("version", "fixVersions"), Allowed: append(names("110", "1.0"), map[string]any{"id": "111", "name": "0.9", "archived": true})},
		{ID: "environment", Name: "Environment", Schema: schema("string", "environment")},
		{ID: "duedate", Name: "Due date", Schema: schema("date", "duedate")},
		{ID: "attachment", Name: "Attachment", Schema: list("attachment", "attachment")},
		{ID: "issuelinks", Name: "Linked issues", Schema: list("issuelinks", "issuelinks")},
		{ID: "customfield_10010", Name: "Customer", Schema: standard("string", "textfield", 10010)},
		{ID: "customfield_10011", Name: "Background", Schema: standard("string", "textarea", 10011)},
		{ID: "customfield_10012", Name: "Story Points", Schema: standard("number", "float", 10012)},
		{ID: "customfield_10013", Name: "Launch", Schema: standard("datetime", "datetime", 10013)},
		{ID: "customfield_10014", Name: "Size", Schema: standard("option", "select", 10014), Allowed: append(values("30", "S", "31", "M"), old)},
		{ID: "customfield_10015", Name: "Platforms", Schema: customList("option", "multicheckboxes", 10015), Allowed: values("40", "Web", "41", "iOS")},
		{ID: "customfield_10016", Name: "Region", Schema: standard("option-with-child", "cascadingselect", 10016), Allowed: cascade},
		{ID: "customfield_10017", Name: "Sponsor", Schema: standard("user", "userpicker", 10017)},
		{ID: "customfield_10018", Name: "Reviewers", Schema: customList("user", "multiuserpicker", 10018)},
		{ID: "customfield_10019", Name: "Keywords", Schema: customList("string", "labels", 10019)},
		{ID: "customfield_10020", Name: "Spec", Schema: standard("string", "url", 10020)},
		{ID: "customfield_10021", Name: "Sprint", Schema: func() map[string]any {
			s := custom("array", "com.pyxis.greenhopper.jira:gh-sprint", 10021)
			s["items"] = "json"
			return s
		}()},
		{ID: "customfield_10022", Name: "Rank", Schema: custom("any", "com.pyxis.greenhopper.jira:gh-lexo-rank", 10022)},
		{ID: "customfield_10023", Name: "Squad", Schema: standard("group", "grouppicker", 10023)},
		// What apps add: types that Atlassian does not list, numbers as ids.
		{ID: "customfield_10024", Name: "Tier", Schema: custom("option2", "com.example.crm:tier", 10024), Allowed: []map[string]any{{"id": 1, "label": "Gold"}, {"id": 2, "label": "Silver"}}},
		{ID: "customfield_10025", Name: "Account", Schema: custom("option", "com.example.crm:account", 10025), Allowed: []map[string]any{{"id": 7, "label": "ACME"}}},
	}
	if o.DataCenter {
		return append(fields, Field{ID: "customfield_10101", Name: "Epic Link", Schema: custom("any", "com.pyxis.greenhopper.jira:gh-epic-link", 10101)})
	}
	return append(fields, Field{ID: "parent", Name: "Parent", Schema: schema("issuelink", "parent")})
}
