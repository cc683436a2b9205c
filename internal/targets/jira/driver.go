// Package jira pushes to a project of Jira Cloud (REST version 3, descriptions
// in the Atlassian Document Format) or of Jira Data Center (REST version 2,
// wiki markup).
//
// Our marker is a label, on Cloud also an issue property that goes with the
// same create: people copy labels when they clone an issue, but not
// properties. Cloud's search, through which labels are found, sees an issue
// some seconds after it was made.
//
// What must not live here: anything that holds for other trackers as well.
package jira

import (
	"strings"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

const (
	// maxKey bounds an issue's key.
	maxKey = 300
	name   = "Jira"
	// maxText is the limit of descriptions, comments and text areas, in UTF-16
	// units: Data Center's default (jira.text.field.character.limit) and
	// Cloud's fixed one. Cloud counts the serialised ADF: a text of 24,000
	// characters whose ADF has 36,000 is reported to be refused. Atlassian
	// publishes no rule, so a refusal for length is answered with half the text.
	maxText = 32767
	// propertyKey is the issue property with our marker (Cloud).
	propertyKey = "pushbutton"
	// maxFound bounds a look-up: more issues with one marker are not expected.
	maxFound = 50
	// afterwards bounds each request that follows a create and is not needed
	// for it.
	afterwards = 3 * time.Second
	// cloudLag and dataCenterLag are how late the search index may be:
	// Atlassian promises no figure; a Data Center's nodes tell each other
	// within seconds.
	cloudLag      = 60 * time.Second
	dataCenterLag = 10 * time.Second
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
	t := targets.Traits{Name: name, Limits: targets.TextLimits{Title: maxLine, Description: maxText}, Lookup: targets.LookupSearch, Consistency: cloudLag,
		Place: "project " + d.cfg.project, SetsRequester: true}
	if !d.cfg.cloud {
		t.Consistency = dataCenterLag
	}
	if d.cfg.oauth {
		t.Caveat = "Jira ends an OAuth access token an hour after it was made; pushes fail from then on unless something renews it. An API token lasts longer."
	}
	return t
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:        "jira",
		Title:       "Jira",
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		Guide:       guide(),
	}
}

// newConfig reads decoded settings and says what does not fit together.
func newConfig(c targets.Config) (config, settings.FieldErrors) {
	s := c.Settings
	cfg := config{cloud: s.String(setEdition) != dataCenter, site: s.String(setURL), project: s.String(setProject), issueType: s.String(setIssueType),
		parent: strings.ToUpper(s.String(setParent)), priority: s.String(setPriority), components: s.List(setComponents)}
	cfg.assigns = s.String(setAssignee) != "" && s.String(setAssignee) != "none"
	var errs settings.FieldErrors
	wrong := func(path, message string) {
		errs = append(errs, settings.FieldError{Path: path, Message: message})
	}
	if cfg.parent != "" && !isKey(cfg.parent) {
		wrong("settings."+setParent, "must be an issue's key (for example ENG-12)")
	}
	if cfg.cloud {
		cfg.readCloud(c, wrong)
	} else {
		cfg.readDataCenter(c, wrong)
	}
	return cfg, errs
}
