package targets

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

func markdown(d richtext.Doc) string { return d.Markdown(richtext.MarkdownOptions{}) }

// rich is a driver that has people and fields of its own.
type rich struct {
	scripted
	fields []FieldInfo
	people map[string]string
	asked  int
}

func (r *rich) ListFields(context.Context) ([]FieldInfo, error) { return r.fields, nil }
func (r *rich) FindPerson(_ context.Context, email string) (string, error) {
	r.asked++
	if email == "trouble@example.com" {
		return "", errors.New("down")
	}
	return r.people[email], nil
}
func (r *rich) Traits() Traits {
	return Traits{Name: "Tracker", Place: "project ENG", SetsRequester: true}
}

func openRich(t *testing.T, r *rich, settings map[string]any) *Target {
	t.Helper()
	r.do = func(context.Context) error { return nil }
	r.issue = Issue{ID: "1", Status: "Doing"}
	target, err := Kind{Type: "rich", Driver: (*rich)(nil), New: func(Config, Deps) (Driver, error) { return r, nil }}.Open(settings, nil, Deps{})
	require.NoError(t, err)
	return target
}

func item() Item {
	return Item{ID: "1", Type: "feature", Name: "Dark mode", HTML: "<p>Make it <b>dark</b>.</p>", Link: "https://pb.example/1", Status: "New", Tags: []string{"a", "b"},
		Owner: Person{Email: "owner@example.com"}, Pusher: Person{"Jane", "jane@example.com"},
		Fields: map[string]FieldText{"Effort": {Texts: []string{"8"}}, "Teams": {Texts: []string{"Red", "Blue"}}, "Notes": {HTML: "<p>Rich <i>text</i></p>"},
			"Due": {Texts: []string{"2026-01-01 to 2026-03-31"}}, "Evil": {Texts: []string{"<script>alert(1)</script>"}}}}
}

func TestDraftByDefault(t *testing.T) {
	t.Parallel()
	d, err := openRich(t, &rich{}, nil).Draft(marker, item())
	require.NoError(t, err)
	require.Equal(t, "Dark mode", d.Title)
	require.Equal(t, "Make it **dark**.", markdown(d.Description))
	require.Equal(t, []string{"a", "b"}, d.Labels)
	require.Equal(t, "Jane", d.Reporter)
	require.Equal(t, "https://pb.example/1", d.Link)
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ setting, text, want string }{
		"list in a title":     {"title", `{{field "teams"}}`, "Red, Blue"},
		"joined":              {"title", `{{join "+" (field "Teams")}}{{join "" .Tags}}`, "Red+Blueab"},
		"absent":              {"title", `x{{field "Nothing"}}{{default "none" (field "Nothing")}}`, "xnone"},
		"rich text is plain":  {"title", `{{field "Notes"}} {{.Description}}`, "Rich text Make it dark."},
		"functions":           {"title", `{{upper .Type}} {{lower .Name}} {{trim " x "}} {{replace "a" "o" .Name}} {{truncate 5 .Name}}`, "FEATURE dark mode x Dork mode Dark…"},
		"dates":               {"title", `{{date "02.01.2006" "2026-01-31"}} {{date "2006" "soon"}}`, "31.01.2026 soon"},
		"choice":              {"title", `{{if eq .Type "feature"}}F{{else}}X{{end}}{{range .Tags}}.{{.}}{{end}}`, "F.a.b"},
		"people":              {"title", `{{.Owner.Email}} {{.Pusher}}`, "owner@example.com Jane <jane@example.com>"},
		"html escapes":        {"description", `<p>{{field "Evil"}} {{.Name}}</p>`, `&lt;script>alert(1)&lt;/script> Dark mode`},
		"html keeps rich":     {"description", `{{field "Notes"}}`, "Rich _text_"},
		"html is sanitised":   {"description", `<p onclick="x()">a</p><script>b</script>`, "a"},
		"html, plain on wish": {"description", `<p>{{plain (field "Notes")}}</p>`, "Rich text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := openRich(t, &rich{}, map[string]any{c.setting: c.text}).Draft(marker, item())
			require.NoError(t, err)
			got := d.Title
			if c.setting == "description" {
				got = markdown(d.Description)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"syntax":         {"{{.Name", "settings.title is not a template: "},
		"unknown":        {"{{.Nothing}}", "settings.title is not a template for an item: "},
		"function":       {"{{exec .Name}}", `function "exec" not defined`},
		"field computed": {"{{field .Name}}", "must name a field in quotes"},
		"define":         {`{{define "x"}}{{end}}{{template "x"}}`, "must not use define, block or template"},
		"recursion":      {`{{block "x" .}}{{template "x" .}}{{end}}`, "must not use define, block or template"},
		"huge number":    {"{{range 1000000000}}{{end}}", "whole numbers up to 1000 are possible"},
		"hidden number":  {"{{$n := 999}}{{range $n}}{{end}}", "loops over something else than a list of the item"},
		"deep loops":     {"{{range .Tags}}{{range $.Tags}}{{range $.Tags}}{{end}}{{end}}{{end}}", "nests more than 2 loops"},
		"counting loop":  {"{{range 999}}{{end}}", "loops over something else than a list of the item"},
		"hidden count":   {"{{with 999}}{{range .}}{{end}}{{end}}", "loops over something else than a list of the item"},
		"growth":         {`{{$x := "ab"}}{{range .Tags}}{{$x = printf "%s%s" $x $x}}{{end}}`, "sets a variable again"},
		"wide":           {`{{printf "%999999d" 1}}`, "without widths"},
		"length":         {"{{len .Name}}", "uses len"},
		"too much":       {`{{$a := "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}{{$b := replace "x" $a $a}}{{$c := replace "x" $a $b}}{{$d := replace "x" $a $c}}{{replace "x" $a $d}}`, "it makes too long a text"},
		"writes much":    {`{{$a := "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}{{$b := replace "x" $a $a}}{{replace "x" $a $b}}`, "it writes too much"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Kind{Driver: (*rich)(nil)}.Open(map[string]any{"title": c.text}, nil, Deps{})
			var wrong settings.FieldErrors
			require.ErrorAs(t, err, &wrong)
			require.ErrorContains(t, wrong, c.want)
		})
	}
	_, err := Kind{Driver: (*rich)(nil)}.Open(map[string]any{"assignee": "somebody", "fields": map[string]any{"A": "{{"}}, nil, Deps{})
	var wrong settings.FieldErrors
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong, 2)
	require.ErrorContains(t, wrong, "settings.assignee must be owner, pusher, none or an e-mail address")
	require.ErrorContains(t, wrong, "settings.fields.A is not a template")
	_, err = Kind{Driver: (*scripted)(nil)}.Open(map[string]any{"assignee": "owner"}, nil, Deps{})
	require.ErrorContains(t, err, "settings.assignee is not known", "a tracker without people has no such setting")
}

