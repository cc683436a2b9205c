package redmine

import (
	"strconv"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL         = "url"
	setProject     = "project"
	setTracker     = "tracker"
	setTextFormat  = "textFormat"
	setMarkerField = "markerField"
	setLinkField   = "linkField"
	setPriority    = "priority"
	credAPIKey     = "apiKey"

	defaultLinkField = "Productboard link"
)

// The text formats that a Redmine can be set to. Its API does not tell which.
const (
	textile    = "textile"
	markdown   = "markdown"   // by the library Redcarpet, up to Redmine 5
	commonMark = "commonmark" // since Redmine 5, and the only Markdown since 6
)

// config is the settings of one Redmine project.
type config struct {
	url        string
	project    string
	tracker    string // name or number; empty: the project's first
	textFormat string
	// markerField and linkField are names or numbers of custom fields.
	markerField string
	linkField   string
	priority    string // name or number; empty: Redmine's default
	key         secret.String
	// mapped are the custom fields that the mapping fills, by name or number,
	// and assigns reports whether it wants an assignee.
	mapped  []string
	assigns bool
}

// guide returns what the tracker's page says beside settings and credentials.
func guide() targets.Guide {
	return targets.Guide{
		Permissions: "A role in the project that may view, add, edit and comment issues. To close duplicates or unlinked issues, the role also needs a workflow that lets it. " +
			"It needs Manage subtasks if settings.fields fills Parent task, and Set issues public or private if it fills Private; otherwise Redmine drops these values. Only an administrator's key finds people by e-mail and sees the types and choices of custom fields.",
		Token: "Switch REST on (Administration > Settings > API). Sign in as the account that is to create the issues, open My account, and show the API access key on the right. Then, as an administrator, make the marker's field: Administration > Custom fields > New > Issues, format Text, name \"Productboard ID\", Used as a filter, For all projects, all trackers.",
		Notes: []string{
			"Text format: Redmine's default was textile up to version 5, and is CommonMark since version 6. The check compares `textFormat` with Redmine's, where a preview without signing in or an issue of the project shows it. Redmine has had two Markdowns that differ: Redcarpet, which is \"Markdown\" up to version 5, and CommonMark.",
			"Required fields show only when an issue is created, so the check sends a create that Redmine must refuse.",
			"Redmine has no labels of its own; settings.labels and tags are ignored. Map a custom field in settings.fields instead.",
			"Native fields are named as in Redmine's English pages or as in its API (due_date), whatever the account's language. The pages call them Priority, Category, Target version, Start date, Due date, Estimated time, % Done, Parent task and Private. Parent task takes the number of an issue.",
			"Custom fields: by name, or by the number in their address under Administration > Custom fields, which always works. A key that is not an administrator's learns only the names, from the project's settings and its issues. Values are then sent as they are written, so a yes/no field needs 1 or 0, and a key/value list, a version or a user its number.",
			"Rich text goes into custom fields of the format Long text in the server's text format. Set their Text formatting to Full, or they show the markup.",
			"Assignee and fields of people: Redmine lists accounts by e-mail (the first of each) for administrators' keys alone, and its lists of members hold no addresses. With another key the description names the person. Somebody counts only if a role in the project makes them assignable.",
			"The author of an issue is always the key's account: Redmine does not let it be set.",
		},
		Errors: []targets.GuideError{
			{Says: "Redmine refused the API key", Means: "The key is wrong or was reset."},
			{Says: "Redmine takes no requests by API key", Means: "REST is off: Administration > Settings > API > Enable REST web service."},
			{Says: "field \"X\" is required in project \"push\"", Means: "Map the field in settings.fields, make it optional in Redmine, or give it a default."},
			{Says: "Redmine: X cannot be blank", Means: "The same, of a field that the key's account is not shown: map it by its number."},
			{Says: "Redmine has no project", Means: "`project` must be the identifier in the address of the project's page."},
		},
		Hook: []string{
			"Redmine has webhooks since version 7.0. With an older one, leave this out: the plugin then finds changes by its sweeps alone.",
			"As an administrator, switch webhooks on, since they are off by default (Administration > Settings). Then give a role in the project the permission Use webhooks.",
			"Sign in as an account with that role that sees the project's issues. Open My account > Webhooks > New webhook.",
			"URL: {address}",
			"Secret: {secret}",
			"Events: choose those of issues: updated and deleted. Projects: choose the project in settings.project. Activate the webhook and save it.",
			"The plugin's address must be one that Redmine may reach: Redmine refuses addresses of its own network unless its configuration allows them.",
		},
	}
}

// number reads a setting that is a name or a number; 0 means a name.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Required: true, Example: "https://redmine.example.com",
			Help: "Redmine's address, with its path if it does not run at the root."},
		{Name: setProject, Required: true, Example: "push",
			Help: "The project's identifier, as in the address of its page, or its number."},
		{Name: setTracker, Example: "Feature",
			Help: "Name or number of the tracker for new issues. Default: the project's first."},
		{Name: setTextFormat, Default: textile, Enum: []string{textile, markdown, commonMark}, Example: commonMark,
			Help: "Redmine's text format (Administration > Settings > General): commonmark for \"CommonMark Markdown\", markdown for the older \"Markdown\" up to Redmine 5."},
		{Name: setMarkerField, Default: "Productboard ID", Example: "7",
			Help: "Name or number of the issues' custom field for our marker: format Text, used as a filter. A number is needed where the API key is not an administrator's and the project has no issues yet."},
		{Name: setLinkField, Example: defaultLinkField,
			Help: "Name or number of a custom field (format Link or Text) for the entity's address. Default: the field named \"" + defaultLinkField + "\", if there is one."},
		{Name: setPriority, Example: "Normal",
			Help: "Name or number of the priority of new issues. Default: Redmine's own."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credAPIKey, Required: true, Secret: true, Example: "file:redmine.key",
			Help: "API access key of the account that makes the issues (My account, right-hand side). REST must be switched on in Administration > Settings > API."},
	}
}
