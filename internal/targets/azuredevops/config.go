package azuredevops

import (
	"strconv"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings and credentials.
const (
	setURL              = "url"
	setOrganization     = "organization"
	setProject          = "project"
	setType             = "type"
	setAreaPath         = "areaPath"
	setIterationPath    = "iterationPath"
	setParent           = "parent"
	setDescriptionField = "descriptionField"
	setAPIVersion       = "apiVersion"
	credPAT             = "pat"
	credEntraToken      = "entraToken"

	hosted = "https://dev.azure.com"
)

// config is the settings of one project.
type config struct {
	// base is the address of the organization or collection.
	base          string
	project, typ  string
	area          string
	iteration     string
	parent        int // 0: none
	description   string
	apiVersion    string
	authorization secret.String // the header's value
}

func guide() targets.Guide {
	return targets.Guide{ //nolint:gosec // words about tokens, none of them one
		Permissions: "Scope Work Items: Read & write (vso.work_write). In the project: View and Edit work items in the area (group Contributors has both), and Create tag definition, since our marker is a tag. " +
			"Only if the plugin shall register its service hooks: View and Edit subscriptions of service hooks, which the group Project Administrators has.",
		Token: "User settings > Personal access tokens > New token: the organization, an expiry date, Custom defined, Work Items: Read & write. Use an account of its own, so that the token does not go when somebody leaves.",
		Notes: []string{
			"Each work item carries a tag pb-… by which the plugin finds it again; do not remove it. Azure DevOps drops unused tags by itself, and holds at most 150,000 in a project.",
			"Tags cannot hold a comma or semicolon: in labels they become spaces.",
			"The check sends a create with validateOnly to learn what it cannot see otherwise. Such a create makes nothing.",
			"Addresses of the form fabrikam.visualstudio.com are written as organization: fabrikam.",
			"Service hooks are three subscriptions, since Azure DevOps has one for each event. It signs nothing: a password proves who sends them, so their address must be https.",
		},
		Errors: []targets.GuideError{
			{Says: "Azure DevOps refused the token.", Means: "It is wrong, expired or revoked, or belongs to another organization: Azure DevOps answers 401, 203 or 302 with a log-in page. Make a new one."},
			{Says: "Azure DevOps: field 'Activity' is required in project Fabrikam.", Means: "The process wants it for new work items: map it in settings.fields, or make it optional in the process."},
			{Says: "may not create tags", Means: "Project settings > Permissions: allow Create tag definition to the account's group."},
			{Says: "has no work item type", Means: "settings.type is not one of the project's; the process decides what there is."},
		},
		Hook: []string{
			"As a project administrator, open Project settings > Service hooks > Create subscription, and choose Web Hooks.",
			"Choose the event Work item updated, with all filters at [Any].",
			"As URL enter {address}, as basic authentication username pushbutton, and as password {secret}.",
			"Leave Resource details to send at All, and choose None for both kinds of messages. Finish.",
			"Do the same for the events Work item deleted and Work item restored.",
		},
	}
}

// number reads an id; 0 means that it is none.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || strconv.Itoa(n) != s {
		return 0
	}
	return n
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Default: hosted, Example: "https://tfs.example.com/tfs",
			Help: "Address of an Azure DevOps Server, without the collection. Default: Azure DevOps Services."},
		{Name: setOrganization, Required: true, Example: "fabrikam",
			Help: "The organization, as in dev.azure.com/fabrikam; of a Server, the collection (DefaultCollection)."},
		{Name: setProject, Required: true, Example: "Fabrikam Fiber",
			Help: "The project's name."},
		{Name: setType, Default: "User Story", Example: "Bug",
			Help: "Type of new work items, as the project's process names it (Issue in Basic, Product Backlog Item in Scrum, Requirement in CMMI)."},
		{Name: setAreaPath, Example: `Fabrikam Fiber\Web`, Help: "Area path of new work items. Default: the project's root."},
		{Name: setIterationPath, Example: `Fabrikam Fiber\Sprint 3`, Help: "Iteration path of new work items. Default: the project's root."},
		{Name: setParent, Type: settings.TypeInt, Example: "1204", Help: "Number of the work item, such as a feature or epic, that new ones go under."},
		{Name: setDescriptionField, Example: "Microsoft.VSTS.TCM.ReproSteps",
			Help: "Reference name of the HTML field that takes the description. Default: Repro Steps where the type has them (bugs), else System.Description."},
		{Name: setAPIVersion, Default: "7.1", Enum: []string{"7.1", "7.0", "6.0", "5.1"}, Example: "7.0",
			Help: "Version of the REST API; an older Server needs an older one (2022: 7.0, 2020: 6.0, 2019: 5.1)."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credPAT, Secret: true, Example: "file:azuredevops.pat",
			Help: "Personal access token of the account that makes the work items. Either this or entraToken."},
		{Name: credEntraToken, Secret: true, Example: "file:entra.token",
			Help: "Microsoft Entra access token for Azure DevOps, of a user or service principal; somebody must renew it, since it lives about an hour."},
	}
}
