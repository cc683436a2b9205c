package azuredevops_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/azuredevops"
	fake "pushbutton/internal/targets/azuredevops/azuredevopsfake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// open makes a target for a server, without a proxy.
func open(t *testing.T, url string, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, azuredevops.Kind(), a, url)
}

func mine(more ...any) targettest.Account { return fake.Account(fake.PAT, fake.Project, more...) }

func item() targets.Item {
	return targets.Item{ID: "1", Type: "feature", Name: "A wish", HTML: "<p>They <b>asked</b> for it, @jane &lt;3</p><ul><li>one</li></ul>",
		Link: "https://example.productboard.com/1", Tags: []string{"big, loud", "urgent"},
		Owner: targets.Person{Name: "Jane Doe", Email: fake.Jane}, Pusher: targets.Person{Name: "Joe Roe", Email: "joe@example.com"},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"3.5"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}}}}
}

func draft(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(targets.NewMarker("azuredevops", "entity", 1), item())
	require.NoError(t, err)
	return d
}

// recorder keeps the bodies that go to a server.
func recorder(t *testing.T, server string) (url string, bodies *[]string) {
	t.Helper()
	return targettest.Recorder(t, server, func(r *http.Request) bool { return fake.Creates(r) || r.Method == http.MethodPatch })
}

// Everything that settings can map, whole, as it goes to Azure DevOps.
func TestCreateBody(t *testing.T) {
	for name, typ := range map[string]string{"create.story.json": "User Story", "create.bug.json": "Bug"} {
		t.Run(typ, func(t *testing.T) {
			s := fake.New(t)
			_, err := open(t, s.URL, mine()).Create(t.Context(), targets.Draft{Marker: "pb-parent", Title: "Parent"})
			require.NoError(t, err)
			url, bodies := recorder(t, s.URL)
			target := open(t, url, mine("type", typ, "areaPath", `Fabrikam Fiber\Web`, "iterationPath", `Fabrikam Fiber\Sprint 3`, "parent", 1,
				"assignee", "owner", "labels", []any{"productboard"}, "fields", map[string]any{
					"priority": "1", "Story Points": `{{field "Effort"}}`, "Target Date": `{{field "Timeframe"}}`, "Custom.Sponsor": fake.Jane, "Urgent": "yes",
					"Component": "backend", "Region": "Moon", "Notes": "a < b", "Acceptance Criteria": "a < b\nc",
				}))
			require.NoError(t, target.Check(t.Context()))
			made, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			require.Equal(t, targets.Issue{ID: "2", Key: "#2", URL: url + "/fabrikam/Fabrikam%20Fiber/_workitems/edit/2", Title: "A wish", Status: "New", Color: "gray"}, made)
			require.Len(t, *bodies, 1, "one create, however much was rehearsed")
			targettest.Golden(t, name, strings.ReplaceAll((*bodies)[0], url, "https://dev.azure.com"), *update)
			require.Equal(t, map[string]any{"displayName": "Jane Doe", "uniqueName": fake.Jane, "id": "d291b0c4-a05c-4ea6-8df1-4b41d5f39eff"}, s.Item(2).Fields["System.AssignedTo"])
		})
	}
}

func TestCreateLooksUpOnce(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	require.NoError(t, target.Check(t.Context()))
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	before := len(s.Hits())
	_, err = target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, []string{"POST /fabrikam/Fabrikam Fiber/_apis/wit/workitems/$User Story"}, s.Hits()[before:])
}

func TestEntraToken(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	a := mine()
	a.Credentials = map[string]secret.String{"entraToken": secret.New(fake.EntraToken)}
	require.NoError(t, open(t, s.URL, a).Check(t.Context()))
}

