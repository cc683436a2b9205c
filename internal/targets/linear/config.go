package linear

import (
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL      = "url"
	setTeam     = "team"
	setState    = "state"
	setProject  = "project"
	setParent   = "parent"
	setPriority = "priority"
	credAPIKey  = "apiKey"
	credOAuth   = "oauthToken"
)

// priorities are Linear's, by their numbers.
func priorities() []string { return []string{"none", "urgent", "high", "medium", "low"} }

// config is the settings of one Linear team.
type config struct {
	url      string
	team     string // key, name or id
	state    string // name; empty: the team's default
	project  string // name, slug or id; empty: none
	parent   string // identifier or id; empty: none
	priority *int   // nil: not set
	key      secret.String
	oauth    bool // key is an OAuth access token
}

func guide() targets.Guide {
	return targets.Guide{
		Permissions: "Read and write in the team. A personal API key can be limited to teams; an OAuth token needs the scopes read and write. " +
			"Only if the plugin shall register its webhook: the permission Admin of a workspace admin's API key, or the OAuth scope admin.",
		Token: "Settings > Account > Security & access > Personal API keys > New API key. Choose the permissions Read and Write, and access to the team and to those that its issues are moved to. " +
			"Issues are created in the name of the key's owner, so use an account made for this. With OAuth and actor=app they are created in the application's name.",
		Notes: []string{
			"The issue's id is derived from our marker, so one push can never create two issues: Linear refuses the second.",
			"The issue gets a link to Productboard among its links, in the same request.",
			"Labels must exist in the team or the workspace; of two labels of one group the first is taken. The others are named in the description.",
			"An issue in Linear's trash, or archived before it was finished, stays connected: the button asks to restore it. What Linear archives by itself stays as it was.",
			"Linear gives the same answer for a deleted issue and for one that was moved to a team which the account does not see. With an API key that sees only one team, a button never gives up its issue by itself. Give the account every private team that issues may move to.",
		},
		Errors: []targets.GuideError{
			{Says: "Linear refused the API key", Means: "It is wrong, was deleted or has expired. Make a new one."},
			{Says: "Linear has no team", Means: "The key or name is wrong, the team is private or retired, or the API key is limited to others."},
			{Says: "Linear receives too many requests", Means: "The account's hourly limit is spent; the push is tried again by itself."},
			{Says: "usage limit", Means: "The workspace's plan does not allow more issues. Upgrade it, or archive some."},
		},
		Hook: []string{
			"As a workspace admin, open Settings > Administration > API, and choose New webhook.",
			"Give it a label, and the URL {address}.",
			"Choose the team of the integration, and under data change events only Issues.",
			"Set the signing secret to {secret}. If the page shows a secret of its own instead, store that one with the integration.",
			"Save it, and see that it is enabled.",
		},
	}
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Default: "https://api.linear.app", Example: "https://linear-proxy.example.com",
			Help: "Address of Linear's API. Only a proxy in front of it needs another one."},
		{Name: setTeam, Required: true, Example: "ENG",
			Help: "The team that gets new issues: its key (the letters before the number of its issues), its name, or its id."},
		{Name: setState, Example: "Todo",
			Help: "Name of the status of new issues. Default: the team's own."},
		{Name: setProject, Example: "Spring release",
			Help: "Name or id of the project of new issues, one of the team's."},
		{Name: setParent, Example: "ENG-12",
			Help: "Identifier of an issue whose sub-issues the new ones become."},
		{Name: setPriority, Enum: priorities(), Example: "high",
			Help: "Priority of new issues. Default: Linear's own."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credAPIKey, Secret: true, Example: "file:linear.key",
			Help: "Personal API key (lin_api_...) that may read and write. Either this or oauthToken."},
		{Name: credOAuth, Secret: true, Example: "file:linear.oauth",
			Help: "OAuth 2.0 access token with the scopes read and write. It expires unless something outside this plugin renews it."},
	}
}
