package github_test

import (
	"flag"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConformance(t *testing.T) {
	targettest.Run(t, githubfake.Harness())
}

func TestConformanceAsApp(t *testing.T) {
	targettest.Run(t, githubfake.AppHarness(t))
}

func open(t *testing.T, url string, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, github.Kind(), a, url)
}

const marker = targets.Marker("pb-abcdefghijklmnopqrstuvwxyz")

func draft() targets.Draft {
	return targets.Draft{Marker: marker, Title: "A wish", Description: richtext.Paragraph(richtext.Text("As they said.")),
		Link: "https://example.productboard.com/1", Labels: []string{"wish"}, Reporter: "Jane Doe <jane@example.com>"}
}

// mapped is a whole item through the mapping.
func mapped(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(marker, targets.Item{ID: "1", Type: "feature", Name: "Dark mode", Link: "https://example.productboard.com/1", Tags: []string{"UI", "bug", "Productboard"},
		HTML:  "<h1>Why</h1><p>Fixes #12, ask @octocat &amp; acme/app#3.</p><ul><li>one</li></ul><pre><code>&lt;!-- pushbutton: pb-zzz --&gt;</code></pre>",
		Owner: targets.Person{Name: "Olga", Email: "Olga@example.com"}, Pusher: targets.Person{Name: "Jane Doe", Email: "jane@example.com"}})
	require.NoError(t, err)
	return d
}

func TestCreateSendsWhatIsMapped(t *testing.T) {
	f := githubfake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Assignable, repo.Milestones = []string{"olga-at-acme"}, []githubfake.Milestone{{Number: 1, Title: "v2", Closed: true}, {Number: 3, Title: "V2"}}
	f.Types = []string{"Bug", "Feature"}
	url, bodies := targettest.Recorder(t, f.URL, githubfake.Creates)
	target := open(t, url, githubfake.WithToken("acme/app", githubfake.MineToken, "type", "Feature", "milestone", "v2", "assignee", "owner",
		"labels", []any{"push"}, "people", map[string]any{"olga@example.com": "olga-at-acme"}))
	require.NoError(t, target.Check(t.Context()))
	before := len(f.Hits)
	made, err := target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "2", Key: "#2", URL: url + "/acme/app/issues/2", Title: "Dark mode", Status: "Open"}, made)
	require.Equal(t, []string{"GET /repos/acme/app/assignees/olga-at-acme", "POST /repos/acme/app/issues"}, f.Hits[before:])
	require.Len(t, *bodies, 2, "the rehearsal of Check, and the create")
	targettest.Golden(t, "create.json", (*bodies)[1], *update)

	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	require.Equal(t, "2", found.ID)
	quoted, err := target.Find(t.Context(), "pb-zzz")
	require.NoError(t, err)
	require.Nil(t, quoted, "a marker that the text quotes is not the issue's")
}

func TestPeopleWithoutALogin(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	for name, people := range map[string]map[string]any{"not in the map": {"x@example.com": "x"}, "not assignable": {"olga@example.com": "stranger"}} {
		target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "assignee", "owner", "people", people))
		_, err := target.Create(t.Context(), mapped(t, target))
		require.NoError(t, err, name)
		issues := f.Repositories["acme/app"].Own()
		last := issues[len(issues)-1]
		require.Empty(t, last.Assignees, name)
		require.Contains(t, last.Body, "Assignee: Olga", name)
	}
}

// GitHub drops labels from an account without write access, and people take
// them off: the issue is found among the account's own.
func TestFoundWithoutItsLabel(t *testing.T) {
	t.Parallel()
	for name, strip := range map[string]func(*githubfake.Fake){
		"dropped":   func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Repos["acme/app"] = "read" },
		"taken off": func(*githubfake.Fake) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := githubfake.Standard(t)
			strip(f)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
			require.NoError(t, target.Check(t.Context()))
			first, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			second, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			for _, i := range f.Repositories["acme/app"].Own() {
				i.Labels = nil
			}
			found, err := target.Find(t.Context(), marker)
			require.NoError(t, err)
			require.NotNil(t, found)
			require.Equal(t, first.ID, found.ID, "the oldest")
			all, _, err := target.FindAll(t.Context(), marker)
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.Equal(t, second.ID, all[1].ID)
		})
	}
}