// What is wrong must be said by Check, and just as well by a create that finds
// it out first.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account targettest.Account
		prepare func(*fake.Server)
		kind    fault.Kind
		says    string
	}{
		"bad token, 401":       {account: fake.Account("wrong", fake.Project), kind: fault.Unauthorized, says: "refused the token"},
		"bad token, 203":       {fake.Account("wrong", fake.Project), func(s *fake.Server) { s.BadToken = 203 }, fault.Unauthorized, "refused the token"},
		"bad token, 302":       {fake.Account("wrong", fake.Project), func(s *fake.Server) { s.BadToken = 302 }, fault.Unauthorized, "refused the token"},
		"unknown project":      {account: fake.Account(fake.PAT, "Nowhere"), kind: fault.NotFound, says: `no project "Nowhere"`},
		"unknown organization": {account: mine("organization", "fabricam"), kind: fault.NotFound, says: "settings"},
		"unknown type":         {account: mine("type", "Wish"), kind: fault.NotFound, says: `no work item type "Wish"`},
		"retired type":         {account: mine("type", "Retired"), kind: fault.Invalid, says: "switched off"},
		"unknown area":         {account: mine("areaPath", "Nowhere"), kind: fault.Invalid, says: "settings.areaPath."},
		"unknown iteration":    {account: mine("iterationPath", "Never"), kind: fault.Invalid, says: "settings.iterationPath."},
		"unknown description":  {account: mine("descriptionField", "Custom.Text"), kind: fault.Invalid, says: "settings.descriptionField"},
		"no tags":              {mine(), func(s *fake.Server) { s.NoTags = true }, fault.Forbidden, "Create tag definition"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			target := open(t, s.URL, c.account)
			check := target.Check(t.Context())
			_, create := target.Create(t.Context(), draft(t, target))
			for _, err := range []error{check, create} {
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err), err)
				public := fault.From(err).Public
				require.Contains(t, public, c.says)
				require.Regexp(t, `your admin|an Azure DevOps admin`, public, "it says who can mend it")
				require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)
			}
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(create))
			require.Zero(t, s.Items())
		})
	}
	t.Run("unknown parent", func(t *testing.T) {
		target := open(t, fake.New(t).URL, mine("parent", 77))
		require.Contains(t, fault.From(target.Check(t.Context())).Public, "parent work item #77")
		_, err := target.Create(t.Context(), draft(t, target))
		require.Equal(t, fault.NotFound, fault.KindOf(err))
	})
}

// Required are what the type always wants, and what only a rule wants.
func TestRequiredFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account targettest.Account
		says    string
	}{
		"always":           {mine("type", "Strict", "fields", map[string]any{"Component": "Backend"}), `field "Activity" is required in project Fabrikam Fiber`},
		"by a rule":        {mine(), `field "Component" is required in project Fabrikam Fiber`},
		"wrong option":     {mine("fields", map[string]any{"Component": "Basement"}), "one of Backend, Frontend"},
		"unknown field":    {mine("fields", map[string]any{"Componnent": "Backend"}), "did you mean Component"},
		"read-only field":  {mine("fields", map[string]any{"System.Id": "1"}), `no field "System.Id"`},
		"a field of ours":  {mine("fields", map[string]any{"System.Tags": "x"}), `no field "System.Tags"`},
		"not for people":   {mine("fields", map[string]any{"Some GUID": "x"}), `no field "Some GUID"`},
		"another's option": {mine("fields", map[string]any{"Priority": "9"}), "one of 1, 2, 3, 4"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t)
			s.Require = []string{"Custom.Component"}
			err := open(t, s.URL, c.account).Check(t.Context())
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.Contains(t, fault.From(err).Public, c.says)
		})
	}
	s := fake.New(t)
	s.Require = []string{"Custom.Component"}
	target := open(t, s.URL, mine("type", "Strict", "fields", map[string]any{"Component": "Backend", "Activity": "Design"}))
	require.NoError(t, target.Check(t.Context()))
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)

	unmapped := open(t, s.URL, mine("type", "Strict"))
	_, err = unmapped.Create(t.Context(), draft(t, unmapped))
	require.Error(t, err)
	require.Equal(t, "Azure DevOps: fields 'Component', 'Activity' are required in project Fabrikam Fiber. Ask your admin to map it in settings.fields.", fault.From(err).Public)
	require.NotEmpty(t, fault.From(err).Ref, "the activity's id, for support")
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
}

// Recorded and documented bodies of refusals.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		status int
		kind   fault.Kind
		says   string
	}{
		"rule.json":     {400, fault.Invalid, "Azure DevOps: field 'Activity' is required in project Fabrikam Fiber. Ask your admin to map it in settings.fields."},
		"german.json":   {400, fault.Invalid, "Azure DevOps: field 'Activity' is required in project Fabrikam Fiber. Ask your admin to map it in settings.fields."},
		"identity.json": {400, fault.Invalid, "Azure DevOps: field 'Program Manager' is not allowed the value given. Ask your admin to change the integration's settings."},
		"rev.json":      {412, fault.Conflict, ""},
		"version.json":  {400, fault.Invalid, "Azure DevOps: The requested REST API version of 7.1 is out of range for this server. Ask your admin to set settings.apiVersion."},
		"text.json":     {400, fault.Invalid, "Azure DevOps: Something else is wrong. Ask your admin to check the integration's settings."},
		"plain.txt":     {400, fault.Invalid, ""},
		"page.html":     {403, fault.Intermediary, "Something in front of Azure DevOps answered (HTTP 403, a web page), not Azure DevOps itself. Push again in a while. If it stays so, tell the people who run Azure DevOps."},
		"access.json":   {403, fault.Forbidden, "Azure DevOps: You are not authorized to access this resource because of a conditional access policy. Ask an Azure DevOps admin to allow it to the token's account."},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(filepath.Join("testdata", "refusals", file))
			require.NoError(t, err)
			s := fake.New(t)
			proxy := targettest.NewProxy(t, s.URL)
			target := open(t, proxy.URL, mine())
			require.NoError(t, target.Check(t.Context()))
			proxy.On(fake.Creates, targettest.Behaviour{Status: c.status, Body: func(*http.Request) string { return string(body) }})
			_, err = target.Create(t.Context(), draft(t, target))
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err))
			if c.says != "" {
				require.Equal(t, c.says, fault.From(err).Public)
			}
			want := targets.OutcomeNotDone
			if c.kind == fault.Intermediary {
				want = targets.OutcomeUnknown // a firewall also drops replies
			}
			require.Equal(t, want, targets.OutcomeOf(err))
		})
	}
}

