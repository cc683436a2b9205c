package asana_test

import (
	"flag"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/asana"
	fake "pushbutton/internal/targets/asana/asanafake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// open makes a target for a server, without a proxy.
func open(t *testing.T, url string, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, asana.Kind(), a, url)
}

func mine(more ...any) targettest.Account { return fake.Account(fake.Token, fake.Project, more...) }

func draft(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(targets.NewMarker("asana", "entity", 1), targets.Item{ID: "1", Type: "feature", Name: "A wish",
		HTML: "<p>They <b>asked</b> for it &lt;3</p><ul><li>one</li></ul>", Link: "https://example.productboard.com/1", Tags: []string{"urgent", "loud"},
		Owner: targets.Person{Name: "Jane Doe", Email: fake.Jane}, Pusher: targets.Person{Name: "Joe Roe", Email: fake.Joe},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"3.5"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}}, "Teams": {Texts: []string{"web", "APP"}}}})
	require.NoError(t, err)
	return d
}

// recorder keeps the bodies of creates and changes that go to a server.
func recorder(t *testing.T, server string) (url string, bodies *[]string) {
	t.Helper()
	return targettest.Recorder(t, server, func(r *http.Request) bool { return r.Method != http.MethodGet })
}

// Everything that settings can map, whole, as it goes to Asana.
func TestCreateBody(t *testing.T) {
	for name, c := range map[string]struct {
		account func(...any) targettest.Account
		more    []any
	}{
		"create.token.json": {mine, []any{"section", "doing"}},
		"create.app.json":   {func(more ...any) targettest.Account { return fake.App(fake.OAuthToken, fake.Project, more...) }, []any{"type", "milestone"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t)
			parent, err := open(t, s.URL, mine()).Create(t.Context(), targets.Draft{Marker: "pb-parent", Title: "Parent"})
			require.NoError(t, err)
			url, bodies := recorder(t, s.URL)
			target := open(t, url, c.account(append(c.more, "parent", parent.ID, "assignee", "owner", "labels", []any{"wish"}, "fields", map[string]any{
				"stage": "wanted", "Teams": `{{field "Teams"}}`, "Effort": `{{field "Effort"}}`, "Customer": "ACME", "Promised": "2026-05-01",
				"Sponsors": fake.Jane, "Due date": `{{field "Timeframe"}}`, "start_on": "2026-01-01"})...))
			require.NoError(t, target.Check(t.Context()))
			made, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			require.Equal(t, "1500000000000002", made.ID)
			require.Equal(t, url+"/0/"+fake.Project+"/"+made.ID, made.URL)
			require.Len(t, *bodies, 1)
			targettest.Golden(t, name, (*bodies)[0], *update)
		})
	}
}

func TestCreateLooksUpOnce(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	before := len(s.Hits())
	_, err = target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, []string{"POST /tasks"}, s.Hits()[before:])
}

// What is wrong must be said by Check, and just as well by a create that finds
// it out first.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account targettest.Account
		kind    fault.Kind
		says    string
	}{
		"bad token":            {fake.Account("wrong", fake.Project), fault.Unauthorized, "refused the token"},
		"unknown project":      {fake.Account(fake.Token, "1299"), fault.NotFound, "no project 1299"},
		"another's project":    {fake.Account(fake.Token, fake.OtherProject), fault.Forbidden, "editor of project"},
		"archived project":     {fake.Account(fake.Token, fake.Archived), fault.Invalid, "archived"},
		"unknown section":      {mine("section", "Done"), fault.Invalid, "only Backlog, Doing"},
		"unknown status field": {mine("statusField", "State"), fault.Invalid, "settings.statusField"},
		"status is no select":  {mine("statusField", "Effort"), fault.Invalid, "no single-select"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t)
			target := open(t, s.URL, c.account)
			check := target.Check(t.Context())
			_, create := target.Create(t.Context(), draft(t, target))
			for _, err := range []error{check, create} {
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err), err)
				public := fault.From(err).Public
				require.Contains(t, public, c.says)
				require.Contains(t, public, "your admin", "it says who can mend it")
				require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)
			}
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(create))
			require.Zero(t, s.Tasks())
		})
	}
	t.Run("unknown parent", func(t *testing.T) {
		target := open(t, fake.New(t).URL, mine("parent", "77"))
		require.Contains(t, fault.From(target.Check(t.Context())).Public, "parent task 77")
		_, err := target.Create(t.Context(), draft(t, target))
		require.Equal(t, "Asana: parent: Not a recognized ID: 77. Ask your admin to check the integration's settings.", fault.From(err).Public)
	})
	for name, c := range map[string]struct {
		fields map[string]any
		says   string
	}{
		"option that is off": {map[string]any{"Stage": "Old"}, "one of Wanted, In review"},
		"formula":            {map[string]any{"Score": "1"}, `no field "Score"`},
		"custom id":          {map[string]any{"Ticket": "1"}, `no field "Ticket"`},
		"read-only":          {map[string]any{"Locked": "1"}, `no field "Locked"`},
		"reference":          {map[string]any{"Related": "1"}, `no field "Related"`},
		"no number":          {map[string]any{"Effort": "much"}, "takes a number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := open(t, fake.New(t).URL, mine("fields", c.fields)).Check(t.Context())
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, c.says)
		})
	}
}

