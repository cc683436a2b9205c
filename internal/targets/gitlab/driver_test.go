package gitlab_test

import (
	"flag"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/gitlab"
	"pushbutton/internal/targets/gitlab/gitlabfake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConformance(t *testing.T) {
	targettest.Run(t, gitlabfake.Harness())
}

// The suite over an OAuth token, whose header and refusals are others.
func TestConformanceWithOAuth(t *testing.T) {
	targettest.Run(t, gitlabfake.HarnessOf(gitlabfake.OAuth))
}

func open(tb testing.TB, s *gitlabfake.Server, a targettest.Account) *targets.Target {
	tb.Helper()
	return targettest.Open(tb, gitlab.Kind(), a, s.Root())
}

func marker(entity string) targets.Marker { return targets.NewMarker("gitlab", entity, 1) }

func draft() targets.Draft {
	return targets.Draft{Marker: marker("entity"), Title: "A wish", Link: "https://example.productboard.com/1"}
}

func item() targets.Item {
	return targets.Item{ID: "e1", Type: "feature", Name: "Dark mode", HTML: `<h1>Why</h1><p>@jane wants it, see #12.</p><p>/close</p>`,
		Link: "https://example.productboard.com/1", Tags: []string{"mobile, web", "wish"},
		Owner:  targets.Person{Name: "Invited", Email: "Invite@Example.com"},
		Pusher: targets.Person{Name: "Jane Doe", Email: "jane@example.com"},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"8"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}}}}
}

// The body of a create, whole, with all that the settings can map.
func TestCreateBody(t *testing.T) {
	for name, a := range map[string]targettest.Account{
		"full": gitlabfake.Account(gitlabfake.Mine, "acme/mine", "issueType", "incident", "confidential", true, "epic", 4,
			"labels", []any{"productboard"}, "assignee", "owner", "reporter", "pusher", "title", "[{{.Type}}] {{.Name}}",
			"fields", map[string]any{"Due date": `{{field "Timeframe"}}`, "weight": `{{field "Effort"}}`, "Milestone": "v2.0", "Severity": "High"}),
		"stranger": gitlabfake.Account(gitlabfake.OAuth, "11", "assignee", "nobody@example.com"),
	} {
		t.Run(name, func(t *testing.T) {
			s := gitlabfake.New(t)
			s.Premium()
			target := open(t, s, a)
			require.NoError(t, target.Check(t.Context()))
			wanted, err := target.Draft(marker("entity"), item())
			require.NoError(t, err)
			made, err := target.Create(t.Context(), wanted)
			require.NoError(t, err)
			require.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: s.URL + "/acme/mine/-/issues/1", Title: wanted.Title, Status: "Open"}, made)
			targettest.Golden(t, "create."+name+".json", s.Bodies()[0], *update)
		})
	}
}

// What is wrong on GitLab's side must be said by Check, and who can mend it.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	acct := gitlabfake.Account
	for name, c := range map[string]struct {
		account targettest.Account
		kind    fault.Kind
		says    string
	}{
		"wrong token, public project": {acct("glpat-wrong", "public/open"), fault.Unauthorized, "refused the token"},
		"unknown project":             {acct(gitlabfake.Mine, "acme/nowhere"), fault.NotFound, `no project "acme/nowhere"`},
		"another's project":           {acct(gitlabfake.Mine, "globex/other"), fault.NotFound, "or does not show it"},
		"archived":                    {acct(gitlabfake.Mine, "acme/old"), fault.Invalid, "is archived"},
		"issues are off":              {acct(gitlabfake.Mine, "acme/silent"), fault.Invalid, "has no issues"},
		"guest":                       {acct(gitlabfake.Guest, "acme/mine"), fault.Forbidden, "needs the role Reporter"},
		"no member of a public one":   {acct(gitlabfake.Mine, "public/open"), fault.Forbidden, "needs the role Reporter"},
		"read_api":                    {acct(gitlabfake.Reader, "acme/mine"), fault.Forbidden, "the scope api"},
		"no such epic":                {acct(gitlabfake.Mine, "acme/mine", "epic", 5), fault.NotFound, "no epic &5"},
		"epic without a group":        {acct(gitlabfake.Mine, "mine/own", "epic", 4), fault.Invalid, "in no group"},
		"unknown field":               {acct(gitlabfake.Mine, "acme/mine", "fields", map[string]any{"Due": "2026-01-01"}), fault.Invalid, `no field "Due"`},
		"severity of no incident":     {acct(gitlabfake.Mine, "acme/mine", "fields", map[string]any{"Severity": "High"}), fault.Invalid, `no field "Severity"`},
		"unknown milestone":           {acct(gitlabfake.Mine, "acme/mine", "fields", map[string]any{"Milestone": "v9"}), fault.Invalid, "one of v1.0, v2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gitlabfake.New(t)
			s.Premium()
			err := open(t, s, c.account).Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			public := fault.From(err).Public
			require.Contains(t, public, c.says)
			require.Regexp(t, `your admin|GitLab admin`, public, "it says who can mend it")
			require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)
		})
	}
}

