package shortcut

import (
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL       = "url"
	setWorkflow  = "workflow"
	setState     = "state"
	setType      = "type"
	setEpic      = "epic"
	setIteration = "iteration"
	setTeam      = "team"
	credToken    = "token"

	hosted = "https://api.app.shortcut.com"
)

// config is the settings of one workspace.
type config struct {
	url             string
	workflow        string // name or number; empty: the team's, else the workspace's
	state           string // name or number; empty: the workflow's default
	typ             string
	epic, iteration int    // 0: none
	team            string // name, mention name or id; empty: none
	token           secret.String
}

// guide returns what the tracker's page says beside settings and credentials.
func guide() targets.Guide {
	return targets.Guide{
		Permissions: "A token has all rights of the member who made it: a member of the workspace, not an observer.",
		Token:       "Settings > Your account > API tokens > Generate token. Use a member of its own, so that the token does not go when somebody leaves.",
		Notes: []string{
			"Each story carries our marker as its external id, and as a second link beside the one to Productboard. The plugin finds the story again by either, so do not remove both.",
			"Labels that the workspace does not have are made by Shortcut.",
			"Shortcut's API does not list webhooks. Whoever restores an old backup of the plugin may find a webhook twice in Settings > Integrations > Webhooks, and can delete the older one.",
			"Estimate and deadline can be mapped in settings.fields like custom fields.",
		},
		Errors: []targets.GuideError{
			{Says: "Shortcut refused the token.", Means: "It is wrong or was revoked, or its member was deactivated. Make a new one."},
			{Says: "Shortcut has no workflow", Means: "settings.workflow is not the name or number of one of the workspace's workflows."},
			{Says: "Shortcut: epic_id", Means: "The epic in settings.epic is gone or archived."},
		},
		Hook: []string{
			"In Shortcut, open Settings > Integrations > Webhooks > Add new webhook.",
			"Payload URL: {address}",
			"Secret: {secret}",
			"Save it. Shortcut sends the events of the whole workspace; those of stories without a button are dropped.",
		},
	}
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Default: hosted, Example: hosted, Help: "Address of Shortcut's API; there is only one."},
		{Name: setWorkflow, Example: "Engineering", Help: "Name or number of the workflow for new stories. Default: the team's, else the workspace's."},
		{Name: setState, Example: "Ready for Development", Help: "Name or number of the workflow state for new stories. Default: the workflow's."},
		{Name: setType, Default: "feature", Enum: []string{"feature", "bug", "chore"}, Example: "bug", Help: "Type of new stories."},
		{Name: setEpic, Type: settings.TypeInt, Example: "1204", Help: "Number of the epic that new stories belong to, as in its address."},
		{Name: setIteration, Type: settings.TypeInt, Example: "77", Help: "Number of the iteration that new stories belong to, as in its address."},
		{Name: setTeam, Example: "Web", Help: "Name, mention name or id of the team that new stories belong to."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credToken, Required: true, Secret: true, Example: "file:shortcut.token", Help: "API token of the member who makes the stories (Settings > API tokens)."},
	}
}