// A look-up by reading reads all pages, newest changes first, and compares the
// reference exactly.
func TestScan(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.PageSize = 2
	target := open(t, s.URL, mine())
	d := draft(t, target)
	longer, other := d, d
	longer.Marker += "x"
	other.Marker = "pb-other"
	other.Description = richtext.Paragraph(richtext.Text("Reference: " + string(d.Marker) + "."))
	for _, each := range []targets.Draft{d, longer, other, d, other, longer, other} {
		_, err := target.Create(t.Context(), each)
		require.NoError(t, err)
	}
	s.Change(0, func(task *fake.Task) { task.Completed = true })
	all, _, err := target.FindAll(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{s.Task(0).GID, s.Task(3).GID}, []string{all[0].ID, all[1].ID}, "completed ones too, oldest first")

	age := func(n int, days int) {
		s.Change(n, func(task *fake.Task) { task.Modified = time.Now().AddDate(0, 0, -days) })
	}
	age(0, 3)
	age(3, 3)
	before := len(s.Hits())
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.NotNil(t, found, "the older ones are read when the newer ones do not have it")
	require.Equal(t, s.Task(0).GID, found.ID)
	require.Len(t, s.Hits()[before:], 3+4, "pages of a day, then of a month")
	age(0, 31)
	age(3, 31)
	found, err = target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Nil(t, found, "as the caveat says")
	require.Contains(t, target.Traits().Caveat, "30 days")
	require.Equal(t, targets.LookupScan, target.Traits().Lookup)
}

// Too many tasks to read are not the same as none.
func TestScanIsBounded(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.PageSize = 1
	target := open(t, s.URL, mine())
	d := draft(t, target)
	for range 61 {
		_, err := target.Create(t.Context(), d)
		require.NoError(t, err)
	}
	_, err := target.Find(t.Context(), "pb-unknown")
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, "too many to find one again")
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.NotNil(t, found, "found is found")
}

func TestAnAppLooksUpAtOnce(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, fake.App(fake.OAuthToken, fake.Project))
	d := draft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, string(d.Marker), s.Task(0).External)
	before := len(s.Hits())
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Equal(t, &made, found)
	require.Len(t, s.Hits()[before:], 1)
	require.Equal(t, targets.LookupExact, target.Traits().Lookup)
	s.Change(0, func(task *fake.Task) { task.Deleted = true })
	found, err = target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Nil(t, found)
}

