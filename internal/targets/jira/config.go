package jira

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setEdition    = "edition"
	setURL        = "url"
	setCloudID    = "cloudId"
	setGateway    = "gatewayUrl"
	setEmail      = "email"
	setProject    = "project"
	setIssueType  = "issueType"
	setParent     = "parent"
	setPriority   = "priority"
	setComponents = "components"
	setAssignee   = "assignee" // the shared layer's; read to see what must be on the screen

	credAPIToken    = "apiToken"
	credAccessToken = "accessToken"
	credPAT         = "personalAccessToken"
)

// The editions: two products with different APIs.
const (
	cloud      = "cloud"
	dataCenter = "datacenter"
)

// defaultGateway is where Atlassian takes OAuth and scoped API tokens.
const defaultGateway = "https://api.atlassian.com"

// config is the settings of one Jira project.
type config struct {
	cloud bool
	// site is what people open; api is the root of the REST API.
	site, api string
	// auth is the whole Authorization header; oauth says that it is an OAuth
	// access token.
	auth  secret.String
	oauth bool

	project    string // key or number
	issueType  string // name or number; empty: the project's first
	parent     string // key; empty: none
	priority   string // name or number; empty: Jira's default
	components []string
	assigns    bool // new issues are to be given to somebody
}

func guide() targets.Guide {
	return targets.Guide{
		Permissions: "In the project: Browse projects, Create issues, Edit issues, Link issues, Add comments, Transition issues. Also Assign issues if settings.assignee is used, and Modify reporter if settings.reporter is used. " +
			"To find people by e-mail, the global permission Browse users and groups. An OAuth token needs the scopes read:jira-work, write:jira-work and read:jira-user; an API token with scopes needs the same and settings.cloudId. To register webhooks by itself, the plugin needs the global permission Administer Jira and an API token without scopes, or a personal access token.",
		Token: "Cloud: sign in as the account that is to create the issues. Open https://id.atlassian.com/manage-profile/security/api-tokens > Create API token. Put the token into credentials.apiToken and the account's address into settings.email. " +
			"Data Center: sign in as that account, open Profile > Personal Access Tokens > Create token, and put it into credentials.personalAccessToken.",
		Notes: []string{
			"The issue type's create screen must have the fields Labels and Description. Our marker is a label, and the plugin finds a push again by it.",
			"Jira Cloud's search sees a new issue some seconds late. After a push whose outcome is unknown the plugin therefore waits and looks again before it creates.",
			"Texts are cut at 32,767 characters, which is Jira's usual limit; on Cloud the formatting around the text counts as well. If an admin has set a lower limit, the plugin reads it from Jira's refusal.",
			"Labels have no spaces in Jira; the plugin writes a hyphen instead.",
			"An OAuth access token ends an hour after it was made, and the plugin does not renew it: an API token is the better choice for a service.",
			"Jira Cloud shows the e-mail addresses of few people. The plugin still finds somebody whose address is hidden if the search returns nobody else.",
			"In custom fields, a choice below another (cascading select) is written \"Parent / Child\", a sprint as its number.",
			"Jira gives the same answer for an issue that was deleted, restricted, or moved to where the account does not see it. The plugin cannot tell these apart and keeps the link: unlink, and push again for a new issue.",
		},
		Errors: []targets.GuideError{
			{Says: "field \"X\" is required in project ENG", Means: "Map the field in settings.fields, or make it optional in the project's field configuration."},
			{Says: "has no field Labels on the create screen", Means: "Add Labels to the screen that the project uses for creating this issue type."},
			{Says: "refused the API token", Means: "The token ended (after a year at most) or was revoked, or settings.email names another account. Make a new one."},
			{Says: "does not show issue", Means: "Somebody deleted the issue, restricted it (issue security), or moved it to a project that the account cannot browse. Let the account see it, or unlink and push again."},
			{Says: "may not create issues", Means: "Give the account a role in the project that has the permission Create issues."},
			{Says: "asks for a CAPTCHA", Means: "Somebody tried wrong passwords. Sign in to Jira once as that account in a browser."},
			{Says: "there is no project", Means: "settings.project is wrong, or the account lacks the permission Browse projects."},
			{Says: "lets only its admins register webhooks", Means: "Give the account the global permission Administer Jira (Settings > System > Global permissions), or set the webhook up by hand."},
		},
		Hook: []string{
			"A Jira admin opens Settings > System > WebHooks > Create a WebHook. On Data Center this needs version 10 or newer: older ones do not sign webhooks.",
			"URL: {address}",
			"Secret: {secret}",
			"Events: Issue updated and Issue deleted. As the JQL filter, write project = and the key in settings.project. Leave Exclude body off.",
			"Set the status to Enabled, and create the webhook.",
		},
	}
}

