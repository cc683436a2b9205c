package asana

import (
	"strings"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL         = "url"
	setProject     = "project"
	setSection     = "section"
	setType        = "type"
	setParent      = "parent"
	setStatusField = "statusField"
	credToken      = "token"
	credOAuth      = "oauthToken"

	hosted = "https://app.asana.com"
	// typeTask is the ordinary one of Asana's sorts of tasks.
	typeTask = "default_task"
)

// config is the settings of one project.
type config struct {
	url         string
	project     string // gid
	section     string // name or gid; empty: Asana's default
	typ         string
	parent      string // gid; empty: none
	statusField string // name or gid of an enum field; empty: sections
	token       secret.String
	// oauth is set for the token of an app: those alone may set external data.
	oauth bool
}

func guide() targets.Guide {
	return targets.Guide{ //nolint:gosec // words about tokens, none of them one
		Permissions: "The token's account must be an editor of the project. An OAuth app needs the scopes tasks:read, tasks:write, projects:read, project_sections:read, custom_fields:read, tags:read, users:read and stories:write. " +
			"Only if the plugin shall register its web hook: webhooks:read, webhooks:write and webhooks:delete too.",
		Token: "My settings > Apps > Manage developer apps > Create new token. Use an account of its own that is a member of the project. Or an admin makes a service account (Admin console > Apps > Service accounts).",
		Notes: []string{
			"Each task ends with a line \"Reference: pb-…\" by which the plugin finds it again; do not remove it.",
			"Labels become tags where the workspace has a tag of that name; the others stand in the description, since Asana would make a new tag each time.",
			"The button shows the section, or statusField's option, until the task is completed.",
			"Due date and start date can be mapped in settings.fields like custom fields.",
			"A web hook cannot be set up by hand, since Asana has no page for it. Asana must reach the plugin's address while the plugin registers it.",
		},
		Errors: []targets.GuideError{
			{Says: "Asana refused the token.", Means: "It is wrong, was revoked, or the workspace does not allow the app."},
			{Says: "Asana has no project", Means: "settings.project is not a project's number, or the token's account is not a member."},
			{Says: "needs a paid plan", Means: "Custom fields are not part of the workspace's plan: leave settings.fields and settings.statusField out."},
		},
	}
}

// isGID reports whether s is one of Asana's ids.
func isGID(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789") == ""
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Default: hosted, Example: hosted, Help: "Asana's address; there is only one."},
		{Name: setProject, Required: true, Example: "1201234567890123", Help: "The project's number, as in its address: app.asana.com/0/1201234567890123."},
		{Name: setSection, Example: "Wishes", Help: "Name or number of the section (column) for new tasks. Default: where Asana puts new ones."},
		{Name: setType, Default: typeTask, Enum: []string{typeTask, "milestone", "approval"}, Example: "milestone", Help: "What new tasks are."},
		{Name: setParent, Example: "1209876543210987", Help: "Number of a task of which new ones become subtasks."},
		{Name: setStatusField, Example: "Stage", Help: "Name or number of the single-select custom field that holds a task's status. Default: the section it is in."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credToken, Secret: true, Example: "file:asana.token", Help: "Personal access token, or a service account's. Either this or oauthToken."},
		{Name: credOAuth, Secret: true, Example: "file:asana.oauth", Help: "Access token of an OAuth app; somebody must renew it, since it lives about an hour. With it a task is found again without reading through the project."},
	}
}
