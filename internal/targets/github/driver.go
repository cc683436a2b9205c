// Package github pushes to a repository's issues on GitHub and on GitHub
// Enterprise Server, through their REST API (version 2022-11-28).
//
// Our marker stands in a comment at the end of the text, which GitHub
// does not show, and every issue has a common label by which they are listed.
// GitHub drops labels without a word where the account may not push, and
// people take them off, so a look-up that finds nothing goes on among the
// account's own issues. The list is read, never the search, whose index lags
// behind by an unknown time.
//
// What must not live here: anything that holds for other trackers as well.
package github

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/text"
)

const (
	name = "GitHub"
	// maxTitle, maxBody and maxLabel are GitHub's limits in characters.
	maxTitle = 256
	maxBody  = 65536
	maxLabel = 50
	// consistency allows for a list that is read from a replica. GitHub
	// promises nothing of it.
	consistency = 10 * time.Second
)

type driver struct {
	client
	// login is the account that makes the issues, once it was asked.
	login     atomic.Pointer[string]
	milestone targets.Memo[int]
	// existing are the labels that the repository has, once GitHub has refused
	// to make others. Nil allows all.
	existing targets.Memo[[]string]
}

func newDriver(cfg config, http *outbound.Client) *driver {
	c := client{http: http, cfg: cfg}
	if cfg.key != nil {
		c.app = newAppTokens(cfg, http)
	}
	return &driver{client: c}
}

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	return targets.Traits{Name: name, Place: d.cfg.repository, Lookup: targets.LookupScan, Consistency: consistency,
		Limits: targets.TextLimits{Title: maxTitle, Description: maxBody}}
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:  "github",
		Title: "GitHub, GitHub Enterprise Server",
		// An app has its limits per installation.
		Account:     []string{setInstallation},
		Settings:    settingFields(),
		Credentials: credentialFields(),
		Driver:      (*driver)(nil),
		New:         open,
		SharedHook:  readSharedHook,
		Guide:       guide(),
	}
}

func open(c targets.Config, deps targets.Deps) (targets.Driver, error) {
	var errs settings.FieldErrors
	wrong := func(path, message string) { errs = append(errs, settings.FieldError{Path: path, Message: message}) }
	cfg := config{
		api:            apiRoot(c.Settings.String(setURL)),
		repository:     c.Settings.String(setRepository),
		markerLabel:    c.Settings.String(setMarkerLabel),
		typ:            c.Settings.String(setType),
		milestone:      c.Settings.String(setMilestone),
		people:         map[string]string{},
		token:          c.Credentials[credToken],
		appID:          c.Settings.String(setAppID),
		installationID: c.Settings.String(setInstallation),
	}
	owner, name, _ := strings.Cut(cfg.repository, "/")
	if !namePart(owner) || !namePart(name) {
		wrong("settings."+setRepository, "must be owner/name (for example acme/app)")
	}
	if len([]rune(cfg.markerLabel)) > maxLabel || strings.Contains(cfg.markerLabel, ",") {
		wrong("settings."+setMarkerLabel, "must have at most 50 characters and no comma")
	}
	people := c.Settings.Map(setPeople)
	for _, email := range slices.Sorted(maps.Keys(people)) {
		login := people[email]
		if !namePart(login) {
			wrong("settings."+setPeople+"."+email, "must be a GitHub login")
		}
		cfg.people[strings.ToLower(strings.TrimSpace(email))] = login
	}
	pem := c.Credentials[credPrivateKey]
	switch {
	case cfg.token.Empty() && pem.Empty():
		wrong("credentials."+credToken, "is required (or privateKey, for a GitHub App)")
	case !cfg.token.Empty() && !pem.Empty():
		wrong("credentials."+credToken, "and credentials.privateKey must not both be set")
	case !cfg.token.Empty():
		if cfg.appID != "" || cfg.installationID != "" {
			wrong("credentials."+credPrivateKey, "is required with settings.appId and settings.installationId")
		}
	default:
		if !namePart(cfg.appID) {
			wrong("settings."+setAppID, "is required with credentials.privateKey (for example 123456)")
		}
		if !text.IsNumber(cfg.installationID) {
			wrong("settings."+setInstallation, "must be the installation's number (for example 12345678)")
		}
		// Environment variables are often written with \n for a line end.
		key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(strings.ReplaceAll(pem.Reveal(), `\n`, "\n")))
		if err != nil {
			wrong("credentials."+credPrivateKey, "is not an RSA private key in PEM form")
		}
		cfg.key = key
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return newDriver(cfg, deps.HTTP), nil
}