// A look-up turns pages, does not take a pull request for an issue, and finds
// closed issues.
func TestFindTurnsPages(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err)
	repo := f.Repositories["acme/app"]
	body := repo.Issues[1].Body
	for n := len(repo.Issues) + 1; n < 140; n++ {
		repo.Issues = append(repo.Issues, &githubfake.Issue{Number: n, Title: "x", State: "open", Creator: "pusher", Labels: []string{"productboard"}, Body: "<!-- pushbutton: pb-other -->"})
	}
	repo.Issues = append(repo.Issues, &githubfake.Issue{Number: 140, Title: "x", State: "open", Creator: "pusher", Labels: []string{"productboard"}, Body: body, Pull: true})
	before := len(f.Hits)
	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	require.Equal(t, made.ID, found.ID)
	require.Equal(t, targets.Done, found.Progress)
	require.Equal(t, slices.Repeat([]string{"GET /repos/acme/app/issues"}, 3), f.Hits[before:])
	all, _, err := target.FindAll(t.Context(), marker)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*githubfake.Fake)
		more   []any
		kind   fault.Kind
		says   string
	}{
		"archived":            {func(f *githubfake.Fake) { f.Repositories["acme/app"].Archived = true }, nil, fault.Invalid, "acme/app is archived"},
		"no issues":           {func(f *githubfake.Fake) { f.Repositories["acme/app"].NoIssues = true }, nil, fault.Invalid, "Issues are switched off"},
		"renamed":             {func(f *githubfake.Fake) { f.Rename("acme/app", "acme/product") }, nil, fault.Invalid, "acme/app is elsewhere"},
		"may not open":        {func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Repos["acme/app"] = "none" }, nil, fault.Forbidden, "needs the permission issues=write"},
		"no such milestone":   {func(*githubfake.Fake) {}, []any{"milestone", "v9"}, fault.Invalid, `no open milestone "v9", only v2.`},
		"no such type":        {func(*githubfake.Fake) {}, []any{"type", "Epic"}, fault.Invalid, `no issue type "Epic" for acme/app, only Bug, Feature.`},
		"type without write":  {func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Repos["acme/app"] = "read" }, []any{"type", "Bug"}, fault.Forbidden, "GitHub ignores milestone and type"},
		"a user has no types": {func(f *githubfake.Fake) { f.Repositories["acme/app"].Org = false }, []any{"type", "Bug"}, fault.Invalid, `no issue type "Bug"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := githubfake.Standard(t)
			f.Types = []string{"Bug", "Feature"}
			f.Repositories["acme/app"].Milestones = []githubfake.Milestone{{Number: 1, Title: "v2"}}
			repo := f.Repositories["acme/app"]
			c.change(f)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, c.more...))
			err := target.Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			require.Contains(t, fault.From(err).Public, c.says)
			require.Empty(t, repo.Own())
		})
	}
	t.Run("types that cannot be read are believed", func(t *testing.T) {
		f := githubfake.Standard(t)
		f.TypesHidden = true
		require.NoError(t, open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "type", "Epic")).Check(t.Context()))
	})
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for reason, want := range map[string]targets.Issue{
		"completed": {Status: "Closed"}, "not_planned": {Status: "Not planned", Color: "gray"}, "duplicate": {Status: "Duplicate", Color: "gray"}, "": {Status: "Closed"},
	} {
		f.Repositories["acme/app"].Issues[1].State, f.Repositories["acme/app"].Issues[1].StateReason = "closed", reason
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		want.Progress = targets.Done
		require.Equal(t, want, targets.Issue{Status: got.Status, Color: got.Color, Progress: got.Progress})
	}
}

func TestUpdateKeepsMarkerAndLabels(t *testing.T) {
	t.Parallel()
	f := githubfake.Standard(t)
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	issue := f.Repositories["acme/app"].Issues[1]
	issue.Labels = append(issue.Labels, "by hand")
	changed := draft()
	changed.Title, changed.Labels = "Another wish", []string{"new"}
	got, able, err := target.Update(t.Context(), made.ID, changed)
	require.True(t, able)
	require.NoError(t, err)
	require.Equal(t, "Another wish", got.Title)
	require.Equal(t, []string{"productboard", "wish", "by hand", "new"}, issue.Labels)
	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	_, err = target.Comment(t.Context(), made.ID, "Not *bold*, @nobody, #1")
	require.NoError(t, err)
	require.NotContains(t, issue.Comments[0], "@nobody")
	require.NotContains(t, issue.Comments[0], " *bold*")
}

func TestChoices(t *testing.T) {
	t.Parallel()
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app", "acme/secret")
	f.Types = []string{"Bug"}
	f.Repositories["acme/app"].Milestones = []githubfake.Milestone{{Number: 1, Title: "v2"}}
	choose := func(a targettest.Account, setting string) []string {
		driver, err := github.Kind().New(targets.Config{Settings: decoded(a.Settings(f.URL)), Credentials: a.Credentials}, targets.Deps{HTTP: targettest.Client(t)})
		require.NoError(t, err)
		choices, err := driver.(targets.Chooser).Choices(t.Context(), setting)
		require.NoError(t, err)
		var out []string
		for _, c := range choices {
			out = append(out, c.Value)
		}
		slices.Sort(out)
		return out
	}
	token, app := githubfake.WithToken("acme/app", githubfake.MineToken), githubfake.WithApp("acme/app", key)
	require.Equal(t, []string{"acme/app"}, choose(token, "repository"))
	require.Equal(t, []string{"acme/app", "acme/secret"}, choose(app, "repository"))
	require.Equal(t, []string{"v2"}, choose(token, "milestone"))
	require.Equal(t, []string{"Bug"}, choose(token, "type"))
	require.Empty(t, choose(token, "markerLabel"))
}

func decoded(raw map[string]any) settings.Values {
	out := settings.Values{"markerLabel": "productboard"}
	for k, v := range raw {
		out[k] = v
		if n, ok := v.(int); ok {
			out[k] = strconv.Itoa(n)
		}
	}
	return out
}

func TestSettings(t *testing.T) {
	t.Parallel()
	pem := githubfake.PEM(githubfake.NewKey(t)).Reveal()
	for name, c := range map[string]struct {
		settings map[string]any
		creds    map[string]string
		want     []string
	}{
		"nothing": {map[string]any{}, nil, []string{"settings.repository is required (for example acme/app)"}},
		"no credential": {map[string]any{"repository": "acme/app"}, nil, []string{
			"credentials.token is required (or privateKey, for a GitHub App)"}},
		"both": {map[string]any{"repository": "acme/app", "appId": 1, "installationId": 2}, map[string]string{"token": "t", "privateKey": pem}, []string{
			"credentials.token and credentials.privateKey must not both be set"}},
		"wrong in every way": {map[string]any{"repository": "https://github.com/acme/app", "markerLabel": "a,b", "people": map[string]any{"a@b": "not a login"}, "appId": "x y", "installationId": "acme"},
			map[string]string{"privateKey": "no key"}, []string{
				"settings.repository must be owner/name (for example acme/app)",
				"settings.markerLabel must have at most 50 characters and no comma",
				"settings.people.a@b must be a GitHub login",
				"settings.appId is required with credentials.privateKey (for example 123456)",
				"settings.installationId must be the installation's number (for example 12345678)",
				"credentials.privateKey is not an RSA private key in PEM form"}},
		"climbs": {map[string]any{"repository": "acme/.."}, map[string]string{"token": "t"}, []string{"settings.repository must be owner/name (for example acme/app)"}},
		"App without key": {map[string]any{"repository": "acme/app", "appId": 1}, map[string]string{"token": "t"}, []string{
			"credentials.privateKey is required with settings.appId and settings.installationId"}},
		"key on one line": {map[string]any{"repository": "acme/app", "appId": 1, "installationId": 2},
			map[string]string{"privateKey": strings.ReplaceAll(pem, "\n", `\n`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			creds := map[string]secret.String{}
			for k, v := range c.creds {
				creds[k] = secret.New(v)
			}
			_, err := github.Kind().Open(c.settings, creds, targets.Deps{})
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			require.Equal(t, c.want, got)
		})
	}
}
