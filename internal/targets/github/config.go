package github

import (
	"crypto/rsa"
	"net/url"
	"strings"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL          = "url"
	setRepository   = "repository"
	setMarkerLabel  = "markerLabel"
	setType         = "type"
	setMilestone    = "milestone"
	setPeople       = "people"
	setAppID        = "appId"
	setInstallation = "installationId"
	credToken       = "token"
	credPrivateKey  = "privateKey"
)

// config is the settings of one repository.
type config struct {
	api         string // the API's root
	repository  string // owner/name
	markerLabel string
	typ         string
	milestone   string            // title or number
	people      map[string]string // lower-case e-mail address -> login
	token       secret.String
	// A GitHub App instead of a token, if key is set.
	appID, installationID string
	key                   *rsa.PrivateKey
}

func (c config) repo() string { return "/repos/" + c.repository }

func (c config) repositoryName() string {
	_, name, _ := strings.Cut(c.repository, "/")
	return name
}

// needsWriteAccess reports whether the settings want what only accounts with write
// access can set.
func (c config) needsWriteAccess() bool { return c.typ != "" || c.milestone != "" }

func guide() targets.Guide {
	return targets.Guide{
		Permissions: "Issues: Read and write on the repository (Metadata: Read-only comes with it). The account needs the role Write there for labels, assignee, milestone and type to be kept; without that role GitHub drops them silently. An issue type is checked only if the token may also read the organisation's issue types. " +
			"For the plugin to register its webhook itself, a token also needs Webhooks: Read and write (a classic one: the scope admin:repo_hook), and its account the role Admin. Without them an admin adds the webhook by hand.",
		Token: "Token: GitHub > Settings > Developer settings > Personal access tokens > Fine-grained tokens > Generate. Choose the repository's resource owner, Only select repositories, and the permission Issues: Read and write. " +
			"GitHub App: Organisation > Settings > Developer settings > GitHub Apps > New. Give it the permission Issues: Read and write. For changes to reach the button at once, switch its webhook on, and subscribe it to the event Issues. Its URL is the plugin's public address and /hooks/github. Its secret is the one that the plugin's operator has set. Without a webhook, switch Active off. Generate a private key (credentials.privateKey), and install the App on the repository. The App ID is on the App's page (settings.appId). The installation's number is in the address of the page that Configure leads to (settings.installationId).",
		Notes: []string{
			"An issue is known by a comment in its text (`<!-- pushbutton: pb-... -->`), which GitHub does not show. Leave it there.",
			"After a create that GitHub gave no answer to, the plugin looks through the newest 1,000 issues with markerLabel and the account's newest 200.",
			"Labels that the repository does not have yet are created by GitHub. Labels longer than 50 characters are cut. Those that GitHub refuses are named in the issue's text instead.",
			"An update adds labels and never takes any off.",
			"Issues that the plugin closes are closed as not planned.",
			"Issue types need a GitHub Enterprise Server that has them; 3.19 does.",
		},
		Hook: []string{
			"A GitHub App has one webhook for all its repositories, which its owner sets up once. The steps below are for a token.",
			"Open the repository as somebody with the role Admin: Settings > Webhooks > Add webhook.",
			"Payload URL: " + targets.HookAddress,
			"Content type: application/json",
			"Secret: " + targets.HookSecret,
			"SSL verification: Enable SSL verification",
			"Which events: Let me select individual events. Choose Issues alone, and take Pushes off.",
			"Leave Active on, and choose Add webhook.",
		},
		Errors: []targets.GuideError{
			{Says: "GitHub refused the token", Means: "It expired (fine-grained tokens do), was revoked or mistyped. Make a new one."},
			{Says: "GitHub has no repository ..., or does not show it", Means: "GitHub says 404 for what a token may not see. Check the name and the token's repositories; in an organisation an owner may have to approve the token first."},
			{Says: "it needs the permission issues=write", Means: "The token lacks Issues: Read and write, or its account may not write there."},
			{Says: "authorise it for single sign-on", Means: "The organisation uses SAML: the token's owner must authorise it for the organisation."},
			{Says: "is elsewhere", Means: "The repository was renamed or transferred. Issues that are there already are followed; new ones need its new name."},
			{Says: "transferred out of its reach", Means: "GitHub says 404 for an issue that was moved to a repository the account may not see. Give it access there; a GitHub App's token is good for the one repository alone."},
			{Says: "Something in front of GitHub answered", Means: "A proxy or firewall, or a page that GitHub shows during an outage. The plugin tries again."},
			{Says: "Issues are switched off", Means: "Settings > General > Features > Issues in the repository."},
			{Says: "receives too many requests", Means: "GitHub's hourly or secondary limit; the plugin waits as long as GitHub asks."},
		},
	}
}

// namePart reports whether s is a login, or a repository's name without its
// owner, as GitHub allows them.
func namePart(s string) bool {
	notAllowed := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.-", r)
	}
	return s != "" && len(s) <= 100 && s != "." && s != ".." && !strings.ContainsFunc(s, notAllowed)
}

// apiRoot returns the API of a GitHub that is at an address.
func apiRoot(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // the reader of settings has seen to it
	}
	switch host := strings.ToLower(u.Host); {
	case host == "github.com" || host == "www.github.com" || host == "api.github.com":
		return "https://api.github.com"
	case strings.HasSuffix(host, ".ghe.com"): // GitHub Enterprise Cloud with data residency
		return "https://api." + strings.TrimPrefix(host, "api.")
	case strings.HasSuffix(u.Path, "/api/v3"):
		return address
	default:
		return address + "/api/v3"
	}
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setRepository, Required: true, Example: "acme/app",
			Help: "The repository, as owner/name."},
		{Name: setURL, Type: settings.TypeURL, Default: "https://github.com", Example: "https://github.example.com",
			Help: "GitHub's address, as in the browser. Another one than github.com's is GitHub Enterprise's."},
		{Name: setMarkerLabel, Default: "productboard", Example: "productboard",
			Help: "Label that every pushed issue gets. The plugin finds its issues by it, so it must stay the same."},
		{Name: setType, Example: "Feature",
			Help: "Issue type of new issues, one of the organisation's. Default: none."},
		{Name: setMilestone, Example: "v2.0",
			Help: "Title or number of the open milestone for new issues. Default: none."},
		{Name: setPeople, Type: settings.TypeMap, Example: "{ jane@example.com: janedoe }",
			Help: "GitHub logins by e-mail address, for assignee. GitHub does not say whose address is whose."},
		{Name: setAppID, Example: "123456",
			Help: "App ID (or client ID) of a GitHub App, if the plugin is to act as one."},
		{Name: setInstallation, Example: "12345678",
			Help: "Number of the App's installation, as in the address of its page."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credToken, Secret: true, Example: "env:GITHUB_TOKEN",
			Help: "Fine-grained personal access token. Not with a GitHub App."},
		{Name: credPrivateKey, Secret: true, Multiline: true, Example: "file:github-app.pem",
			Help: "Private key of the GitHub App, as downloaded (PEM)."},
	}
}
