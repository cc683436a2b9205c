package gitlab

import (
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL          = "url"
	setProject      = "project"
	setIssueType    = "issueType"
	setConfidential = "confidential"
	setEpic         = "epic"
	credToken       = "token"
	credOAuth       = "oauthToken"
)

// config is the settings of one GitLab project.
type config struct {
	url          string
	project      string // path or number
	issueType    string
	confidential bool
	epic         int // the number after "&"; 0: none
	token        secret.String
	oauth        bool // token is an OAuth access token
}

func guide() targets.Guide {
	return targets.Guide{
		Permissions: "Scope api, and the role Planner (GitLab 17.7 and later), Reporter or above in the project. GitLab drops a guest's labels, and with them the marker. " +
			"For the plugin to register its webhook itself, the role must be Maintainer or above. Without it an admin adds the webhook by hand.",
		Token: "In the project: Settings > Access tokens > Add new token, role Reporter, scope api. Where project access tokens are not offered (GitLab.com Free): " +
			"your picture > Edit profile > Access > Personal access tokens, scope api. Use an account made for this. `plugin doctor` and the log warn 14 days before it expires.",
		Notes: []string{
			"Each issue gets a label of its own (pb-...), by which the plugin finds it when an answer was lost. The description has the same marker in a hidden line.",
			"A tag with a comma loses the comma: GitLab's labels cannot hold one. Of scoped labels (a::b) of one scope GitLab keeps the last.",
			"People are found by e-mail only where GitLab shows it: their public e-mail, or any for an administrator's token. Others are named in the description.",
			"Weight and epics are GitLab Premium; GitLab Free ignores a weight silently.",
			"An issue that people move is followed to its new project, if the account is a member there. A project access token sees no other project: the button keeps the old address, which leads people on.",
			"GitLab gives the same answer for a deleted issue and for a confidential one that it hides. A button gives up an issue only if the account has the role Planner or Reporter, which sees both.",
		},
		Hook: []string{
			"Open the project as somebody with the role Maintainer: Settings > Webhooks > Add new webhook.",
			"URL: " + targets.HookAddress,
			"Secret token: " + targets.HookSecret,
			"Trigger: Issues events and Confidential issues events. Take Push events off.",
			"Leave Enable SSL verification on, and choose Add webhook.",
			"If GitLab shows the webhook as disabled later, choose Test > Issues events to switch it on again.",
		},
		Errors: []targets.GuideError{
			{Says: "GitLab refused the token", Means: "It is wrong, expired or revoked. Make a new one."},
			{Says: "the token may not write", Means: "It lacks the scope api (read_api is not enough)."},
			{Says: "GitLab has no project", Means: "The path is wrong, or the token's account is no member: GitLab says the same of both."},
			{Says: "needs the role Reporter", Means: "The account is a guest in the project."},
			{Says: "recognized as spam", Means: "The instance's spam check stopped the issue, which a CAPTCHA cannot mend here. Ask an administrator to allow the account."},
			{Says: "lacks the permission", Means: "The token is a fine-grained one. Make a new one with the permission that the sentence names."},
		},
	}
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Default: "https://gitlab.com", Example: "https://gitlab.example.com",
			Help: "GitLab's address, with its path if it does not run at the root."},
		{Name: setProject, Required: true, Example: "group/project",
			Help: "The project's path, as in the address of its page, or its number (Project ID)."},
		{Name: setIssueType, Default: "issue", Enum: []string{"issue", "incident", "task", "test_case"}, Example: "task",
			Help: "Type of new issues. Test cases need GitLab Ultimate."},
		{Name: setConfidential, Type: settings.TypeBool, Default: "false", Example: "true",
			Help: "Whether new issues are confidential: only members with the role Planner or Reporter and above, their author and assignees see them."},
		{Name: setEpic, Type: settings.TypeInt, Example: "12",
			Help: "Number of the epic that new issues belong to, as after the & in its reference, in the project's group. Needs GitLab Premium."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credToken, Secret: true, Example: "file:gitlab.token",
			Help: "Personal, project or group access token with the scope api. Either this or oauthToken."},
		{Name: credOAuth, Secret: true, Example: "file:gitlab.oauth",
			Help: "OAuth 2.0 access token with the scope api. It expires after two hours unless something outside this plugin renews it."},
	}
}
