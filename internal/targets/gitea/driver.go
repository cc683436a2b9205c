// Package gitea pushes to a repository's issues on Gitea and Forgejo (Codeberg
// among them) through their REST API (seen on Gitea 1.26.0).
//
// Our marker stands in a comment at the end of the text, which is not
// shown, and every issue has a common label by which they are listed. Such a
// list reads the database, so it sees an issue at once; the search (q=) goes
// through an index that lags behind. Labels of an account without write access
// are dropped without a word, so a look-up that finds nothing goes on among
// the account's own issues.
//
// Gitea has no read of several issues by their numbers, so the driver is no
// targets.ManyReader.
//
// What must not live here: anything that holds for other trackers as well.
package gitea

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

const (
	name = "Gitea"
	// maxTitle is the length of the title's column.
	maxTitle = 255
	// maxLabelName is what Gitea's own form takes, in characters.
	maxLabelName = 50
	// maxBody is our own limit in characters: Gitea has none, but a list of
	// issues must stay readable.
	maxBody = 65536
)

type driver struct {
	client
	// login is the account that makes the issues, once it was asked.
	login atomic.Pointer[string]
	ids   *idCache
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	return &driver{client: c, ids: newIDCache(c)}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Place: d.cfg.repository, Lookup: targets.LookupScan,
		Limits: targets.TextLimits{Title: maxTitle, Description: maxBody}, Titles: richtext.GiteaMarkdown()}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "gitea",
		Title:       "Gitea, Forgejo",
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	var errs settings.FieldErrors
	wrong := func(path, message string) {
		errs = append(errs, settings.FieldError{Path: "settings." + path, Message: message})
	}
	cfg := config{
		url:         strings.TrimSuffix(c.Settings.String(setURL), apiPath),
		repository:  c.Settings.String(setRepository),
		markerLabel: c.Settings.String(setMarkerLabel),
		milestone:   c.Settings.String(setMilestone),
		people:      map[string]string{},
		token:       c.Credentials[credToken],
	}
	owner, name, _ := strings.Cut(cfg.repository, "/")
	if !namePart(owner) || !namePart(name) {
		wrong(setRepository, "must be owner/name (for example acme/app)")
	}
	if len([]rune(cfg.markerLabel)) > maxLabelName || strings.Contains(cfg.markerLabel, ",") {
		wrong(setMarkerLabel, "must have at most 50 characters and no comma")
	}
	people := c.Settings.Map(setPeople)
	for _, email := range slices.Sorted(maps.Keys(people)) {
		if !namePart(people[email]) {
			wrong(setPeople+"."+email, "must be a login")
		}
		cfg.people[strings.ToLower(strings.TrimSpace(email))] = people[email]
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return newDriver(cfg, deps.HTTP), nil
}