// Azure DevOps Server 2019 and 2020 have the states of a type as a preview.
func TestOlderServers(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"7.1", "7.0", "6.0", "5.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			s.Version = version
			target := open(t, s.URL, mine("apiVersion", version))
			require.NoError(t, target.Check(t.Context()))
			made, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			require.Equal(t, "New", made.Status)
		})
	}
}

// A field that the process lost meanwhile is looked up once more.
func TestCreateLooksUpOnceMore(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	proxy := targettest.NewProxy(t, s.URL)
	target := open(t, proxy.URL, mine())
	require.NoError(t, target.Check(t.Context()))
	proxy.OnNext(fake.Creates, targettest.Behaviour{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: func(*http.Request) string {
		return `{"message":"TF51535: Cannot find field System.Old.","typeKey":"WorkItemTrackingFieldDefinitionNotFoundException"}`
	}})
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, 1, s.Items())
}

// The token is masked in the form in which it is sent, too.
func TestEchoedHeader(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	proxy := targettest.NewProxy(t, s.URL)
	target := open(t, proxy.URL, mine())
	require.NoError(t, target.Check(t.Context()))
	var sent string
	proxy.On(targettest.Any, targettest.Behaviour{Status: 400, Body: func(r *http.Request) string {
		_, sent, _ = strings.Cut(r.Header.Get("Authorization"), " ")
		return `{"message":"Bad header ` + sent + `"}`
	}})
	_, err := target.Create(t.Context(), draft(t, target))
	require.Error(t, err)
	require.NotEmpty(t, sent)
	require.NotContains(t, err.Error()+fault.From(err).Public, sent)
	require.Contains(t, fault.From(err).Public, "Bad header [secret]")
}

// CONTAINS finds more than it should, and an item can vanish in between.
func TestFindComparesExactly(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	d := draft(t, target)
	longer := d
	longer.Marker += "x"
	_, err := target.Create(t.Context(), longer)
	require.NoError(t, err)
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Nil(t, found)

	for range 3 {
		_, err = target.Create(t.Context(), d)
		require.NoError(t, err)
	}
	s.Set(2, "System.State", "Closed")
	s.Set(2, "System.Tags", "ours; "+string(d.Marker)+";theirs")
	s.Delete(3)
	all, _, err := target.FindAll(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"2", "4"}, []string{all[0].ID, all[1].ID}, "closed ones too, oldest first")
	s.Delete(1)
	s.Delete(2)
	s.Delete(4)
	found, err = target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Nil(t, found, "what is in the recycle bin is gone")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare  func(*fake.Server)
		assignee string
		assigned bool
	}{
		"a member":                          {nil, fake.Jane, true},
		"a member, though a field is asked": {func(s *fake.Server) { s.Require = []string{"Custom.Component"} }, fake.Jane, true},
		"a stranger":                        {nil, "stranger@example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			target := open(t, s.URL, mine("assignee", c.assignee, "fields", map[string]any{"Component": "Backend"}))
			_, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			_, assigned := s.Item(1).Fields["System.AssignedTo"]
			require.Equal(t, c.assigned, assigned)
			text, _ := s.Item(1).Fields["System.Description"].(string)
			require.Equal(t, !c.assigned, strings.Contains(text, "Assignee: "+c.assignee))
		})
	}
}

// A server that ignores validateOnly must not be asked again and again.
func TestARehearsalThatIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.Careless = true
	target := open(t, s.URL, mine("assignee", fake.Jane))
	err := target.Check(t.Context())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, "made work item #1, which it was only asked to validate")
	_, err = target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, 2, s.Items(), "one rehearsed, one wanted")
}

// Titles count in UTF-16: an emoji is two.
func TestTitlesCountInUTF16(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	d := draft(t, target)
	d.Title = strings.Repeat("🚀", 200)
	_, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("🚀", 127)+"…", s.Item(1).Fields["System.Title"])
}