func TestItemFields(t *testing.T) {
	t.Parallel()
	target := openRich(t, &rich{}, map[string]any{"title": `{{field "B"}}{{if field "A"}}x{{end}}`, "description": `{{field "A" | upper}}`, "fields": map[string]any{"f": `{{field "C"}}`}})
	require.Equal(t, []string{"A", "B", "C"}, target.ItemFields())
}

func trackerFields() []FieldInfo {
	return []FieldInfo{
		{ID: "f1", Name: "Points", Type: ValueNumber}, {ID: "f2", Name: "Due date", Type: ValueDate}, {ID: "f3", Name: "Team", Type: ValueOption, Multiple: true, Options: []Option{{"10", "Red"}, {"11", "Blue"}}},
		{ID: "f4", Name: "Notes", Type: ValueLongText}, {ID: "f5", Name: "One line", Type: ValueText}, {ID: "f6", Name: "Urgent", Type: ValueBool},
		{ID: "f7", Name: "Contact", Type: ValuePerson}, {ID: "f8", Name: "Page", Type: ValueURL}, {ID: "f9", Name: "Component", Type: ValueOption, Options: []Option{{"1", "Backend"}}},
	}
}

func TestFieldsAreConverted(t *testing.T) {
	t.Parallel()
	r := &rich{fields: trackerFields(), people: map[string]string{"jane@example.com": "acc-1"}}
	target := openRich(t, r, map[string]any{"fields": map[string]any{
		"points": `{{field "Effort"}}`, "Due date": `{{field "Due"}}`, "f3": `{{field "Teams"}}`, "Notes": `{{field "Teams"}}`, "One line": `{{field "Teams"}}`,
		"Urgent": "yes", "Contact": "{{.Pusher.Email}}", "Page": "{{.Link}}", "Component": "{{field \"Nothing\"}}"}})
	require.NoError(t, target.Check(t.Context()))
	d, err := target.Draft(marker, item())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), d)
	require.NoError(t, err)
	got := map[string][]string{}
	for _, f := range r.got.Fields {
		got[f.Field.ID] = f.Values
	}
	require.Equal(t, map[string][]string{"f1": {"8"}, "f2": {"2026-03-31"}, "f3": {"10", "11"}, "f4": {"Red\nBlue"}, "f5": {"Red, Blue"}, "f6": {"true"}, "f7": {"acc-1"}, "f8": {"https://pb.example/1"}}, got,
		"and a field without a value is left out")
}