func TestCheckAcceptsWhatWorks(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]targettest.Account{
		"project by number":       gitlabfake.Account(gitlabfake.Mine, "11"),
		"oauth, a planner":        gitlabfake.Account(gitlabfake.OAuth, "acme/mine"),
		"by way of another group": gitlabfake.Account(gitlabfake.Invite, "acme/mine"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gitlabfake.New(t)
			require.NoError(t, open(t, s, a).Check(t.Context()))
			require.Empty(t, s.Issues("acme/mine"))
		})
	}
}

// GitLab drops labels that the account may not make. The marker in the
// description finds the issue all the same, also after somebody removed its labels.
func TestFindWithoutTheLabel(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	require.NoError(t, target.Check(t.Context()))
	s.Demote(gitlabfake.Mine, 10)
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Empty(t, s.Issues("acme/mine")[0].Labels, "the label was dropped")
	found, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Equal(t, &made, found)

	s.Demote(gitlabfake.Mine, 20)
	second, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	all, _, err := target.FindAll(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Len(t, all, 2, "one by its label, one by its text")
	require.Equal(t, []string{made.ID, second.ID}, []string{all[0].ID, all[1].ID})
}

// A search gives what is like the marker too; only the whole one counts.
func TestFindComparesTheWholeMarker(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Change(1, func(i *gitlabfake.Issue) {
		i.Labels = nil
		i.Description = "Duplicate of " + string(draft().Marker) + ", see there."
	})
	found, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Nil(t, found, "issue %s only speaks of it", made.ID)
	found, err = target.Find(t.Context(), draft().Marker[:20])
	require.NoError(t, err)
	require.Nil(t, found)
}

func TestFindWithARevokedTokenIsNotNone(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	require.NoError(t, target.Check(t.Context()))
	s.Revoke(gitlabfake.Mine)
	_, err := target.Find(t.Context(), draft().Marker)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
}

func TestOneRequestOnceTheProjectIsKnown(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	require.NoError(t, target.Check(t.Context()))
	before := len(s.Hits())
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, []string{"POST /projects/11/issues"}, s.Hits()[before:])
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "statusColors", map[string]any{"moved": "purple"}))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for want, change := range map[targets.Issue]func(*gitlabfake.Issue){
		{Status: "Closed", Progress: targets.Done}:                 func(i *gitlabfake.Issue) { i.State = "closed" },
		{Status: "Moved", Progress: targets.Done, Color: "purple"}: func(i *gitlabfake.Issue) { i.State, i.MovedTo = "closed", 77 },
		{Status: "Open"}: func(i *gitlabfake.Issue) { i.State, i.MovedTo = "opened", 0 },
	} {
		s.Change(1, change)
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
	}
}

func TestUpdateKeepsLabelsAndMarker(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "assignee", "mine@example.com"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	s.Change(1, func(i *gitlabfake.Issue) { i.Labels = append(i.Labels, "theirs") })
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	got, able, err := target.Update(t.Context(), made.ID, wanted)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, "Dark mode", got.Title)
	now := s.Issues("acme/mine")[0]
	require.Equal(t, []string{string(draft().Marker), "theirs", "mobile web", "wish"}, now.Labels)
	require.Contains(t, now.Description, "wants it")
	require.Equal(t, []int{1}, now.Assignees)
	found, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Equal(t, made.ID, found.ID)
	_, _, err = target.Update(t.Context(), "99", wanted)
	require.Equal(t, fault.Gone, fault.KindOf(err))
}

// A remark must not become a command, a mention or a reference.
func TestCommentStaysPlain(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Comment(t.Context(), made.ID, "/close\n@jane #1 *bold*")
	require.NoError(t, err)
	note := s.Issues("acme/mine")[0].Notes[0]
	for line := range strings.Lines(note) {
		require.False(t, strings.HasPrefix(line, "/"), line)
	}
	require.NotContains(t, note, "@jane")
	require.NotContains(t, note, " *bold*")
}

