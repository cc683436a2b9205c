package httptarget

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

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
	samples := []*draftData{d.draftData(d.sampleDraft()), d.draftData(targets.Draft{Marker: sampleMarker, Title: "x"})}
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
	d.create = c.request(at(setCreate), targets.OpCreate, create, samples[0], samples[1])
	d.finder = c.finder(v.Object(setFind))
	d.read = c.request(at(setRead), targets.OpRead, v.Object(setRead), issueData{"1"})
	d.many = c.manyReads(v.Object(setReadMany))
	if d.many != nil && d.read == nil {
		c.fail(at(setReadMany), "needs settings.read, which is sent for each issue that an answer leaves out")
	}
	d.update = c.request(at(setUpdate), targets.OpUpdate, v.Object(setUpdate), updateData{samples[0], "1"}, updateData{samples[1], "1"})
	d.comment = c.request(at(setComment), targets.OpComment, v.Object(setComment), commentData{"1", "A \"remark\".\n", d.writer.comment("A remark.")})
	d.close = c.request(at(setClose), targets.OpClose, v.Object(setClose), issueData{"1"})
	d.lookup = targets.LookupNone
	if find := v.Object(setFind); find != nil {
		d.lookup, d.consistency = targets.LookupSearch, time.Duration(find.Int(findConsistency))*time.Second
		if find.Bool(findScan) {
			d.lookup = targets.LookupScan
		}
	}
	if (d.finder != nil || d.read != nil || d.update != nil || d.comment != nil || d.close != nil) && d.mapping.id != nil && d.mapping.id.path == nil {
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

// customFields are what settings.fields maps, and what settings.fieldTypes
// has beside it.
func customFields(mapped, types map[string]string) []targets.FieldInfo {
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

// sampleID is an id as long as most trackers' are.
const sampleID = "1234567890"

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
