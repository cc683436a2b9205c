package redmine_test

import (
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/redmine"
	"pushbutton/internal/targets/redmine/redminefake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

// with adds settings of any type to an account's.
func with(a targettest.Account, more map[string]any) targettest.Account {
	settings := a.Settings
	a.Settings = func(url string) map[string]any {
		s := settings(url)
		maps.Copy(s, more)
		return s
	}
	return a
}

func mapped(a targettest.Account, fields map[string]any) targettest.Account {
	return with(a, map[string]any{"fields": fields})
}

// bare is the driver under a target.
func bare(t *testing.T, f *redminefake.Fake, key string, more map[string]any) targets.Driver {
	t.Helper()
	values := settings.Values{"url": f.URL, "project": "mine", "tracker": "Feature", "markerField": "7", "textFormat": textile}
	maps.Copy(values, more)
	d, err := redmine.Kind().New(targets.Config{Settings: values, Credentials: map[string]secret.String{"apiKey": secret.New(key)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	return d
}

func fieldNames(t *testing.T, d targets.Driver) map[string]targets.FieldInfo {
	t.Helper()
	fields, err := d.(targets.FieldLister).ListFields(t.Context())
	require.NoError(t, err)
	out := map[string]targets.FieldInfo{}
	for _, f := range fields {
		require.NotContains(t, out, f.Name)
		out[f.Name] = f
	}
	return out
}

func TestListFields(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	all := fieldNames(t, bare(t, f, adminKey, nil))
	options := func(pairs ...string) (out []targets.Option) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, targets.Option{ID: pairs[i], Name: pairs[i+1]})
		}
		return out
	}
	for _, want := range []targets.FieldInfo{
		{ID: "priority_id", Name: "Priority", Type: targets.ValueOption, Options: options("1", "Low", "3", "High")},
		{ID: "category_id", Name: "Category", Type: targets.ValueOption, Options: options("21", "Backend", "22", "Frontend")},
		{ID: "fixed_version_id", Name: "Target version", Type: targets.ValueOption, Options: options("32", "2.0")},
		{ID: "start_date", Name: "Start date", Type: targets.ValueDate}, {ID: "due_date", Name: "Due date", Type: targets.ValueDate},
		{ID: "estimated_hours", Name: "Estimated time", Type: targets.ValueNumber}, {ID: "done_ratio", Name: "% Done", Type: targets.ValueNumber},
		{ID: "parent_issue_id", Name: "Parent task", Type: targets.ValueNumber}, {ID: "is_private", Name: "Private", Type: targets.ValueBool},
		{ID: "12", Name: "Severity", Type: targets.ValueOption, Options: options("Low", "Low", "High", "High")},
		{ID: "13", Name: "Teams", Type: targets.ValueOption, Multiple: true, Options: options("3", "Team 3", "4", "Team 4")},
		{ID: "14", Name: "Billable", Type: targets.ValueBool}, {ID: "15", Name: "Points", Type: targets.ValueNumber},
		{ID: "16", Name: "Contact", Type: targets.ValuePerson}, {ID: "19", Name: "Notes", Type: targets.ValueLongText},
		{ID: "20", Name: "Shipped In", Type: targets.ValueOption, Options: options("32", "2.0")},
		// A required field of another project, which the list does not tell.
		{ID: "17", Name: "Elsewhere", Type: targets.ValueText},
	} {
		require.Equal(t, want, all[want.Name])
	}
	for _, absent := range []string{"Productboard ID", "Productboard link", "Bugs only", "Plan"} {
		require.NotContains(t, all, absent)
	}

	_, err := open(t, f, account(adminKey, "mine", "tracker", "Feature")).Create(t.Context(), draft())
	require.NoError(t, err)
	require.NotContains(t, fieldNames(t, bare(t, f, adminKey, nil)), "Elsewhere", "issues of the project do not have it")
	require.NotContains(t, fieldNames(t, bare(t, f, adminKey, map[string]any{"priority": "High"})), "Priority", "the setting fills it")

	seen := fieldNames(t, bare(t, f, mineKey, map[string]any{"fields": map[string]string{"19": "x", "99": "y", "7": "z"}}))
	require.Equal(t, targets.FieldInfo{ID: "13", Name: "Teams", Type: targets.ValueText, Multiple: true}, seen["Teams"], "a name alone, off an issue")
	require.Equal(t, targets.FieldInfo{ID: "99", Name: "99", Type: targets.ValueText}, seen["99"], "a number always works")
	require.NotContains(t, seen, "19", "it is shown by its name")
	require.NotContains(t, seen, "7", "the marker is ours")

	few := fieldNames(t, bare(t, f, mineKey, map[string]any{"tracker": "Support"}))
	require.Contains(t, few, "Due date")
	require.Contains(t, few, "Private")
	for _, off := range []string{"Category", "Parent task", "% Done"} {
		require.NotContains(t, few, off, "the tracker has it switched off")
	}
}

// A required field that the admin's list knows and the project has is told of
// before any rehearsal.
func TestListFieldsKnowsWhatIsRequired(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	f.Fields = append(f.Fields, &redminefake.CustomField{ID: 41, Name: "Contract", Format: "attachment", Required: true, Project: "strict"})
	strict := fieldNames(t, bare(t, f, adminKey, map[string]any{"project": "strict"}))
	require.True(t, strict["Component"].Required)
	require.Equal(t, targets.FieldInfo{ID: "41", Name: "Contract", Required: true}, strict["Contract"], "nothing can fill it, but somebody must hear of it")
	require.False(t, strict["Elsewhere"].Required, "another project's")
}

func item() targets.Item {
	return targets.Item{ID: "e1", Type: "feature", Name: "Dark mode", HTML: "<p>Please.</p>", Link: "https://example.productboard.com/1",
		Owner: targets.Person{Name: "Jane", Email: "Jane@example.com"},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"8"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}},
			"Teams": {Texts: []string{"Team 4", "team 3"}}, "Empty": {}}}
}

