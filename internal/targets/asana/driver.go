// Package asana pushes to a project of Asana, as a task.
//
// Our marker is the last line of the task's description; for an OAuth app it
// is the task's external id as well. Without an app there is no place that
// Asana can look up at once (its search lags by a minute), so the project's
// tasks are read through.
//
// What must not live here: anything that holds for other trackers as well.
package asana

import (
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

const (
	name = "Asana"
	// maxName and maxNotes are what Asana was seen to take by others; it
	// publishes neither. Notes are in bytes, markup included.
	maxName  = 1000
	maxNotes = 65_000
)

type driver struct {
	client
	resolved *targets.Remembered[*resolved]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	d := &driver{client: c}
	d.resolved = targets.Remember(d.resolveSettings)
	return d
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxName, Description: maxNotes}, Lookup: targets.LookupExact, Place: "project " + d.cfg.project}
	if !d.cfg.oauth {
		t.Lookup = targets.LookupScan
		t.Caveat = "Asana: a push whose outcome is not known is looked for among the tasks that changed in the last 30 days, at most 3,000; with an OAuth app's token it is found at once."
	}
	return t
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "asana",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	token, oauth, errs := c.OneCredential(credToken, credOAuth)
	for _, setting := range []string{setProject, setParent} {
		if v := c.Settings.String(setting); v != "" && !isGID(v) {
			errs = append(errs, settings.FieldError{Path: "settings." + setting, Message: "must be a number, as in the address (for example 1201234567890123)"})
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	cfg := config{
		url:         c.Settings.String(setURL),
		project:     c.Settings.String(setProject),
		section:     c.Settings.String(setSection),
		typ:         c.Settings.String(setType),
		parent:      c.Settings.String(setParent),
		statusField: c.Settings.String(setStatusField),
		token:       token,
		oauth:       oauth,
	}
	return newDriver(cfg, deps.HTTP), nil
}
