package jira_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira"
	"pushbutton/internal/targets/jira/jirafake"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

type set = map[string]any

// rig is a fake with a way to it.
type rig struct {
	*jirafake.Fake
	dataCenter bool
	// to is the address that targets are given: a proxy's, if there is one.
	to string
}

func newRig(t *testing.T, edition string) *rig {
	t.Helper()
	r := &rig{dataCenter: edition == "datacenter"}
	r.Fake = jirafake.Start(t, jirafake.Options{DataCenter: r.dataCenter, CloudID: jirafake.CloudID})
	r.to = r.URL
	return r
}

func editions(t *testing.T, run func(t *testing.T, r *rig)) {
	t.Helper()
	for _, edition := range []string{"cloud", "datacenter"} {
		t.Run(edition, func(t *testing.T) { run(t, newRig(t, edition)) })
	}
}

// open makes a target of the account Mine.
func (r *rig) open(t *testing.T, more set) *targets.Target {
	t.Helper()
	settings, login := set{"url": r.to, "project": "ENG"}, jirafake.Cloud
	if r.dataCenter {
		settings["edition"], login = "datacenter", jirafake.PAT
	}
	return r.openAs(t, settings, login, more)
}

func (r *rig) openAs(t *testing.T, settings set, login jirafake.Login, more set) *targets.Target {
	t.Helper()
	own, credentials := login(true)
	maps.Copy(settings, own)
	maps.Copy(settings, more)
	target, err := jira.Kind().Open(settings, credentials, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	return target
}

// change edits the project ENG's screen of one issue type.
func (r *rig) change(typeName string, do func(*jirafake.Type)) {
	r.Change(func(f *jirafake.Fake) {
		for i := range f.Projects[0].Types {
			if f.Projects[0].Types[i].Name == typeName {
				do(&f.Projects[0].Types[i])
			}
		}
	})
}

func drop(id string) func(*jirafake.Type) {
	return func(typ *jirafake.Type) {
		var left []jirafake.Field
		for _, f := range typ.Fields {
			if f.ID != id {
				left = append(left, f)
			}
		}
		typ.Fields = left
	}
}

func requireField(id string) func(*jirafake.Type) {
	return func(typ *jirafake.Type) {
		for i := range typ.Fields {
			if typ.Fields[i].ID == id {
				typ.Fields[i].Required, typ.Fields[i].HasDefault = true, false
			}
		}
	}
}

func (r *rig) last(t *testing.T) *jirafake.Issue {
	t.Helper()
	var last *jirafake.Issue
	r.Change(func(f *jirafake.Fake) {
		require.NotEmpty(t, f.Issues)
		last = f.Issues[len(f.Issues)-1]
	})
	return last
}

func draft() targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("jira", "entity", 1), Title: "A wish", Link: "https://example.productboard.com/1",
		Description: richtext.Paragraph(richtext.Text("As they said."))}
}

func item() targets.Item {
	return targets.Item{ID: "6a1c", Type: "feature", Name: "Export as CSV & PDF", HTML: `<h1>Why</h1><p>They <b>asked</b> for <a href="https://example.com/a?b=1&amp;c=2">it</a>.</p><ul><li>one</li><li>two</li></ul>`,
		Link: "https://example.productboard.com/1", Status: "Planned", Tags: []string{"Big deal", "q1"},
		Owner: targets.Person{Name: "Jane Doe", Email: "jane@example.com"}, Pusher: targets.Person{Name: "Shy Person", Email: "shy@example.com"},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"5"}}, "Due": {Texts: []string{"2026-01-01 to 2026-03-31"}}, "Platforms": {Texts: []string{"web", "iOS"}}}}
}

func configuredFields() set {
	return set{
		"Customer": "ACME", "Background": "First line\nSecond *line*", "Story Points": `{{field "Effort"}}`, "Launch": "2026-03-31T08:30:00+02:00",
		"Due date": `{{field "Due"}}`, "Size": "m", "Platforms": `{{field "Platforms"}}`, "Region": "Europe / Oslo", "Sponsor": "{{.Owner.Email}}",
		"Reviewers": "jane@example.com\nnobody@example.com", "Keywords": "two words\nother", "Spec": "https://example.com/spec?a=1&b=2", "Sprint": "12",
		"Squad": "jira-users", "Fix versions": "1.0", "Environment": "Production",
	}
}

