package httptarget

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
)

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
	d.limits = targets.Limits{Title: limits.Int(limTitle), Description: limits.Int(limDescription)}
	d.writer = writer{format: v.String(setFormat), markdown: markdownOptions(v.Object(setMarkdown)), limit: d.limits.Description, count: counter(limits.String(limCount))}
	if d.writer.limit == 0 {
		d.writer.limit = maxDescription
	}
	d.fields = furtherFields(cfg.Settings.Map("fields"), v.Map(setFieldTypes))
	if v.String(setSign) != "" {
		c.sign(d, cfg.Credentials[credSigning])
	}
	c.requests(d, v)
	d.name = v.String(setName)
	if d.name == "" && d.create != nil && d.create.url != nil {
		if u, err := url.Parse(d.create.url.origin); err == nil {
			d.name = u.Hostname()
		}
	}
	return d
}

func (c *compiler) sign(d *driver, key secret.String) {
	c.env.used[credSigning] = true
	if key.Empty() {
		c.fail("credentials."+credSigning, "is required by settings.sign")
		return
	}
	s, err := newSigner(key.Reveal())
	if err != nil {
		c.fail("credentials."+credSigning, "%s", err)
	}
	d.signer = s
}

func (c *compiler) requests(d *driver, v settings.Values) {
	at := func(name string) string { return "settings." + name }
	wishes := []*wish{d.wish(d.sampleDraft()), d.wish(targets.Draft{Marker: sampleMarker, Title: "x"})}
	for i, check := range v.Objects(setCheck) {
		d.checks = append(d.checks, c.request(fmt.Sprintf("%s[%d]", at(setCheck), i), targets.OpCheck, check, checkData{}))
	}
	create := v.Object(setCreate)
	if create == nil {
		c.fail(at(setCreate), "is required without settings.preset")
		return
	}
	if create.String(reqBody) == "" && create.String(reqMethod) != "GET" {
		create = maps.Clone(create)
		create[reqBody] = defaultBody
	}
	d.create = c.request(at(setCreate), targets.OpCreate, create, wishes[0], wishes[1])
	d.finder = c.finder(v.Object(setFind))
	d.read = c.request(at(setRead), targets.OpRead, v.Object(setRead), issueData{"1"})
	d.update = c.request(at(setUpdate), targets.OpUpdate, v.Object(setUpdate), updateData{wishes[0], "1"}, updateData{wishes[1], "1"})
	d.comment = c.request(at(setComment), targets.OpComment, v.Object(setComment), commentData{"1", "A \"remark\".\n", d.writer.comment("A remark.")})
	d.shut = c.request(at(setClose), targets.OpClose, v.Object(setClose), issueData{"1"})
	d.lookup = targets.LookupNone
	if find := v.Object(setFind); find != nil {
		d.lookup, d.consistency = targets.LookupSearch, time.Duration(find.Int(findConsistency))*time.Second
		if find.Bool(findScan) {
			d.lookup = targets.LookupScan
		}
	}
	if (d.finder != nil || d.read != nil || d.update != nil || d.comment != nil || d.shut != nil) && d.mapping.id != nil && d.mapping.id.path == nil {
		c.fail("settings."+setIssue+"."+issueID, "must be a JSONPath: the requests beside create need the tracker's own id")
	}
}

// credentials refuses those that nothing uses: a slip of a name would show
// nowhere else.
func (c *compiler) credentials(v settings.Values, cfg targets.Config) {
	preset, _ := presetNamed(v.String(setPreset))
	var names []string
	for _, s := range preset.Secrets {
		names = append(names, s.Name)
		if s.Required && cfg.Credentials[s.Name].Empty() {
			c.errs = slices.DeleteFunc(c.errs, func(e settings.FieldError) bool { return strings.Contains(e.Message, `the secret "`+s.Name+`"`) })
			c.fail("credentials."+s.Name, "is required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Credentials)) {
		if !c.env.used[name] && len(c.errs) == 0 {
			message := "is not used by the description"
			if s := settings.Suggest(name, names); s != "" {
				message += " (did you mean " + s + "?)"
			}
			c.fail("credentials."+name, "%s", message)
		}
	}
}

// mask hides what must not stand in any text: credentials, and what templates
// make of them.
func mask(creds map[string]secret.String, derived []string) secret.Mask {
	all := slices.Clone(derived)
	for _, c := range creds {
		all = append(all, c.Reveal())
	}
	return secret.NewMask(all...)
}

// furtherFields are what settings.fields maps, and what settings.fieldTypes
// has beside it.
func furtherFields(mapped, types map[string]string) []targets.FieldInfo {
	var out []targets.FieldInfo
	names := slices.Sorted(maps.Keys(mapped))
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		f := targets.FieldInfo{ID: name, Name: name, Type: targets.ValueText}
		for typed, t := range types {
			if strings.EqualFold(typed, name) {
				f.Type = targets.ValueType(t)
			}
		}
		out = append(out, f)
	}
	return out
}

// defaultBody is what create sends if its body is not described: all there is,
// for whoever receives it in their own code.
const defaultBody = `{"type": "issue.create", "marker": {{.Marker}}, "title": {{.Title}}, "html": {{.HTML}}, "markdown": {{.Markdown}}, ` +
	`"link": {{.Link}}, "labels": {{.Labels}}, "reporter": {{.Reporter}}, "fields": {{json .Fields}}}`

// maxDescription bounds the description where the settings name no limit, in
// characters.
const maxDescription = 1 << 20

const sampleMarker = "pb-aaaaaaaaaaaaaaaaaaaaaaaaaa"

// sampleDraft is made to break what does not escape.
func (d *driver) sampleDraft() targets.Draft {
	out := targets.Draft{Marker: sampleMarker, Title: `A "wish" \ & </x> {{y}} ' #1`, Description: richtext.Paragraph(richtext.Text("As \"they\" said.\n\\")),
		Link: "https://example.com/?a=1&b=\"", Labels: []string{`a "label"`, "two"}, Reporter: "Jane <jane@example.com>"}
	for _, f := range d.fields {
		v := "x\"y"
		switch f.Type {
		case targets.ValueNumber:
			v = "+.5"
		case targets.ValueBool:
			v = "true"
		case targets.ValueLongText:
			v = d.writer.render(richtext.Paragraph(richtext.Text(v)))
		default:
		}
		out.Fields = append(out.Fields, targets.FieldValue{Field: f, Values: []string{v}})
	}
	return out
}