func TestPeopleAndLabels(t *testing.T) {
	t.Parallel()
	for who, assigned := range map[string]bool{fake.Jane: true, fake.Joe: false, "nobody@example.com": false, "a/b@example.com": false} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			target := open(t, s.URL, mine("assignee", who, "labels", []any{"WISH"}))
			_, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			task := s.Task(0)
			require.Equal(t, assigned, task.Assignee == fake.JaneGID)
			require.Equal(t, !assigned, strings.Contains(task.Notes, "Assignee: "+who))
			require.Equal(t, []string{"1900000000000001", "1900000000000002"}, task.Tags, "the first of several tags with a name")
			require.Contains(t, task.Notes, "Labels: loud", "what has no tag is not lost")
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more   []any
		change func(*fake.Task)
		want   targets.Issue
	}{
		"first section":   {nil, func(*fake.Task) {}, targets.Issue{Status: "Backlog"}},
		"another":         {nil, func(task *fake.Task) { task.Section = fake.Doing }, targets.Issue{Status: "Doing", Progress: targets.Started}},
		"our section":     {[]any{"section", fake.Doing}, func(*fake.Task) {}, targets.Issue{Status: "Doing"}},
		"not our project": {nil, func(task *fake.Task) { task.Section = "1" }, targets.Issue{Status: "Incomplete"}},
		"completed":       {nil, func(task *fake.Task) { task.Completed = true }, targets.Issue{Status: "Completed", Progress: targets.Done}},
		"named colour":    {[]any{"statusColors", map[string]any{"backlog": "purple"}}, func(*fake.Task) {}, targets.Issue{Status: "Backlog", Color: "purple"}},
		"field, empty":    {[]any{"statusField", "Stage"}, func(*fake.Task) {}, targets.Issue{Status: "Incomplete"}},
		"field":           {[]any{"statusField", "Stage"}, func(task *fake.Task) { task.Fields["1600000000000001"] = "1700000000000001" }, targets.Issue{Status: "Wanted", Progress: targets.Started, Color: "yellow"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			target := open(t, s.URL, mine(c.more...))
			made, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			s.Change(0, c.change)
			got, _, err := target.Read(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, c.want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
		})
	}
}

// Each of Asana's colours for options is one of the button's, or none.
func TestOptionColors(t *testing.T) {
	t.Parallel()
	for theirs, want := range map[string]string{"red": "red", "hot-pink": "red", "orange": "orange", "yellow-orange": "orange", "yellow": "yellow", "yellow-green": "green",
		"green": "green", "blue-green": "green", "aqua": "blue", "blue": "blue", "indigo": "purple", "purple": "purple", "magenta": "purple", "pink": "red", "cool-gray": "gray", "none": ""} {
		s := fake.New(t)
		s.StageColor = theirs
		target := open(t, s.URL, mine("statusField", "Stage", "fields", map[string]any{"Stage": "Wanted"}))
		made, err := target.Create(t.Context(), draft(t, target))
		require.NoError(t, err)
		require.Equal(t, want, made.Color, theirs)
	}
}

// A task without our reference, such as one that somebody cut it out of, gets
// the draft's.
func TestUpdateMendsTheReference(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	d := draft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Change(0, func(task *fake.Task) { task.Notes = "gone" })
	_, _, err = target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
	require.Contains(t, s.Task(0).Notes, "Reference: "+string(d.Marker))
	s.Change(0, func(task *fake.Task) { task.Notes = "gone" })
	d.Marker = ""
	_, _, err = target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
	require.NotContains(t, s.Task(0).Notes, "Reference:")
}

