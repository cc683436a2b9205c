// Package gitlab pushes to a GitLab project, hosted or self-managed, through
// the REST API v4.
//
// Our marker is a label of its own on each issue, by which GitLab's database
// lists it at once, and stands in the description too, in a line that is not
// shown: so an issue whose label somebody took away is still found, by a
// search. GitLab drops labels that an account may not make without a word;
// Check asks for the role that may.
//
// What must not live here: anything that holds for other trackers as well.
package gitlab

import (
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

const (
	name = "GitLab"
	// maxTitle is GitLab's limit for a title, in characters.
	maxTitle = 255
	// maxDescription is GitLab's limit for a description, in bytes (1 MiB, the
	// default of an instance's setting).
	maxDescription = 1 << 20
	// maxFound bounds a look-up; GitLab gives no more than 100 at once.
	maxFound = 100
	// lag is how long a read replica may be behind. GitLab lets an account that
	// has just written read from the primary, so this is for its exceptions.
	lag = 5 * time.Second
)

type driver struct {
	client
	places   *targets.Remembered[*place]
	resolved *targets.Remembered[*resolved]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	d := &driver{client: c}
	d.places = targets.Remember(d.findPlace)
	d.resolved = targets.Remember(d.resolveSettings)
	return d
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxTitle, Description: maxDescription}, Titles: richtext.GitLabMarkdown(),
		Lookup: targets.LookupSearch, Consistency: lag, Place: "project " + d.cfg.project}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "gitlab",
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
	if len(errs) > 0 {
		return nil, errs
	}
	return newDriver(config{
		url:          c.Settings.String(setURL),
		project:      c.Settings.String(setProject),
		issueType:    c.Settings.String(setIssueType),
		confidential: c.Settings.Bool(setConfidential),
		epic:         c.Settings.Int(setEpic),
		token:        token,
		oauth:        oauth,
	}, deps.HTTP), nil
}