func TestStates(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine("statusColors", map[string]any{"resolved": "purple"}))
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	for state, want := range map[string]targets.Issue{
		"New": {Color: "gray"}, "Active": {Progress: targets.Started, Color: "blue"}, "Resolved": {Progress: targets.Started, Color: "purple"},
		"Closed": {Progress: targets.Done, Color: "green"}, "Removed": {Progress: targets.Done}, "Of another process": {Progress: targets.Started},
	} {
		s.Set(1, "System.State", state)
		got, _, err := target.Read(t.Context(), "1")
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Progress: got.Progress, Color: got.Color}, state)
	}
	s.Set(1, "System.WorkItemType", "Gone")
	got, _, err := target.Read(t.Context(), "1")
	require.NoError(t, err, "a type that is not the project's any more")
	require.Equal(t, targets.Started, got.Progress)
}

func TestUpdateKeepsWhatOthersDid(t *testing.T) {
	s := fake.New(t)
	url, bodies := recorder(t, s.URL)
	target := open(t, url, mine("fields", map[string]any{"Story Points": `{{field "Effort"}}`}))
	d := draft(t, target)
	_, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Set(1, "System.Tags", s.Item(1).Fields["System.Tags"].(string)+"; theirs")
	d.Title = "A bigger wish"
	d.Labels = append(d.Labels, "new")
	got, able, err := target.Update(t.Context(), "1", d)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, "A bigger wish", got.Title)
	require.Equal(t, "big loud; new; "+string(d.Marker)+"; theirs; urgent", s.Item(1).Fields["System.Tags"])
	require.Len(t, s.Item(1).Relations, 1, "the link is not added again, which would be refused")
	targettest.Golden(t, "update.json", strings.ReplaceAll((*bodies)[1], url, "https://dev.azure.com"), *update)
	_, _, err = target.Update(t.Context(), "9", d)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

// A change between our reading and our writing is not overwritten.
func TestChangesAreGuarded(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	var meanwhile bool
	proxy := targettest.NewProxy(t, s.URL)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && meanwhile {
			s.Set(1, "System.Title", "Theirs")
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	target := open(t, front.URL, mine())
	d := draft(t, target)
	_, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	meanwhile = true
	_, _, err = target.Update(t.Context(), "1", d)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	_, err = target.Close(t.Context(), "1")
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.Equal(t, "Theirs", s.Item(1).Fields["System.Title"])
	_, err = target.Comment(t.Context(), "1", "<b>plain</b>")
	require.NoError(t, err, "a remark needs no guard")
	require.Equal(t, []string{"<p>&lt;b&gt;plain&lt;/b&gt;</p>"}, s.Item(1).Comments)
}

// Retry-After beside a success asks to slow down: nothing is sent meanwhile.
func TestRetryAfterBesideASuccess(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	s.Header = http.Header{"Retry-After": {"30"}, "X-Ratelimit-Delay": {"0.5"}}
	_, _, err = target.Read(t.Context(), "1")
	require.NoError(t, err)
	before := len(s.Hits())
	_, err = target.Create(t.Context(), draft(t, target))
	require.Equal(t, fault.RateLimited, fault.KindOf(err))
	require.InDelta(t, 30, fault.From(err).RetryAfter.Seconds(), 5)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Len(t, s.Hits(), before)
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	driver, err := azuredevops.Kind().New(targets.Config{Settings: settings.Values{"url": s.URL, "organization": "fabrikam", "project": fake.Project, "type": "Bug", "apiVersion": "7.1"},
		Credentials: map[string]secret.String{"pat": secret.New(fake.PAT)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	chooser, ok := driver.(targets.Chooser)
	require.True(t, ok)
	for setting, want := range map[string][]targets.Choice{
		"project":       {{Value: "Fabrikam Fiber"}},
		"type":          {{Value: "Bug"}, {Value: "User Story"}, {Value: "Strict"}},
		"areaPath":      {{Value: "Fabrikam Fiber"}, {Value: `Fabrikam Fiber\Web`}},
		"iterationPath": {{Value: "Fabrikam Fiber"}, {Value: `Fabrikam Fiber\Sprint 3`}},
		"title":         nil,
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
		"nothing":          {nil, nil, "settings.organization is required (for example fabrikam); settings.project is required (for example Fabrikam Fiber)"},
		"no credential":    {map[string]any{"organization": "o", "project": "p"}, nil, "credentials.pat is required (or entraToken)"},
		"both credentials": {map[string]any{"organization": "o", "project": "p"}, map[string]string{"pat": "a", "entraToken": "b"}, "credentials.entraToken must not stand beside pat: give one of them"},
		"wrong version":    {map[string]any{"organization": "o", "project": "p", "apiVersion": "7.2"}, nil, "settings.apiVersion must be one of 7.1, 7.0, 6.0, 5.1 (did you mean 7.1?)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			creds := map[string]secret.String{}
			for k, v := range c.creds {
				creds[k] = secret.New(v)
			}
			_, err := azuredevops.Kind().Open(c.settings, creds, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			require.Equal(t, c.want, fields.Error())
		})
	}
}