// Only an address that GitLab shows, of an active member, is somebody.
func TestPeople(t *testing.T) {
	t.Parallel()
	for email, want := range map[string][]int{
		"MINE@example.com":   {1},
		"invite@example.com": {6}, // a member by way of a group: not in the list, but known
		"guest@example.com":  nil, // found by GitLab, but it does not show that the address is theirs
		"reader@example.com": nil, // blocked
		"other@example.com":  nil, // no member
		"nobody@example.com": nil,
	} {
		t.Run(email, func(t *testing.T) {
			t.Parallel()
			s := gitlabfake.New(t)
			target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "assignee", email))
			wanted, err := target.Draft(marker(email), item())
			require.NoError(t, err)
			_, err = target.Create(t.Context(), wanted)
			require.NoError(t, err)
			made := s.Issues("acme/mine")[0]
			require.Equal(t, want, made.Assignees)
			require.Equal(t, want == nil, strings.Contains(made.Description, "Assignee:"), "named in the text instead")
		})
	}
}

func TestWeightIsAWholeNumber(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine", "fields", map[string]any{"Weight": "2.5"}))
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), wanted)
	require.Error(t, err)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Contains(t, fault.From(err).Public, `"Weight" takes whole numbers`)
	require.Empty(t, s.Bodies())
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	a := gitlabfake.Account(gitlabfake.Mine, "acme/mine")
	driver, err := gitlab.Kind().New(targets.Config{Settings: settings.Values{"url": s.URL, "project": "acme/mine"}, Credentials: a.Credentials}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	got, err := driver.(targets.Chooser).Choices(t.Context(), "project")
	require.NoError(t, err)
	require.Equal(t, []targets.Choice{{Value: "acme/mine", Title: "acme / mine"}, {Value: "mine/own", Title: "mine / own"}}, got)
	got, err = driver.(targets.Chooser).Choices(t.Context(), "issueType")
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	key := map[string]secret.String{"token": secret.New("k")}
	for name, c := range map[string]struct {
		settings map[string]any
		creds    map[string]secret.String
		want     string
	}{
		"nothing":       {map[string]any{}, key, "settings.project is required (for example group/project)"},
		"no token":      {map[string]any{"project": 1}, nil, "credentials.token is required (or oauthToken)"},
		"two tokens":    {map[string]any{"project": 1}, map[string]secret.String{"token": secret.New("k"), "oauthToken": secret.New("k")}, "credentials.oauthToken must not stand beside token: give one of them"},
		"unknown type":  {map[string]any{"project": 1, "issueType": "epic"}, key, "settings.issueType must be one of issue, incident, task, test_case"},
		"no number":     {map[string]any{"project": 1, "epic": "&4"}, key, "settings.epic must be a whole number, 0 or more"},
		"assignee":      {map[string]any{"project": 1, "assignee": "jane"}, key, "settings.assignee must be owner, pusher, none or an e-mail address"},
		"unknown field": {map[string]any{"project": 1, "group": "x"}, key, "settings.group is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gitlab.Kind().Open(c.settings, c.creds, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			require.EqualError(t, fields, c.want)
		})
	}
}

// A token ends with the beginning of the day that GitLab names.
func TestExpires(t *testing.T) {
	t.Parallel()
	s := gitlabfake.New(t)
	target := open(t, s, gitlabfake.Account(gitlabfake.Mine, "acme/mine"))
	for day, want := range map[any]time.Time{
		nil:          {},
		"2026-12-10": time.Date(2026, 12, 10, 0, 0, 0, 0, time.UTC),
	} {
		s.Expires(gitlabfake.Mine, day)
		at, supported, err := target.Expires(t.Context())
		require.NoError(t, err)
		require.True(t, supported)
		require.Equal(t, want, at)
	}
	s.Expires(gitlabfake.Mine, "soon")
	_, _, err := target.Expires(t.Context())
	require.Error(t, err)

	at, supported, err := open(t, s, gitlabfake.Account(gitlabfake.OAuth, "acme/mine")).Expires(t.Context())
	require.NoError(t, err)
	require.True(t, supported)
	require.Zero(t, at)

	s.Revoke(gitlabfake.Mine)
	_, _, err = target.Expires(t.Context())
	require.ErrorIs(t, err, fault.Unauthorized)
}
