package gitea

import (
	"strings"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL         = "url"
	setRepository  = "repository"
	setMarkerLabel = "markerLabel"
	setMilestone   = "milestone"
	setPeople      = "people"
	credToken      = "token"

	apiPath       = "/api/v1"
	maxNamePart   = 100
	defaultMarker = "productboard"
)

// config is the settings of one repository.
type config struct {
	url         string
	repository  string // owner/name
	markerLabel string
	milestone   string            // title or id
	people      map[string]string // lower-case e-mail address -> login
	token       secret.String
}

func (c config) repo() string { return "/repos/" + c.repository }

func guide() targets.Guide {
	return targets.Guide{
		Permissions: "Scopes issue: Read and Write, repository: Read, user: Read. Also organization: Read if the organisation's labels are to be used. The account needs write access to the repository's issues for labels, assignee and milestone to be kept; without it they are dropped silently. " +
			"For the plugin to register its webhook itself, the token needs repository: Read and Write, and its account the role Administrator in the repository. Without them an admin adds the webhook by hand.",
		Token: "Log in as the account > Settings > Applications > Generate New Token; choose the scopes above; repository access: all, or public only for a public repository.",
		Notes: []string{
			"An issue is known by a comment in its text (`<!-- pushbutton: pb-... -->`), which is not shown. Leave it there.",
			"After a create that got no answer, the plugin looks through the newest 1,000 issues with markerLabel and the account's newest 200.",
			"Labels that the repository and its organisation do not have yet are created.",
			"An update adds labels and never takes any off.",
			"Descriptions are cut at 65,536 characters, so that lists stay readable.",
		},
		Hook: []string{
			"Open the repository as one of its administrators: Settings > Webhooks > Add Webhook > Gitea (on Forgejo: Forgejo).",
			"Target URL: " + targets.HookAddress,
			"HTTP Method: POST. POST Content Type: application/json",
			"Secret: " + targets.HookSecret,
			"Trigger On: Custom Events. Choose Issues, Issue Assigned, Issue Labeled and Issue Milestoned, and take Push off.",
			"Leave Active on, and choose Add Webhook.",
			"Where the plugin has a private address, the server's operator has to allow it in [webhook] ALLOWED_HOST_LIST.",
		},
		Errors: []targets.GuideError{
			{Says: "Gitea refused the token", Means: "It was deleted or mistyped. Make a new one."},
			{Says: "does not have at least one of required scope(s)", Means: "The token lacks one of the scopes above; scopes cannot be added later, so make a new one."},
			{Says: "Gitea has no repository ..., keeps no issues there", Means: "Gitea says 404 for what an account may not see, and for issues that are switched off. Check the name and the account's access."},
			{Says: "Something in front of Gitea answered", Means: "A proxy, firewall or login page wrote the answer. The plugin tries again; tell those who run it if it stays so."},
			{Says: "is archived", Means: "Archived repositories take no issues."},
			{Says: "is elsewhere", Means: "The repository was renamed or transferred. Issues that are there already are followed; new ones need its new name."},
		},
	}
}

// namePart reports whether s is a login, or a repository's name without its
// owner, as Gitea allows them.
func namePart(s string) bool {
	notAllowed := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.-", r)
	}
	return s != "" && len(s) <= maxNamePart && s != "." && s != ".." && !strings.ContainsFunc(s, notAllowed)
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Required: true, Example: "https://gitea.example.com",
			Help: "The server's address, with its path if it does not run at the root (https://codeberg.org for Codeberg)."},
		{Name: setRepository, Required: true, Example: "acme/app",
			Help: "The repository, as owner/name."},
		{Name: setMarkerLabel, Default: defaultMarker, Example: defaultMarker,
			Help: "Label that every pushed issue gets. The plugin finds its issues by it, so it must stay the same."},
		{Name: setMilestone, Example: "v2.0",
			Help: "Title or number of the open milestone for new issues. Default: none."},
		{Name: setPeople, Type: settings.TypeMap, Example: "{ jane@example.com: jane }",
			Help: "Logins by e-mail address, for assignee, of people who hide their address."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credToken, Required: true, Secret: true, Example: "env:GITEA_TOKEN",
			Help: "Access token of the account that makes the issues."},
	}
}