func everyField() map[string]any {
	return map[string]any{"Priority": "high", "Category": "Backend", "target version": "2.0", "Start date": "2026-01-01", "due_date": `{{field "Timeframe"}}`,
		"Estimated time": `{{field "Effort"}}`, "% Done": "0", "Parent task": "12", "Private": "yes", "Severity": "high", "Teams": `{{field "Teams"}}`,
		"Billable": "no", "15": `{{field "Effort"}}`, "Contact": "jane@example.com", "Notes": "one\ntwo", "Shipped In": "2.0"}
}

// The whole body of a create with every field there is, and what Redmine made
// of it.
func TestCreateWithEveryField(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	url, bodies := targettest.Recorder(t, f.URL, redminefake.Creates)
	target := targettest.Open(t, redmine.Kind(), account(adminKey, "mine", "tracker", "Feature", "assignee", "owner", "fields", everyField()), url)
	require.NoError(t, target.Check(t.Context()))
	wanted, err := target.Draft("pb-abc", item())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), wanted)
	require.NoError(t, err)

	targettest.Golden(t, "create.fields.json", (*bodies)[len(*bodies)-1], *redmine.Update)

	i := f.Issues[0]
	require.Equal(t, map[string]any{"priority_id": 3, "category_id": 21, "fixed_version_id": 32, "assigned_to_id": 5, "parent_issue_id": 12, "start_date": "2026-01-01",
		"due_date": "2026-03-31", "estimated_hours": 8.0, "done_ratio": 0, "is_private": true}, i.Native)
	require.Equal(t, []any{"4", "3"}, i.Fields[13])
	require.Equal(t, "0", i.Fields[14])
	require.Equal(t, "5", i.Fields[16])
}

func TestFieldsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, says string }{
		"% Done":         {"101", "a whole number from 0 to 100"},
		"Estimated time": {"-1", "a number of hours from 0"},
		"Parent task":    {"0", "an issue's number"},
		"Category":       {"Nowhere", "one of Backend, Frontend"},
		"Points":         {"1.5", "Points is not a number"}, // Redmine's own words
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, "")
			target := open(t, f, mapped(account(adminKey, "mine"), map[string]any{name: c.value}))
			wanted, err := target.Draft("pb-abc", item())
			require.NoError(t, err)
			_, err = target.Create(t.Context(), wanted)
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
			require.Contains(t, fault.From(err).Public, c.says)
			require.Empty(t, f.Issues)
		})
	}
}

