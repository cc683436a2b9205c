package memtarget

import (
	"time"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

const (
	name = "Sandbox tracker"

	setURL     = "url"
	setProject = "project"
	setLag     = "lookupLagSeconds"
	credAPIKey = "apiKey"
)

type config struct {
	url     string
	project string
	lag     time.Duration
	key     secret.String
}

// settingFields returns the settings beside those that every kind has.
func settingFields() []settings.Field {
	return []settings.Field{
		{Name: setURL, Type: settings.TypeURL, Required: true, Example: "http://127.0.0.1:8090",
			Help: "Where the tracker's API is mounted."},
		{Name: setProject, Required: true, Example: "demo", Help: "The project's name."},
		{Name: setLag, Type: settings.TypeInt, Default: "0", Example: "5",
			Help: "How long, in seconds, the tracker may not find a new issue: set it with the look-up lag that it is told to have."},
	}
}

// credentialFields returns the credentials.
func credentialFields() []settings.Field {
	return []settings.Field{
		{Name: credAPIKey, Required: true, Secret: true, Example: "env:SANDBOX_KEY", Help: "One of the project's keys."},
	}
}

// guide returns what the tracker's page says beside settings and credentials.
func guide() targets.Guide {
	return targets.Guide{
		Permissions: "Any of the project's keys may do everything in it.",
		Token:       "`plugin dev` and `plugin sandbox` make the project and its key and print them.",
		Notes:       []string{"It lives in the memory of `plugin dev` or `plugin sandbox`: for trying things out, never for production."},
		Hook: []string{
			"Send `POST /api/projects/NAME/hooks` to the tracker, with one of the project's keys in the header `X-API-Key`.",
			"The body is `{\"url\": \"" + targets.HookAddress + "\", \"secret\": \"" + targets.HookSecret + "\", \"active\": true}`.",
		},
	}
}

// open returns a driver for decoded settings.
func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	return &driver{http: deps.HTTP, cfg: config{
		url:     c.Settings.String(setURL),
		project: c.Settings.String(setProject),
		lag:     time.Duration(c.Settings.Int(setLag)) * time.Second,
		key:     c.Credentials[credAPIKey],
	}}, nil
}