// The whole of a create: what the settings and the item say, in Jira's words.
func TestCreateSendsWhatIsConfigured(t *testing.T) {
	editions(t, func(t *testing.T, r *rig) {
		_, err := r.open(t, set{"issueType": "Epic"}).Create(t.Context(), draft())
		require.NoError(t, err)
		target := r.open(t, set{"issueType": "story", "parent": "eng-1", "priority": "High", "components": []any{"API", "100"}, "labels": []any{"productboard"},
			"assignee": "owner", "reporter": "pusher", "fields": configuredFields()})
		require.NoError(t, target.Check(t.Context()))
		wanted, err := target.Draft(draft().Marker, item())
		require.NoError(t, err)
		made, err := target.Create(t.Context(), wanted)
		require.NoError(t, err)
		require.Equal(t, targets.Issue{ID: "10001", Key: "ENG-2", URL: r.URL + "/browse/ENG-2", Title: "Export as CSV & PDF", Status: "To Do"}, made)

		stored := r.last(t)
		require.Equal(t, map[string]jirafake.Link{"pushbutton=" + string(wanted.Marker): {URL: wanted.Link, Title: "Productboard: Export as CSV & PDF"}}, stored.Links)
		var got bytes.Buffer
		require.NoError(t, json.Indent(&got, bytes.TrimSpace(stored.Request), "", "  "))
		edition := "cloud"
		if r.dataCenter {
			edition = "datacenter"
		}
		golden := filepath.Join("testdata", "create."+edition+".json")
		if *update {
			require.NoError(t, os.WriteFile(golden, append(got.Bytes(), '\n'), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(string(want)), got.String())
	})
}

// What is wrong on Jira's side must be said by Check, and said just as well by
// a create that finds it out first.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	strict := func(id string) func(*rig) { return func(r *rig) { r.change("Task", requireField(id)) } }
	off := func(id string) func(*rig) { return func(r *rig) { r.change("Task", drop(id)) } }
	for name, c := range map[string]struct {
		more    set
		prepare func(*rig)
		kind    fault.Kind
		says    string
	}{
		"unknown project":     {more: set{"project": "NOPE"}, kind: fault.NotFound, says: "no project NOPE"},
		"another's project":   {more: set{"project": "OPS"}, kind: fault.NotFound, says: "Browse projects"},
		"archived project":    {prepare: func(r *rig) { r.Projects[0].Archived = true }, kind: fault.Invalid, says: "project ENG is archived"},
		"may not create":      {prepare: func(r *rig) { r.Accounts[0].Creates = []string{} }, kind: fault.Forbidden, says: "permission Create issues"},
		"unknown type":        {more: set{"issueType": "Wish"}, kind: fault.Invalid, says: "only Epic, Sub-task, Task, Story"},
		"subtask, no parent":  {more: set{"issueType": "Sub-task"}, kind: fault.Invalid, says: "settings.parent"},
		"unknown parent":      {more: set{"parent": "ENG-99"}, kind: fault.Invalid, says: "no issue ENG-99"},
		"unknown priority":    {more: set{"priority": "Now"}, kind: fault.Invalid, says: "only Highest, High, Medium"},
		"priority off screen": {more: set{"priority": "High"}, prepare: off("priority"), kind: fault.Invalid, says: "settings.priority"},
		"unknown component":   {more: set{"components": []any{"API", "UI"}}, kind: fault.Invalid, says: `no "UI" among its components values, only Backend, API`},
		"no labels":           {prepare: off("labels"), kind: fault.Invalid, says: "no field Labels on the create screen"},
		"no description":      {prepare: off("description"), kind: fault.Invalid, says: "no field Description"},
		"may not assign":      {more: set{"assignee": "owner"}, prepare: off("assignee"), kind: fault.Invalid, says: "Assign issues"},
		"required field":      {prepare: strict("customfield_10014"), kind: fault.Invalid, says: `Jira: field "Size" is required in project ENG. Ask your admin to map it in settings.fields.`},
		"required assignee":   {prepare: strict("assignee"), kind: fault.Invalid, says: `field "Assignee" is required`},
		"required components": {prepare: strict("components"), kind: fault.Invalid, says: `field "Components" is required`},
		"cannot be filled":    {prepare: strict("customfield_10022"), kind: fault.Invalid, says: `field "Rank" is required in project ENG, and this plugin cannot fill it`},
		"unknown kind":        {more: set{"fields": set{"Tier": "Gold"}}, kind: fault.Invalid, says: `field "Tier" is of a kind that this plugin cannot fill`},
		"unknown kind, by id": {more: set{"fields": set{"customfield_10024": "{{.Name}}"}}, kind: fault.Invalid, says: "take it out of settings.fields"},
		"unknown field":       {more: set{"fields": set{"Sise": "S"}}, kind: fault.Invalid, says: "did you mean Size?"},
		"wrong option":        {more: set{"fields": set{"Size": "XL"}}, kind: fault.Invalid, says: `"Size" takes one of S, M, not "XL"`},
		"wrong cascade":       {more: set{"fields": set{"Region": "Asia / Bern"}}, kind: fault.Invalid, says: "Europe / Bern"},
		"field that we fill":  {more: set{"fields": set{"Summary": "x"}}, kind: fault.Invalid, says: `no field "Summary"`},
		"required and in German": {prepare: func(r *rig) { r.Accounts[0].German = true; r.change("Task", requireField("customfield_10010")) }, kind: fault.Invalid,
			says: `field "Customer" is required in project ENG`},
	} {
		t.Run(name, func(t *testing.T) {
			editions(t, func(t *testing.T, r *rig) {
				if c.prepare != nil {
					c.prepare(r)
				}
				target := r.open(t, c.more)
				err := target.Check(t.Context())
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err), err)
				public := fault.From(err).Public
				require.Contains(t, public, c.says)
				require.Regexp(t, `your admin|Jira admin`, public, "it says who can mend it")
				require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)
			})
		})
	}
}

