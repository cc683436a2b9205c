package gitea_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitea"
	"pushbutton/internal/targets/gitea/giteafake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConformance(t *testing.T) {
	targettest.Run(t, giteafake.Harness())
}

func open(t *testing.T, url string, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, gitea.Kind(), a, url)
}

const marker = targets.Marker("pb-abcdefghijklmnopqrstuvwxyz")

func draft() targets.Draft {
	return targets.Draft{Marker: marker, Title: "A wish", Description: richtext.Paragraph(richtext.Text("As they said.")),
		Link: "https://example.productboard.com/1", Labels: []string{"wish"}, Reporter: "Jane Doe <jane@example.com>"}
}

func mapped(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(marker, targets.Item{ID: "1", Type: "feature", Name: "Dark mode", Link: "https://example.productboard.com/1", Tags: []string{"UI", "bug", "Productboard"},
		HTML:  "<h1>Why</h1><p>Fixes #12, ask @jane &amp; acme/app!3.</p><ul><li>one</li></ul>",
		Owner: targets.Person{Name: "Olga", Email: "Olga@example.com"}, Pusher: targets.Person{Name: "Jane Doe", Email: "jane@example.com"}})
	require.NoError(t, err)
	return d
}

func TestCreateSendsWhatIsMapped(t *testing.T) {
	f := giteafake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Labels, f.OrgLabels = []giteafake.Label{{ID: 3, Name: "ui", Archived: true}, {ID: 5, Name: "ui"}}, []giteafake.Label{{ID: 2, Name: "Bug"}}
	repo.Assignable, repo.Milestones = []giteafake.User{{Login: "olga", Email: "olga@example.com"}}, []giteafake.Milestone{{ID: 31, Title: "V2"}}
	url, bodies := targettest.Recorder(t, strings.TrimSuffix(f.URL, giteafake.Root), giteafake.Creates)
	target := open(t, url+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken, "milestone", "v2", "assignee", "owner", "labels", []any{"push"}))
	require.NoError(t, target.Check(t.Context()))
	made, err := target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: url + giteafake.Root + "/acme/app/issues/1", Title: "Dark mode", Status: "Open"}, made)
	require.ElementsMatch(t, []string{"productboard", "push", "ui", "Bug"}, f.LabelNames(repo, repo.Issues[0]))
	require.Len(t, *bodies, 2, "the rehearsal of Check, and the create")
	targettest.Golden(t, "create.json", (*bodies)[1], *update)

	before := len(f.Hits)
	_, err = target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Equal(t, []string{"POST /repos/acme/app/issues"}, f.Hits[before:], "one request is enough once the names are known")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Assignable = []giteafake.User{{Login: "olga", Email: "olga@example.com"}, {Login: "hidden"}}
	for name, c := range map[string]struct {
		people map[string]any
		want   []string
	}{
		"by address":      {nil, []string{"olga"}},
		"by the settings": {map[string]any{"olga@example.com": "Hidden"}, []string{"hidden"}},
		"not assignable":  {map[string]any{"olga@example.com": "stranger"}, nil},
	} {
		target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken, "assignee", "owner", "people", c.people))
		_, err := target.Create(t.Context(), mapped(t, target))
		require.NoError(t, err, name)
		last := repo.Issues[len(repo.Issues)-1]
		require.Equal(t, c.want, last.Assignees, name)
		require.Equal(t, c.want == nil, strings.Contains(last.Body, "Assignee: Olga"), name)
	}
}

// An account that left is remembered for a while, and Gitea refuses it.
func TestAnAssigneeThatLeftIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	repo := f.Repositories["acme/app"]
	repo.Assignable = []giteafake.User{{Login: "olga", Email: "olga@example.com"}}
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken, "assignee", "owner"))
	_, err := target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	repo.Assignable = nil
	_, err = target.Create(t.Context(), mapped(t, target))
	require.NoError(t, err)
	require.Contains(t, repo.Issues[1].Body, "Assignee: Olga")
}