func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]struct{ value, want string }{
		"Points":    {`{{field "Teams"}}`, `Tracker: field "Points" takes a number, not "Red". Change the value in Productboard, or ask your admin to change settings.fields.`},
		"Due date":  {"{{.Name}}", `takes a date such as 2026-01-31, not "Dark mode"`},
		"Team":      {"{{.Name}}", `takes one of Red, Blue, not "Dark mode"`},
		"Urgent":    {"{{.Name}}", "takes yes or no"},
		"Page":      {"javascript:{{.Name}}", "takes an address"},
		"Component": {"{{.Name}}", "takes one of Backend"},
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			target := openRich(t, &rich{fields: trackerFields()}, map[string]any{"fields": map[string]any{field: c.value}})
			require.NoError(t, target.Check(t.Context()), "it depends on the item")
			d, err := target.Draft(marker, item())
			require.NoError(t, err)
			_, err = target.Create(t.Context(), d)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.Equal(t, OutcomeNotDone, OutcomeOf(err))
			require.Contains(t, fault.From(err).Public, c.want)
		})
	}
}

func TestCheckOfTheMapping(t *testing.T) {
	t.Parallel()
	required := append(trackerFields(), FieldInfo{ID: "f10", Name: "Cost centre", Type: ValueText, Required: true})
	for name, c := range map[string]struct {
		fields map[string]any
		want   string
	}{
		"required":       {nil, `Tracker: field "Cost centre" is required in project ENG. Ask your admin to map it in settings.fields.`},
		"unknown":        {map[string]any{"Point": "1"}, `Tracker: there is no field "Point" in project ENG (did you mean Points?). Ask your admin to correct settings.fields.`},
		"wrong constant": {map[string]any{"Component": "Frontend", "Cost centre": "7"}, `takes one of Backend, not "Frontend"`},
		"good":           {map[string]any{"Component": "backend", "cost centre": "{{.ID}}"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := openRich(t, &rich{fields: required}, map[string]any{"fields": c.fields}).Check(t.Context())
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.Contains(t, fault.From(err).Public, c.want)
		})
	}
	t.Run("required, and this item has no value", func(t *testing.T) {
		target := openRich(t, &rich{fields: required}, map[string]any{"fields": map[string]any{"Cost centre": `{{field "Nothing"}}`}})
		d, err := target.Draft(marker, item())
		require.NoError(t, err)
		_, err = target.Create(t.Context(), d)
		require.Contains(t, fault.From(err).Public, "this item has no value for it")
	})
}

func TestPeople(t *testing.T) {
	t.Parallel()
	r := &rich{people: map[string]string{"owner@example.com": "acc-7", "jane@example.com": "acc-1"}}
	target := openRich(t, r, map[string]any{"assignee": "owner", "reporter": "pusher"})
	d, err := target.Draft(marker, item())
	require.NoError(t, err)
	for range 2 {
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err)
	}
	require.Equal(t, "acc-7", r.got.Assignee)
	require.Equal(t, "acc-1", r.got.Requester)
	require.Equal(t, 2, r.asked, "each is asked for once")

	for _, email := range []string{"nobody@example.com", "trouble@example.com"} {
		target := openRich(t, r, map[string]any{"assignee": email})
		d, err := target.Draft(marker, item())
		require.NoError(t, err)
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err, "never a reason to fail")
		require.Empty(t, r.got.Assignee)
		require.Contains(t, r.got.Render(1000, nil, markdown), "Assignee: "+email)
	}
}