func (cfg *config) readCloud(c targets.Config, wrong func(path, message string)) {
	s, creds := c.Settings, c.Credentials
	id, email := s.String(setCloudID), s.String(setEmail)
	cfg.api = cfg.site
	if id != "" {
		cfg.api = s.String(setGateway) + "/ex/jira/" + url.PathEscape(id)
	}
	apiToken, accessToken := creds[credAPIToken], creds[credAccessToken]
	switch {
	case apiToken.Empty() && accessToken.Empty():
		wrong("credentials."+credAPIToken, "is required (or "+credAccessToken+")")
	case !apiToken.Empty() && !accessToken.Empty():
		wrong("credentials."+credAccessToken, "must not stand beside "+credAPIToken+": which one counts?")
	case !apiToken.Empty():
		if !strings.Contains(email, "@") || strings.Contains(email, ":") {
			wrong("settings."+setEmail, "is required with credentials."+credAPIToken+" and must be an e-mail address")
		}
		cfg.auth = secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(email+":"+apiToken.Reveal())))
	default:
		if id == "" {
			wrong("settings."+setCloudID, "is required with credentials."+credAccessToken)
		}
		cfg.auth, cfg.oauth = secret.New("Bearer "+accessToken.Reveal()), true
	}
	if !creds[credPAT].Empty() {
		wrong("credentials."+credPAT, "is for settings.edition: datacenter; Jira Cloud takes "+credAPIToken+" or "+credAccessToken)
	}
}

func (cfg *config) readDataCenter(c targets.Config, wrong func(path, message string)) {
	cfg.api = cfg.site
	cfg.auth = secret.New("Bearer " + c.Credentials[credPAT].Reveal())
	if c.Credentials[credPAT].Empty() {
		wrong("credentials."+credPAT, "is required with settings.edition: datacenter")
	}
	if u, err := url.Parse(cfg.site); err == nil && strings.HasSuffix(u.Hostname(), ".atlassian.net") {
		wrong("settings."+setEdition, "must be cloud: settings.url is a Jira Cloud site")
	}
	for _, name := range []string{setCloudID, setEmail} {
		if c.Settings.String(name) != "" {
			wrong("settings."+name, "is for settings.edition: cloud")
		}
	}
	for _, name := range []string{credAPIToken, credAccessToken} {
		if !c.Credentials[name].Empty() {
			wrong("credentials."+name, "is for settings.edition: cloud; Data Center takes "+credPAT)
		}
	}
}

// issueKey is the form of an issue's key; project keys can be longer and of
// other letters on Data Center, if its admin says so.
var issueKey = regexp.MustCompile(`^\p{L}[\p{L}\p{N}_]*-[0-9]{1,18}$`) //nolint:gochecknoglobals // a constant

func isKey(s string) bool { return issueKey.MatchString(s) }

// isID reports whether s can be an issue's number.
func isID(s string) bool {
	return s != "" && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setEdition, Default: cloud, Enum: []string{cloud, dataCenter}, Example: dataCenter,
			Help: "cloud for Jira Cloud (mostly *.atlassian.net), datacenter for a Jira that you run yourselves."},
		{Name: setURL, Type: settings.TypeURL, Required: true, Example: "https://example.atlassian.net",
			Help: "Jira's address as people open it, with its path if it does not run at the root."},
		{Name: setCloudID, Example: "11223344-a1b2-3b33-c444-def123456789",
			Help: "Cloud only: the site's id (in https://<site>/_edge/tenant_info). Needed with accessToken and with an API token that has scopes; the API is then reached through Atlassian's gateway."},
		{Name: setGateway, Type: settings.TypeURL, Default: defaultGateway, Example: "https://api.atlassian-us-gov-mod.com",
			Help: "Cloud only, with cloudId: the gateway's address. Only Atlassian Government Cloud has another one."},
		{Name: setEmail, Usual: true, Example: "push@example.com",
			Help: "Cloud only, with apiToken: the e-mail address of the account whose token it is."},
		{Name: setProject, Required: true, Example: "ENG",
			Help: "The project's key, as in its issues' keys, or its number."},
		{Name: setIssueType, Example: "Story",
			Help: "Name or number of the type of new issues. Default: the project's first that is neither a subtask nor an epic."},
		{Name: setParent, Example: "ENG-12",
			Help: "Key of the issue that new issues go under: an epic, or for a subtask type any issue."},
		{Name: setPriority, Example: "High",
			Help: "Name or number of the priority of new issues. Default: Jira's own."},
		{Name: setComponents, Type: settings.TypeList, Example: "[Backend, API]",
			Help: "Names or numbers of the project's components that new issues belong to."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credAPIToken, Secret: true, Example: "env:JIRA_API_TOKEN",
			Help: "Cloud: API token of the account in settings.email."},
		{Name: credAccessToken, Secret: true, Example: "env:JIRA_ACCESS_TOKEN",
			Help: "Cloud, instead of apiToken: an OAuth 2.0 (3LO) access token with the scopes read:jira-work, write:jira-work, read:jira-user. Needs settings.cloudId."},
		{Name: credPAT, Secret: true, Example: "file:jira.token",
			Help: "Data Center: personal access token of the account that makes the issues (Jira 8.14 or newer)."},
	}
}

// open returns a driver for decoded settings.
func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	cfg, errs := newConfig(c)
	if len(errs) > 0 {
		return nil, errs
	}
	return newDriver(cfg, deps.HTTP), nil
}
