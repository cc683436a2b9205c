// Package azuredevops pushes to a project of Azure DevOps, Services or Server,
// as a work item (Work Item Tracking API 7.1).
//
// Our marker is a tag, which a WIQL query finds. The entity's page goes in as
// a hyperlink with the create itself.
//
// What must not live here: anything that holds for other trackers as well.
package azuredevops

import (
	"net/http"
	"sync/atomic"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
)

const (
	name = "Azure DevOps"
	// maxTitle is the length of System.Title (Microsoft's page on work tracking
	// limits), which counts in UTF-16.
	maxTitle = 255
	// maxDescription is below the million characters that an HTML field holds
	// (the same page).
	maxDescription = 1_000_000
	// maxLine is the length of a one-line text field.
	maxLine = 255
	// maxMany is how many items Azure DevOps reads at once (the API's page), and
	// maxFound bounds a look-up, which reads what it found.
	maxMany  = 200
	maxFound = maxMany
	// consistency is what a query may lag behind: it may be answered by a
	// read-only replica. Microsoft names no number.
	consistency = 10 * time.Second

	methodCreate = http.MethodPost

	relHyperlink = "Hyperlink"
	relParent    = "System.LinkTypes.Hierarchy-Reverse"
	tagSeparator = "; "
)

type driver struct {
	client
	resolved *targets.Remembered[*resolved]
	// createdByRehearsal is the work item that a rehearsal made by mistake; 0: none.
	createdByRehearsal atomic.Int64
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg, pause: &pause{}}
	d := &driver{client: c}
	d.resolved = targets.Remember(d.resolveSettings)
	return d
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxTitle, Description: maxDescription},
		Lookup: targets.LookupSearch, Consistency: consistency, Place: "project " + d.cfg.project}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "azuredevops",
		Title:       name,
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	token, entra, errs := c.OneCredential(credPAT, credEntraToken)
	if len(errs) > 0 {
		return nil, errs
	}
	authorization := secret.New("Basic " + basic("", token.Reveal()))
	if entra {
		authorization = secret.New("Bearer " + token.Reveal())
	}
	return newDriver(config{
		base:          c.Settings.String(setURL) + "/" + escape(c.Settings.String(setOrganization)),
		project:       c.Settings.String(setProject),
		typ:           c.Settings.String(setType),
		area:          c.Settings.String(setAreaPath),
		iteration:     c.Settings.String(setIterationPath),
		parent:        c.Settings.Int(setParent),
		description:   c.Settings.String(setDescriptionField),
		apiVersion:    c.Settings.String(setAPIVersion),
		authorization: authorization,
	}, deps.HTTP), nil
}