func TestCheckAcceptsWhatWorks(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		_, err := r.open(t, set{"issueType": "Epic"}).Create(t.Context(), draft())
		require.NoError(t, err)
		for name, more := range map[string]set{
			"defaults":              nil,
			"numbers":               {"project": "10000", "issueType": "10002", "priority": "1", "components": []any{"101"}},
			"other case":            {"project": "eng", "issueType": "STORY"},
			"subtask":               {"issueType": "Sub-task", "parent": "ENG-1"},
			"under an epic":         {"parent": "ENG-1"},
			"required, has default": {"issueType": "Task"},
		} {
			t.Run(name, func(t *testing.T) {
				r.change("Task", func(typ *jirafake.Type) {
					for i := range typ.Fields {
						if typ.Fields[i].ID == "priority" {
							typ.Fields[i].Required = true // Jira fills it
						}
					}
				})
				target := r.open(t, more)
				require.NoError(t, target.Check(t.Context()))
				_, err := target.Create(t.Context(), targets.Draft{Marker: targets.NewMarker("jira", name, 1), Title: name})
				require.NoError(t, err)
			})
		}
		t.Run("lists in parts", func(t *testing.T) {
			r.Change(func(f *jirafake.Fake) { f.MetaPage = 3 })
			require.NoError(t, r.open(t, set{"issueType": "Story", "fields": set{"Squad": "x"}}).Check(t.Context()))
		})
	})
}

