// Package httptarget pushes to any HTTP API by a description: requests as
// templates, and where an issue's parts stand in the answers as JSONPaths.
// An admin writes the description into the integration's settings, or takes
// one that ships in config/targets.
//
// What a description gives decides what the tracker can do. Without a look-up
// a lost answer may make a second issue; Traits.Caveat says so.
//
// What must not live here: anything about a particular tracker.
package httptarget

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
)

// A description does not tell how much an answer is, so that these hold for
// every one: bytes, and values as jsonlimit counts them.
const (
	maxAnswer = 4 << 20
	maxValues = 20_000
)

// driver is a description that was read.
type driver struct {
	http    *outbound.Client
	name    string
	errors  refusals
	mapping mapping
	limits  targets.TextLimits
	writer  writer
	fields  []targets.FieldInfo
	signer  *signer
	masked  secret.Mask

	consistency time.Duration
	lookup      targets.Lookup

	checks []*request
	create *request
	finder *finder
	// These are nil where the description has none.
	read, update, comment, close *request
	many                         *manyReads
	hook                         *hookScheme
}

// Addresses implements targets.Addressed.
func (d *driver) Addresses() []settings.Address {
	var out []settings.Address
	add := func(path string, r *request) {
		if r != nil && r.url != nil {
			out = append(out, settings.Address{Path: "settings." + path + "." + reqURL, URL: r.url.origin, Credentials: d.sent(r)})
		}
	}
	for i, r := range d.checks {
		add(fmt.Sprintf("%s[%d]", setCheck, i), r)
	}
	add(setCreate, d.create)
	if d.finder != nil {
		add(setFind, d.finder.request)
	}
	add(setRead, d.read)
	if d.many != nil {
		add(setReadMany, d.many.request)
	}
	add(setUpdate, d.update)
	add(setComment, d.comment)
	add(setClose, d.close)
	return out
}

// sent names the credentials that a request carries, or is signed with; never
// nil.
func (d *driver) sent(r *request) []string {
	names := secretsOf(r.url.tmpl)
	for _, h := range r.headers {
		names = append(names, secretsOf(h.value)...)
	}
	if d.signer != nil {
		names = append(names, credSigning)
	}
	return append([]string{}, names...)
}

// Parts implements targets.Composite.
func (d *driver) Parts() []any {
	var parts []any
	for _, p := range []struct {
		there bool
		part  any
	}{
		{d == nil || d.finder != nil, duplicates{d}}, {d == nil || d.read != nil, reader{d}}, {d == nil || d.many != nil, manyReader{d}},
		{d == nil || d.update != nil, updater{d}},
		{d == nil || d.comment != nil, commenter{d}}, {d == nil || d.close != nil, closer{d}},
		{d == nil || d.hook != nil, hookReader{d}},
	} {
		if p.there {
			parts = append(parts, p.part)
		}
	}
	return parts
}

// The optional abilities, each a type of its own: Parts names those that a
// description gives.
type (
	duplicates struct{ *driver }
	reader     struct{ *driver }
	manyReader struct{ *driver }
	updater    struct{ *driver }
	commenter  struct{ *driver }
	closer     struct{ *driver }
	hookReader struct{ *driver }
)

// Traits implements targets.Driver.
func (d *driver) Traits() targets.Traits {
	t := targets.Traits{Name: d.name, Limits: d.limits, Lookup: d.lookup, Consistency: d.consistency}
	var caveats []string
	if d.lookup == targets.LookupNone {
		caveats = append(caveats, "the description has no look-up (find): if an answer of "+d.name+" is lost, the push is sent again and may make a second issue")
	}
	if len(d.checks) == 0 {
		caveats = append(caveats, "it has no check: wrong credentials show with the first push")
	}
	t.Caveat = strings.Join(caveats, "; ")
	return t
}

// Kind describes the adapter.
func Kind() targets.Kind {
	return targets.Kind{
		Type:     "http",
		Title:    "Any HTTP API",
		Settings: allSettings(),
		Credentials: []settings.Field{{Name: settings.AnyName, Secret: true, Example: "env:TRACKER_TOKEN",
			Help: `Credentials by any name, for {{secret "name"}} in addresses and headers of requests; a preset says which it needs. signingSecret ("whsec_...") signs requests if settings.sign says so.`}},
		Driver: (*driver)(nil),
		New:    open,
		Guide: targets.Guide{
			Permissions: "What the described requests need; each preset says it.",
			Token:       "As the tracker's documentation says; each preset has it in short.",
			Notes: []string{
				"docs/http-target.md has every key of a description, and the ready-made ones.",
				"Without a look-up (find) a lost answer may make a second issue: plugin apply and plugin doctor say so.",
				"The host of every request is constant or comes from vars: no item can lead a request elsewhere.",
			},
			Errors: []targets.GuideError{
				{Says: "... does not answer as described", Means: "A JSONPath of the description selects nothing in a good answer: compare it with what the tracker sends."},
				{Says: "... lists as many issues as it can, and none with the marker", Means: "The look-up does not filter by the marker, or there are too many issues to read through."},
			},
			Hook: []string{
				"The settings must say in settings.webhook in which header the tracker signs, and where its webhooks name an issue: see docs/http-target.md.",
				"In the tracker, add a webhook for issues that are changed, and for deleted ones if it has that event. The format is JSON.",
				"Address (payload URL, target URL): {address}",
				"Secret (signing key): {secret}",
			},
		},
	}
}

// open makes a driver of a description.
func open(cfg targets.Config, deps targets.Deps) (targets.Driver, error) {
	v, vars, errs := resolve(cfg.Settings)
	if len(errs) > 0 {
		return nil, errs
	}
	c := &compiler{env: &env{vars: vars, secrets: cfg.Credentials, used: map[string]bool{}}, headers: v.Map(setHeaders),
		budget: templates.NewBudget(context.Background())}
	d := c.driver(v, cfg, deps.HTTP)
	c.credentials(v, cfg)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	c.env.sealed = true
	d.masked = mask(cfg.Credentials, c.env.derived)
	return d, nil
}

func (c *compiler) driver(v settings.Values, cfg targets.Config, http *outbound.Client) *driver {
	d := &driver{http: http, errors: c.refusals(v.Object(setError)), mapping: c.mapping(v.Object(setIssue))}
	limits := v.Object(setLimits)
	d.limits = targets.TextLimits{Title: limits.Int(limTitle), Description: limits.Int(limDescription)}
	d.writer = writer{format: v.String(setFormat), markdown: markdownOptions(v.Object(setMarkdown)), limit: d.limits.Description, count: counter(limits.String(limCount))}
	if d.writer.limit == 0 {
		d.writer.limit = maxDescription
	}
	d.fields = customFields(cfg.Settings.Map("fields"), v.Map(setFieldTypes))
	if v.String(setSign) != "" {
		c.sign(d, cfg.Credentials[credSigning])
	}
	c.requests(d, v)
	d.hook = c.hookScheme(v.Object(setWebhook))
	if d.hook != nil && d.read == nil {
		c.fail("settings."+setWebhook, "needs settings.read, which is sent for each issue that a webhook names")
	}
	d.name = v.String(setName)
	if d.name == "" && d.create != nil && d.create.url != nil {
		if u, err := url.Parse(d.create.url.origin); err == nil {
			d.name = u.Hostname()
		}
	}
	return d
}