// Labels of an account without write access are dropped, and it can make
// none: the issue is found among the account's own.
func TestFoundWithoutItsLabel(t *testing.T) {
	t.Parallel()
	for name, strip := range map[string]func(*giteafake.Fake){
		"may not write": func(f *giteafake.Fake) { f.Users[giteafake.MineToken].Repos["acme/app"] = "read" },
		"taken off":     func(*giteafake.Fake) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := giteafake.Standard(t)
			strip(f)
			repo := f.Repositories["acme/app"]
			repo.Labels = append(repo.Labels, giteafake.Label{ID: 1, Name: "productboard"})
			target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
			require.NoError(t, target.Check(t.Context()))
			first, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			second, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			for _, i := range repo.Issues {
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

func TestFindTurnsPages(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err)
	repo := f.Repositories["acme/app"]
	for n := 2; n < 120; n++ {
		repo.Issues = append(repo.Issues, &giteafake.Issue{Number: n, Title: "x", State: "open", Creator: "pusher", Labels: repo.Issues[0].Labels, Body: "quotes " + marker.Comment() + "\n\n<!-- pushbutton: pb-other -->"})
	}
	before := len(f.Hits)
	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	require.Equal(t, made.ID, found.ID)
	require.Equal(t, targets.Done, found.Progress)
	require.Equal(t, slices.Repeat([]string{"GET /repos/acme/app/issues"}, 3), f.Hits[before:])
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*giteafake.Fake)
		more   []any
		kind   fault.Kind
		says   string
	}{
		"archived":          {func(f *giteafake.Fake) { f.Repositories["acme/app"].Archived = true }, nil, fault.Invalid, "acme/app is archived"},
		"no issues":         {func(f *giteafake.Fake) { f.Repositories["acme/app"].NoIssues = true }, nil, fault.Invalid, "no issues of its own"},
		"issues elsewhere":  {func(f *giteafake.Fake) { f.Repositories["acme/app"].External = true }, nil, fault.Invalid, "no issues of its own"},
		"renamed":           {func(f *giteafake.Fake) { f.Rename("acme/app", "acme/product") }, nil, fault.Invalid, "acme/app is elsewhere"},
		"scope":             {func(f *giteafake.Fake) { f.Users[giteafake.MineToken].Lacks = []string{"write:issue"} }, nil, fault.Forbidden, "required scope(s)"},
		"another scope":     {func(f *giteafake.Fake) { f.Users[giteafake.MineToken].Lacks = []string{"read:user"} }, nil, fault.Forbidden, "user: read"},
		"no such milestone": {func(*giteafake.Fake) {}, []any{"milestone", "v9"}, fault.Invalid, `no open milestone "v9", only v2.`},
	} {
		t.Run(name, func(t *testing.T) {
			f := giteafake.Standard(t)
			f.Repositories["acme/app"].Milestones = []giteafake.Milestone{{ID: 1, Title: "v2"}}
			repo := f.Repositories["acme/app"]
			c.change(f)
			err := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken, c.more...)).Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			require.Contains(t, fault.From(err).Public, c.says)
			require.Empty(t, repo.Issues)
			require.Empty(t, repo.Labels, "a check makes no label either")
		})
	}
	t.Run("a create in a renamed repository", func(t *testing.T) {
		f := giteafake.Standard(t)
		f.Rename("acme/app", "acme/product")
		_, err := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken)).Create(t.Context(), draft())
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		require.Contains(t, fault.From(err).Public, "settings.repository")
	})
	t.Run("labels of the organisation that cannot be read are done without", func(t *testing.T) {
		f := giteafake.Standard(t)
		f.Users[giteafake.MineToken].Lacks = []string{"read:organization"}
		target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
		require.NoError(t, target.Check(t.Context()))
		_, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
	})
}

func TestUpdateCommentClose(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	target := open(t, f.URL, giteafake.WithToken("acme/app", giteafake.MineToken))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	repo := f.Repositories["acme/app"]
	issue := repo.Issues[0]
	repo.Labels = append(repo.Labels, giteafake.Label{ID: 99, Name: "by hand"})
	issue.Labels = append(issue.Labels, 99)
	changed := draft()
	changed.Title, changed.Labels = "Another wish", []string{"By hand"}
	got, _, err := target.Update(t.Context(), made.ID, changed)
	require.NoError(t, err)
	require.Equal(t, "Another wish", got.Title)
	require.Equal(t, []string{"productboard", "wish", "by hand"}, f.LabelNames(repo, issue))
	require.Equal(t, marker, targets.MarkerIn(issue.Body))

	_, err = target.Comment(t.Context(), made.ID, "Not *bold*, @nobody, #1")
	require.NoError(t, err)
	require.NotContains(t, issue.Comments[0], "@nobody")

	issue.Blocked = true
	_, err = target.Close(t.Context(), made.ID)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "open dependencies")
}