// An admin makes a field required after the project was looked up: nothing is
// created, and the sentence names the field, whatever language Jira speaks.
func TestCreateExplainsARefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*rig)
		says   string
	}{
		"required":   {func(r *rig) { r.change("Task", requireField("customfield_10014")) }, `Jira: field "Size" is required in project ENG. Ask your admin to map it in settings.fields.`},
		"archived":   {func(r *rig) { r.Projects[0].Archived = true }, "is archived"},
		"off screen": {func(r *rig) { r.change("Task", drop("labels")) }, "no field Labels"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			editions(t, func(t *testing.T, r *rig) {
				r.Accounts[0].German = true
				target := r.open(t, nil)
				require.NoError(t, target.Check(t.Context()))
				c.change(r)
				_, err := target.Create(t.Context(), draft())
				require.Error(t, err)
				require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
				require.Contains(t, fault.From(err).Public, c.says)
				require.NotEmpty(t, fault.From(err).Ref, "Jira's request id, for its admin")
				require.Empty(t, r.Issues)
			})
		})
	}
}

// What follows a create must not undo it.
func TestCreateStandsWhateverFollows(t *testing.T) {
	t.Parallel()
	follows := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/issue/1") }
	for name, do := range map[string]targettest.Behaviour{"500": {Status: 500}, "cut": {Cut: true}, "another's": {Status: 200, Body: func(*http.Request) string { return `{"id":"1","key":"X-1"}` }}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "cloud")
			proxy := targettest.NewProxy(t, r.URL)
			r.to = proxy.URL
			target := r.open(t, nil)
			require.NoError(t, target.Check(t.Context()))
			proxy.On(follows, do)
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			require.Equal(t, targets.Issue{ID: "10000", Key: "ENG-1", URL: r.to + "/browse/ENG-1", Title: "A wish"}, made)
			require.GreaterOrEqual(t, proxy.Hits(), 2)
		})
	}
	t.Run("linking is off", func(t *testing.T) {
		r := newRig(t, "cloud")
		r.NoLinks = true
		_, err := r.open(t, nil).Create(t.Context(), draft())
		require.NoError(t, err)
		require.Contains(t, r.last(t).Text(), draft().Link, "the description has the address all the same")
	})
}

func TestOneCreateRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	target := r.open(t, nil)
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	before := len(r.Hits())
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"POST /issue", "GET /issue/10001", "POST /issue/10001/remotelink"}, r.Hits()[before:], "the project is known by then")
}

// Jira counts characters as Java does: an emoji is two.
func TestTitleInUTF16(t *testing.T) {
	t.Parallel()
	editions(t, func(t *testing.T, r *rig) {
		d := draft()
		d.Title = strings.Repeat("🚀", 200)
		_, err := r.open(t, nil).Create(t.Context(), d)
		require.NoError(t, err)
		r.Change(func(f *jirafake.Fake) { require.Equal(t, strings.Repeat("🚀", 127)+"…", f.Issues[0].Summary()) })
	})
}

// An epic has a name of its own on Data Center.
func TestEpicName(t *testing.T) {
	t.Parallel()
	r := newRig(t, "datacenter")
	_, err := r.open(t, set{"issueType": "Epic"}).Create(t.Context(), draft())
	require.NoError(t, err)
	require.JSONEq(t, `"A wish"`, string(r.last(t).Fields["customfield_10103"]))
	target := r.open(t, set{"issueType": "Epic", "fields": set{"Epic Name": "Short"}})
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), wanted)
	require.NoError(t, err)
	require.JSONEq(t, `"Short"`, string(r.last(t).Fields["customfield_10103"]))
}

func TestStatusToProgress(t *testing.T) {
	t.Parallel()
	r := newRig(t, "cloud")
	target := r.open(t, set{"statusColors": set{"in progress": "purple"}})
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for status, want := range map[jirafake.Status]targets.Issue{
		jirafake.ToDo():       {Status: "To Do", Progress: targets.Open},
		jirafake.InProgress(): {Status: "In Progress", Progress: targets.Started, Color: "purple"},
		jirafake.Done():       {Status: "Done", Progress: targets.Done},
		{ID: "9", Name: "Odd", Category: "undefined"}: {Status: "Odd", Progress: targets.Open},
	} {
		r.Change(func(f *jirafake.Fake) { f.Issues[0].Status = status })
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
	}
	require.Equal(t, strconv.Itoa(r.last(t).ID), made.ID)
}