// What Redmine requires is known by a rehearsal alone, for it depends on the
// project, the role and the workflow; what the mapping fills is in no way.
func TestCheckOfRequiredFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account targettest.Account
		needs   []string
		says    string // "": all is well
	}{
		"mapped by an admin":            {mapped(account(adminKey, "strict"), map[string]any{"Component": "x"}), nil, ""},
		"mapped by a member":            {mapped(account(mineKey, "strict"), map[string]any{"component": "x"}), nil, ""},
		"mapped by number":              {mapped(account(mineKey, "strict"), map[string]any{"9": "x"}), nil, ""},
		"another is mapped":             {mapped(account(adminKey, "strict"), map[string]any{"Billable": "yes"}), nil, `field "Component" is required in project "strict"`},
		"unknown":                       {mapped(account(adminKey, "mine"), map[string]any{"Kompnent": "x"}), nil, `there is no field "Kompnent" in project "mine"`},
		"workflow, admin":               {account(adminKey, "mine"), []string{"due_date"}, `field "Due date" is required in project "mine". Ask your admin to map it`},
		"workflow, mapped":              {mapped(account(adminKey, "mine"), map[string]any{"due_date": "2026-01-31"}), []string{"due_date"}, ""},
		"workflow, German":              {account(mineKey, "mine"), []string{"category_id"}, "Redmine: Kategorie muss ausgefüllt werden. Ask"},
		"workflow, German, mapped":      {mapped(account(mineKey, "mine"), map[string]any{"Category": "Backend"}), []string{"category_id"}, ""},
		"workflow, German, other one":   {mapped(account(mineKey, "mine"), map[string]any{"Due date": "2026-01-31"}), []string{"category_id", "due_date"}, "Redmine: Kategorie muss ausgefüllt werden. Ask"},
		"hidden, mapped by number":      {mapped(account(mineKey, "mine"), map[string]any{"42": "x"}), nil, ""},
		"hidden, mapped another number": {mapped(account(mineKey, "mine"), map[string]any{"43": "x"}), nil, "Redmine: Cost centre no muss ausgefüllt werden. Ask"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, "")
			f.Projects["mine"].Needs = c.needs
			if strings.HasPrefix(name, "hidden") { // for all projects, and there is no issue yet
				f.Fields = append(f.Fields, &redminefake.CustomField{ID: 42, Name: "Cost Centre No", Required: true})
			}
			err := open(t, f, c.account).Check(t.Context())
			require.Empty(t, f.Issues)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.Contains(t, fault.From(err).Public, c.says)
		})
	}
}

// Redmine drops what the role does not allow; a private issue would be public.
func TestCheckOfRights(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"Private", "parent_issue_id"} {
		f := newFake(t, "")
		f.Users[mineKey].Role = 4
		a := mapped(account(mineKey, "mine"), map[string]any{field: "1"})
		err := open(t, f, a).Check(t.Context())
		require.Error(t, err)
		require.Equal(t, fault.Forbidden, fault.KindOf(err))
		require.Contains(t, fault.From(err).Public, "lacks the permission")
		f.Users[mineKey].Role = 3
		require.NoError(t, open(t, f, a).Check(t.Context()))
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, mapped(account(mineKey, "mine"), map[string]any{"Due date": "2026-01-31"}))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Issues[0].Status = 2
	f.Issues[0].Tracker = 1 // somebody moved it
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	got, able, err := target.Update(t.Context(), made.ID, wanted)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: f.URL + "/issues/1", Title: "Dark mode", Status: "In Progress", Progress: targets.Started}, got)
	require.Contains(t, f.Issues[0].Text, "Please.")
	require.Equal(t, "2026-01-31", f.Issues[0].Native["due_date"])
	require.Equal(t, 1, f.Issues[0].Tracker, "it stays where it was put")
	found, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Equal(t, &got, found, "the marker stays")

	_, _, err = target.Update(t.Context(), "99", wanted)
	require.Equal(t, fault.Gone, fault.KindOf(err))
	f.Users[mineKey].CommentsOnly = true
	wanted.Title = "Another"
	_, _, err = target.Update(t.Context(), made.ID, wanted)
	require.Equal(t, fault.Forbidden, fault.KindOf(err), "Redmine said nothing and did nothing")
	require.Contains(t, fault.From(err).Public, "Edit issues")
}

