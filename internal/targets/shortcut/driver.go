// Package shortcut pushes to a Shortcut workspace, as a story (API v3).
//
// Our marker is the story's external id, and part of one of its external
// links: Shortcut looks stories up by both. The other link leads to the entity
// in Productboard.
//
// Shortcut has no read of several stories by their ids, so the driver is no
// targets.ManyReader.
//
// What must not live here: anything that holds for other trackers as well.
package shortcut

import (
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

const (
	name = "Shortcut"
	// maxName, maxDescription and maxLabel are the published schema's.
	maxName        = 512
	maxDescription = 100_000
	maxLabel       = 128
	// consistency is caution: Shortcut does not say that its look-ups see a
	// story at once.
	consistency = 5 * time.Second
	// markerLink and the marker make an external link, which must be an address.
	markerLink = "https://app.productboard.com/?push="
	typeDone   = "done"
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
	t := targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxName, Description: maxDescription}, Lookup: targets.LookupSearch, Consistency: consistency, SetsRequester: true}
	if d.cfg.workflow != "" {
		t.Place = "workflow " + d.cfg.workflow
	}
	return t
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "shortcut",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

// open returns a driver for decoded settings.
func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	return newDriver(config{
		url:       c.Settings.String(setURL),
		workflow:  c.Settings.String(setWorkflow),
		state:     c.Settings.String(setState),
		typ:       c.Settings.String(setType),
		epic:      c.Settings.Int(setEpic),
		iteration: c.Settings.Int(setIteration),
		team:      c.Settings.String(setTeam),
		token:     c.Credentials[credToken],
	}, deps.HTTP), nil
}
