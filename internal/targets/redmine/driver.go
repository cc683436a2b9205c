// Package redmine pushes to a Redmine project through its REST API (seen on
// Redmine 5.0.4).
//
// Our marker is the value of a custom field of format Text that is used as a
// filter: such a look-up sees an issue as soon as it exists. Without that
// field nothing is created, because an issue that cannot be found again would
// be made twice sooner or later.
//
// What must not live here: anything that holds for other trackers as well.
package redmine

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

const (
	name = "Redmine"
	// maxSubject is the length of issues.subject in Redmine's schema.
	maxSubject = 255
	// maxDescription is what issues.description holds on MySQL, in bytes; other
	// databases take more. Before Redmine 3.4 the column was a TEXT.
	maxDescription    = 16<<20 - 1
	maxOldDescription = 65535
	// maxValue is what custom_values.value holds on MySQL (TEXT), in bytes.
	maxValue = 65535
	// maxFound bounds a look-up; Redmine gives no more than 100 at once.
	maxFound = 100
)

type driver struct {
	client
	resolved *targets.Remembered[*resolved]
	// dropped is set when Redmine accepted an issue without our marker.
	dropped atomic.Bool
	// required are the ids of the fields that the last rehearsal missed; nil:
	// there was none.
	required atomic.Pointer[map[string]bool]
	// formatless are the ids of custom fields whose format the account is not
	// shown, as of the last list.
	formatless atomic.Pointer[map[string]bool]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	d := &driver{client: c}
	d.resolved = targets.Remember(d.resolveSettings)
	return d
}

// Traits implements targets.Driver. Custom field filters read the database. How
// long a description can be depends on Redmine's version.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: name, Lookup: targets.LookupSearch, Place: fmt.Sprintf("project %q", d.cfg.project), Limits: targets.TextLimits{Title: maxSubject}}
	if d.cfg.assigns {
		t.Caveat = "Redmine finds people by e-mail for administrators alone: with another account's API key no issue is assigned, and the description names the person."
	}
	return t
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "redmine",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		Guide:       guide(),
		New:         open,
	}
}

// open returns a driver for decoded settings.
func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	return newDriver(config{
		url:         c.Settings.String(setURL),
		project:     c.Settings.String(setProject),
		tracker:     c.Settings.String(setTracker),
		textFormat:  c.Settings.String(setTextFormat),
		markerField: c.Settings.String(setMarkerField),
		linkField:   c.Settings.String(setLinkField),
		priority:    c.Settings.String(setPriority),
		key:         c.Credentials[credAPIKey],
		mapped:      slices.Sorted(maps.Keys(c.Settings.Map("fields"))),
		assigns:     c.Settings.String("assignee") != "" && c.Settings.String("assignee") != "none",
	}, deps.HTTP), nil
}