func TestFindPerson(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, email, want string }{
		"a member":                       {adminKey, "jane@example.com", "5"},
		"case does not matter":           {adminKey, "Jane@Example.com", "5"},
		"part of another's address":      {adminKey, "ne@example.com", ""},
		"no member of the project":       {adminKey, "bob@example.com", ""},
		"role that cannot be given any":  {adminKey, "ann@example.com", ""},
		"nobody":                         {adminKey, "who@example.com", ""},
		"key that is no administrator's": {mineKey, "jane@example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := bare(t, newFake(t, ""), c.key, nil).(targets.People).FindPerson(t.Context(), c.email)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// Somebody whom issues cannot be given to must not stop a push.
func TestAssigneeWhoCannotBe(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	for _, a := range []targettest.Account{account(adminKey, "mine", "assignee", "ann@example.com"), account(mineKey, "mine", "assignee", "jane@example.com")} {
		target := open(t, f, a)
		require.Contains(t, target.Traits().Caveat, "for administrators alone")
		wanted, err := target.Draft(draft().Marker, item())
		require.NoError(t, err)
		_, err = target.Create(t.Context(), wanted)
		require.NoError(t, err)
		made := f.Issues[len(f.Issues)-1]
		require.NotContains(t, made.Native, "assigned_to_id")
		require.Contains(t, made.Text, "Assignee: ")
	}
	require.Empty(t, open(t, f, account(mineKey, "mine")).Traits().Caveat)
}

func TestChoices(t *testing.T) {
	t.Parallel()
	d := bare(t, newFake(t, ""), mineKey, nil).(targets.Chooser)
	for setting, want := range map[string][]targets.Choice{
		"project":    {{Value: "mine", Title: "The mine"}, {Value: "open", Title: "The open"}, {Value: "strict", Title: "The strict"}},
		"tracker":    {{Value: "Bug"}, {Value: "Feature"}, {Value: "Support"}},
		"priority":   {{Value: "Low"}, {Value: "High"}},
		"textFormat": nil,
	} {
		got, err := d.Choices(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
}

// What people write into acceptance criteria arrives as they wrote it, in the
// server's text format. To an account that is not an administrator's, Redmine
// does not show what a field holds.
func TestLongFieldsKeepTheirForm(t *testing.T) {
	t.Parallel()
	html := "<p>Given <b>dark</b> mode</p><ul><li>menus<ul><li>icons</li></ul></li></ul><pre>if x {\n    y()\n\n}</pre>" + strings.Repeat("<p>line</p>", 200)
	doc, err := richtext.Parse(html)
	require.NoError(t, err)
	for name, c := range map[string]struct{ key, template, want string }{
		"administrator's key": {adminKey, `{{field "AC"}}`, doc.Textile()},
		"another key":         {mineKey, `{{field "AC"}}`, doc.Textile()},
		"one line":            {mineKey, `{{field "Short"}}`, "Yes, please"},
		"never formatted":     {adminKey, `{{field "Plain"}}`, "one *\n  two\n\nthree"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "")
			target := open(t, f, mapped(account(c.key, "mine"), map[string]any{"19": c.template}))
			i := item()
			i.Fields["AC"] = targets.FieldText{HTML: html}
			i.Fields["Short"] = targets.FieldText{HTML: "<p><b>Yes</b>, please</p>"}
			i.Fields["Plain"] = targets.FieldText{Texts: []string{"one *\n  two\n\nthree"}}
			wanted, err := target.Draft("pb-abc", i)
			require.NoError(t, err)
			_, err = target.Create(t.Context(), wanted)
			require.NoError(t, err)
			require.Equal(t, c.want, f.Issues[0].Fields[19])
		})
	}
}

func TestLongFieldsAreCutAloud(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ most, least, limit int }{
		"the column":         {0, 65000, 65535},
		"the field's length": {500, 400, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, "")
			for _, field := range f.Fields {
				if field.ID == 19 {
					field.MaxLength = c.most
				}
			}
			target := open(t, f, mapped(account(adminKey, "mine"), map[string]any{"Notes": `{{field "AC"}}`}))
			i := item()
			i.Fields["AC"] = targets.FieldText{HTML: strings.Repeat("<p>many <i>words</i></p>", 9000)}
			wanted, err := target.Draft("pb-abc", i)
			require.NoError(t, err)
			shown, err := target.Preview(t.Context(), wanted)
			require.NoError(t, err)
			require.Equal(t, []string{`The field "Notes" is cut to what Redmine takes; it ends with a link to the rest.`}, shown.Warnings)
			_, err = target.Create(t.Context(), wanted)
			require.NoError(t, err)
			text, _ := f.Issues[0].Fields[19].(string)
			require.Contains(t, text, "The text is longer than fits here.")
			require.LessOrEqual(t, utf8.RuneCountInString(text)+strings.Count(text, "\n"), c.limit)
			require.Greater(t, len(text), c.least/2)
		})
	}
}

// An account that is not shown a field's length learns it from the refusal,
// in whatever language that is.
func TestAFieldIsCutToTheLengthThatARefusalNames(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	for _, field := range f.Fields {
		if field.ID == 19 {
			field.MaxLength = 500
		}
	}
	target := open(t, f, mapped(account(mineKey, "mine"), map[string]any{"19": `{{field "AC"}}`}))
	i := item()
	i.HTML = "<p>" + strings.Repeat("word ", 500) + "</p>"
	i.Fields["AC"] = targets.FieldText{HTML: strings.Repeat("<p>many <i>words</i></p>", 100)}
	wanted, err := target.Draft("pb-abc", i)
	require.NoError(t, err)
	_, err = target.Create(t.Context(), wanted)
	require.NoError(t, err)
	require.Len(t, f.Issues, 1)
	text, _ := f.Issues[0].Fields[19].(string)
	require.Contains(t, text, "The text is longer than fits here.")
	require.NotContains(t, f.Issues[0].Text, "The text is longer than fits here.", "the description had room")
}