func TestStatusColors(t *testing.T) {
	t.Parallel()
	target := openRich(t, &rich{}, map[string]any{"statusColors": map[string]any{"doing": "purple"}})
	issue, err := target.Create(t.Context(), Draft{Marker: marker})
	require.NoError(t, err)
	require.Equal(t, "purple", issue.Color)
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{.Name}}", `{{field "A"}}`, "{{range .Tags}}{{.}}{{end}}", "{{printf \"%999999d\" 1}}", `{{range .Tags}}{{range $.Tags}}{{if upper $.Description}}{{end}}{{end}}{{end}}`, "{{with $x := .Name}}{{$x}}{{end}}", "{{len .Tags | printf \"%d\"}}"} {
		f.Add(s)
	}
	for _, s := range []string{"{{.Name}}", "{{if .Name}}x{{else}}y{{end}}", "{{range .Tags}}"} {
		f.Add(strings.Repeat(s, settings.MaxText/len(s)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > settings.MaxText {
			return
		}
		for _, where := range []place{placeTitle, placeField, placeHTML} {
			tried, used := templates.NewBudget(t.Context()), templates.NewBudget(t.Context())
			item := hostileItem()
			var parsed *template
			var out string
			var err, failed error
			boundtest.Memory(t, len(text), boundtest.Limit{Base: templates.MaxSteps<<10 + 2*templates.MaxBytes}, func() {
				if parsed, err = parseTemplate(tried, text, where); err == nil {
					out, failed = parsed.run(used, item)
				}
			})
			if err == nil {
				if failed == nil && len(out) > templates.MaxOutput {
					t.Fatal("writes too much")
				}
			} else if parsed != nil || err.Error() == "" || strings.Contains(err.Error(), "\n") {
				t.Fatalf("a bad error: %q", err)
			}
			for _, b := range []*templates.Budget{tried, used} {
				if b.Steps() > templates.MaxSteps+2*len(text)+1 || b.Bytes() > templates.MaxBytes+1 {
					t.Fatalf("%d steps, %d bytes", b.Steps(), b.Bytes())
				}
			}
		}
	})
}

func TestPreviewWarns(t *testing.T) {
	t.Parallel()
	r := &rich{people: map[string]string{"jane@example.com": "u7"}, fields: []FieldInfo{{ID: "f1", Name: "Effort", Type: ValueNumber}, {ID: "f2", Name: "Gap", Type: ValueText}}}
	target := openRich(t, r, map[string]any{"assignee": "owner", "reporter": "pusher", "fields": map[string]any{"Effort": `{{field "Effort"}}`, "gap": `{{field "None"}}`}})
	d, err := target.Draft(marker, item())
	require.NoError(t, err)
	shown, err := target.Preview(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "Dark mode", shown.Title)
	require.Equal(t, text.FormatPlain, shown.Format, "a driver that cannot say is taken as plain text")
	require.Contains(t, shown.Text, "Make it dark.")
	require.Equal(t, []string{"a", "b"}, shown.Labels)
	require.Equal(t, "u7", shown.Requester)
	require.Equal(t, []FieldValue{{r.fields[0], []string{"8"}}}, shown.Fields)
	require.Equal(t, []string{
		"Tracker has no account for owner@example.com that issues can be given to: the description will name the assignee.",
		`The field "gap" stays empty: the item has no value for it.`,
	}, shown.Warnings)
}

// TestPreviewWarnsOfPictures names the pictures that a tracker does not get.
func TestPreviewWarnsOfPictures(t *testing.T) {
	t.Parallel()
	target := openRich(t, &rich{}, nil)
	shown := item()
	shown.HTML = `<p><img src="data:image/png;base64,AAAA"><img src="/a.png"><img src="b.png" alt="b"><img src="http://example.com/c.png">` +
		`<img src="https://example.com/d.png"></p>`
	d, err := target.Draft(marker, shown)
	require.NoError(t, err)
	preview, err := target.Preview(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []string{
		"Pictures inside the text itself are not copied to Tracker (1 here): a note stands in the place of each.",
		"Pictures whose address has no https are not copied to Tracker (1 here): a note with a link stands in the place of each.",
		"Pictures that only Productboard can open are not copied to Tracker (2 here): a note stands in the place of each.",
	}, preview.Warnings)
	require.Contains(t, preview.Text, "(picture not included: b)")
}

// TestPreviewWarnsOfPicturesInFields looks into rich text of custom fields.
func TestPreviewWarnsOfPicturesInFields(t *testing.T) {
	t.Parallel()
	r := &rich{fields: []FieldInfo{{ID: "f1", Name: "Spec", Type: ValueLongText}}}
	target := openRich(t, r, map[string]any{"fields": map[string]any{"Spec": `{{field "Spec"}}`}})
	shown := item()
	shown.Fields = map[string]FieldText{"Spec": {HTML: `<p>See <img src="/a.png"></p>`}}
	d, err := target.Draft(marker, shown)
	require.NoError(t, err)
	preview, err := target.Preview(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []string{"Pictures that only Productboard can open are not copied to Tracker (1 here): a note stands in the place of each."},
		preview.Warnings)
}