// What a running Gitea 1.26.0 said, or is known to say.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		body, says string
		kind       fault.Kind
	}{
		"one text":    {422, refusal("[Title]: MaxSize"), "Gitea: [Title]: MaxSize in acme/app.", fault.Invalid},
		"not found":   {404, `{"errors":null,"message":"not found","url":"https://gitea.example.com/api/swagger"}`, "Gitea has no repository acme/app", fault.NotFound},
		"archived":    {423, refusal("Repo is archived."), "acme/app is archived", fault.Invalid},
		"forbidden":   {403, refusal(""), "Gitea does not allow this to the token in acme/app. Ask", fault.Forbidden},
		"empty":       {403, "", "Gitea does not allow this to the token in acme/app. Ask", fault.Forbidden},
		"odd":         {422, `{"message":["a"]}`, "Gitea refused the request.", fault.Invalid},
		"scope":       {403, refusal("token does not have at least one of required scope(s), required=[write:issue]"), "required=[write:issue]. Ask your admin for a token with issue: read and write", fault.Forbidden},
		"no right":    {403, refusal("user should have a permission to write to a repo"), "Ask a Gitea admin to let the token's account write there.", fault.Forbidden},
		"blocked":     {403, refusal("user is blocked"), "Gitea: user is blocked (acme/app). Ask a Gitea admin to resolve this.", fault.Forbidden},
		"sign-in":     {403, refusal("This account is prohibited from signing in, please contact your site administrator."), "Gitea: This account is prohibited from signing in, please contact your site administrator (acme/app).", fault.Forbidden},
		"password":    {403, refusal("You must change your password. Change it at: https://gitea.example.com/user/change_password"), "Gitea: You must change your password.", fault.Forbidden},
		"web page":    {403, `<html>Not here`, "Something in front of Gitea answered (HTTP 403, a web page)", fault.Intermediary},
		"other JSON":  {404, `{"message":"no Route matched with those values"}`, "Something in front of Gitea answered (HTTP 404, not in Gitea's words)", fault.Intermediary},
		"outage page": {503, `<html>Be right back`, "Something in front of Gitea answered (HTTP 503, a web page)", fault.Intermediary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := giteafake.Standard(t)
			proxy := targettest.NewProxy(t, strings.TrimSuffix(f.URL, giteafake.Root))
			target := open(t, proxy.URL+giteafake.Root, giteafake.WithToken("acme/app", giteafake.MineToken))
			proxy.On(giteafake.Creates, targettest.Behaviour{Status: c.status, Body: func(*http.Request) string { return c.body }})
			_, err := target.Create(t.Context(), draft())
			require.Equal(t, c.kind, fault.KindOf(err), err)
			require.Contains(t, fault.From(err).Public, c.says)
			want := targets.OutcomeNotDone
			if c.kind == fault.Intermediary {
				want = targets.OutcomeUnknown // its reply may be what was dropped
			}
			require.Equal(t, want, targets.OutcomeOf(err))
		})
	}
}

// refusal is a refusal as Gitea words them.
func refusal(message string) string {
	return fmt.Sprintf(`{"message":%q,"url":"https://gitea.example.com/api/swagger"}`, message)
}

func TestChoices(t *testing.T) {
	t.Parallel()
	f := giteafake.Standard(t)
	f.Add("acme/wiki").NoIssues = true
	f.Users[giteafake.MineToken].Repos["acme/wiki"] = "read"
	f.Repositories["acme/app"].Milestones = []giteafake.Milestone{{ID: 1, Title: "v2"}}
	driver, err := gitea.Kind().New(targets.Config{Settings: settings.Values{"url": f.URL, "repository": "acme/app", "markerLabel": "productboard"},
		Credentials: map[string]secret.String{"token": secret.New(giteafake.MineToken)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	for setting, want := range map[string][]targets.Choice{"repository": {{Value: "acme/app"}}, "milestone": {{Value: "v2"}}, "url": nil} {
		got, err := driver.(targets.Chooser).Choices(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]any
		want     string
	}{
		"no url":   {map[string]any{"repository": "acme/app"}, "settings.url is required (for example https://gitea.example.com)"},
		"no owner": {map[string]any{"url": "https://g", "repository": "app"}, "settings.repository must be owner/name (for example acme/app)"},
		"climbs":   {map[string]any{"url": "https://g", "repository": "acme/../x"}, "settings.repository must be owner/name (for example acme/app)"},
		"comma":    {map[string]any{"url": "https://g", "repository": "acme/app", "markerLabel": "a,b"}, "settings.markerLabel must have at most 50 characters and no comma"},
		"people":   {map[string]any{"url": "https://g", "repository": "acme/app", "people": map[string]any{"a@b": "a b"}}, "settings.people.a@b must be a login"},
	} {
		_, err := gitea.Kind().Open(c.settings, map[string]secret.String{"token": secret.New("t")}, targets.Deps{})
		var fields settings.FieldErrors
		require.ErrorAs(t, err, &fields, name)
		require.EqualError(t, fields, c.want, name)
	}
	_, err := gitea.Kind().Open(map[string]any{"url": "https://codeberg.org/api/v1", "repository": "acme/app"}, map[string]secret.String{"token": secret.New("t")}, targets.Deps{})
	require.NoError(t, err)
}
