// Package linear pushes to a Linear team through its GraphQL API.
//
// Linear takes an issue's id from whoever creates it, if it is a UUID of
// version 4. Ours is made of the marker and the team, so the marker is the
// id: a look-up is a read by id, and Linear itself refuses a second issue.
//
// What must not live here: anything that holds for other trackers as well.
package linear

import (
	"slices"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
)

const (
	name = "Linear"
	// Linear publishes no limits. These are what it was not seen to refuse: a
	// title that other trackers take too, and a description (in characters)
	// that keeps a request far below a megabyte.
	maxTitle       = 255
	maxDescription = 100_000
	// maxIdentifier bounds what people call an issue by.
	maxIdentifier = 40
	// maxMany is how many issues readIssues asks for. Linear's pages can have 250.
	maxMany = 100
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
	return targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxTitle, Description: maxDescription}, Lookup: targets.LookupExact, Exclusive: true, Place: "team " + d.cfg.team}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "linear",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	key, oauth, errs := c.OneCredential(credAPIKey, credOAuth)
	if len(errs) > 0 {
		return nil, errs
	}
	cfg := config{
		url:     c.Settings.String(setURL),
		team:    c.Settings.String(setTeam),
		state:   c.Settings.String(setState),
		project: c.Settings.String(setProject),
		parent:  c.Settings.String(setParent),
		key:     key,
		oauth:   oauth,
	}
	if at := slices.Index(priorities(), c.Settings.String(setPriority)); at >= 0 {
		cfg.priority = &at
	}
	return newDriver(cfg, deps.HTTP), nil
}