func TestUpdateKeepsReferenceAndTags(t *testing.T) {
	s := fake.New(t)
	url, bodies := recorder(t, s.URL)
	target := open(t, url, mine("labels", []any{"wish"}))
	d := draft(t, target)
	made, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Change(0, func(task *fake.Task) { task.Tags = []string{"1900000000000003", "1900000000000002"} })
	d.Title, d.Marker = "A bigger wish", "pb-another"
	got, able, err := target.Update(t.Context(), made.ID, d)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, "A bigger wish", got.Title)
	task := s.Task(0)
	require.Contains(t, task.Notes, "Reference: pb-", "it stays")
	require.NotContains(t, task.Notes, "pb-another")
	require.Equal(t, []string{"1900000000000003", "1900000000000002", "1900000000000001"}, task.Tags)
	require.Len(t, *bodies, 3)
	targettest.Golden(t, "update.json", (*bodies)[1], *update)
	_, _, err = target.Update(t.Context(), "1500000000000099", d)
	require.Equal(t, fault.Gone, fault.KindOf(err))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
		says   string
		ref    string
	}{
		"field":      {400, `{"errors":[{"message":"custom_fields: Custom field with ID 12 is not on given object","help":"h"}]}`, fault.Invalid, "Asana: custom_fields: Custom field with ID 12 is not on given object. Ask your admin to check the integration's settings.", ""},
		"plan":       {402, `{"errors":[{"message":"Payment Required"}]}`, fault.Invalid, "Asana: this needs a paid plan. Ask your admin to leave custom fields out of the integration's settings.", ""},
		"phrase":     {500, `{"errors":[{"message":"Server Error","phrase":"6 sad squid snuggle softly"}]}`, fault.Unavailable, "", "6 sad squid snuggle softly"},
		"reason":     {403, `{"errors":[{"message":"This IP address is not on your organization's allowlist.","help":"h"}]}`, fault.Forbidden, "Asana: This IP address is not on your organization's allowlist. Ask an Asana admin to allow it to the token's account.", ""},
		"no reason":  {403, `{"errors":[{"message":"project: Forbidden","help":"h"}]}`, fault.Forbidden, "Asana does not allow this to the token's account. Ask your admin to make it an editor of project " + fake.Project + ".", ""},
		"firewall":   {403, "<html>Request blocked", fault.Intermediary, "Something in front of Asana answered (HTTP 403, a web page), not Asana itself. Push again in a while. If it stays so, tell the people who run Asana.", ""},
		"plain text": {400, "Bad Request", fault.Invalid, "Asana refused the request. Ask your admin to check the integration's settings.", ""},
		"long":       {400, `{"errors":[{"message":"` + strings.Repeat("x", 5000) + `"}]}`, fault.Invalid, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			proxy := targettest.NewProxy(t, s.URL)
			target := open(t, proxy.URL, mine())
			require.NoError(t, target.Check(t.Context()))
			proxy.On(fake.Creates, targettest.Behaviour{Status: c.status, Body: func(*http.Request) string { return c.body }})
			_, err := target.Create(t.Context(), draft(t, target))
			require.Error(t, err)
			e := fault.From(err)
			require.Equal(t, c.kind, e.Kind)
			if c.says != "" {
				require.Equal(t, c.says, e.Public)
			}
			require.Equal(t, c.ref, e.Ref)
			require.LessOrEqual(t, utf8.RuneCountInString(e.Public), text.MaxPublic)
		})
	}
}

// A tag that somebody deleted within the memo's life costs no push.
func TestCreateLooksUpOnceMore(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	proxy := targettest.NewProxy(t, s.URL)
	target := open(t, proxy.URL, mine())
	require.NoError(t, target.Check(t.Context()))
	proxy.OnNext(fake.Creates, targettest.Behaviour{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: func(*http.Request) string {
		return `{"errors":[{"message":"tags: [0]: Not a recognized ID: 1900000000000002","help":"h"}]}`
	}})
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, 1, s.Tasks())
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	driver, err := asana.Kind().New(targets.Config{Settings: settings.Values{"url": s.URL, "project": fake.Project}, Credentials: map[string]secret.String{"token": secret.New(fake.Token)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	chooser, ok := driver.(targets.Chooser)
	require.True(t, ok)
	for setting, want := range map[string][]targets.Choice{
		"project":     {{Value: fake.Project, Title: "Push"}},
		"section":     {{Value: fake.Backlog, Title: "Backlog"}, {Value: fake.Doing, Title: "Doing"}},
		"statusField": {{Value: "1600000000000001", Title: "Stage"}},
		"parent":      nil,
	} {
		got, err := chooser.Choices(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]any
		creds    map[string]string
		want     string
	}{
		"nothing":          {nil, nil, "settings.project is required (for example 1201234567890123)"},
		"no credential":    {map[string]any{"project": 12}, nil, "credentials.token is required (or oauthToken)"},
		"both credentials": {map[string]any{"project": 12}, map[string]string{"token": "a", "oauthToken": "b"}, "credentials.oauthToken must not stand beside token: give one of them"},
		"names":            {map[string]any{"project": "Push", "parent": "-1"}, map[string]string{"token": "a"}, "settings.project must be a number, as in the address (for example 1201234567890123); settings.parent must be a number, as in the address (for example 1201234567890123)"},
		"type":             {map[string]any{"project": "1", "type": "mile"}, map[string]string{"token": "a"}, "settings.type must be one of default_task, milestone, approval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			creds := map[string]secret.String{}
			for k, v := range c.creds {
				creds[k] = secret.New(v)
			}
			_, err := asana.Kind().Open(c.settings, creds, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			require.Equal(t, c.want, fields.Error())
		})
	}
}
