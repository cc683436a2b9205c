package linear_test

import (
	"flag"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/linear/linearfake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConformance(t *testing.T) {
	targettest.Run(t, linearfake.Harness())
}

// The suite over an OAuth token, which goes with "Bearer".
func TestConformanceWithOAuth(t *testing.T) {
	targettest.Run(t, linearfake.HarnessOf(linearfake.OAuth))
}

func open(tb testing.TB, s *linearfake.Server, a targettest.Account) *targets.Target {
	tb.Helper()
	return targettest.Open(tb, linear.Kind(), a, s.URL)
}

func marker(entity string) targets.Marker { return targets.NewMarker("linear", entity, 1) }

func draft() targets.Draft {
	return targets.Draft{Marker: marker("entity"), Title: "A wish", Link: "https://example.productboard.com/1"}
}

func item() targets.Item {
	return targets.Item{ID: "e1", Type: "feature", Name: "Dark mode", HTML: `<h1>Why</h1><p>@jane <b>wants</b> it.</p>`,
		Link: "https://example.productboard.com/1", Tags: []string{"mobile", "unheard of", "Red", "blue", "everywhere"},
		Owner:  targets.Person{Name: "Jane", Email: "Jane@Example.com"},
		Pusher: targets.Person{Name: "John Doe", Email: "john@example.com"},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"8"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}}}}
}

// The ids are in people's Linear by now: they must not change.
func TestIssueIDIsStable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "c4e2563c-6077-4394-bf0d-36df261ae84c", linear.IssueID(linearfake.TeamEng, "pb-babw4se6aroerjf77kch7j34j4"))
	seen := map[string]bool{}
	for _, team := range []string{"a", "b"} {
		for _, m := range []targets.Marker{"pb-1", "pb-2", marker("x"), marker("y")} {
			id, err := uuid.Parse(linear.IssueID(team, m))
			require.NoError(t, err)
			require.Equal(t, uuid.Version(4), id.Version())
			require.Equal(t, uuid.RFC4122, id.Variant())
			seen[id.String()] = true
		}
	}
	require.Len(t, seen, 8)
}

// The input of a create, whole, with all that the settings can map.
func TestCreateInput(t *testing.T) {
	for name, a := range map[string]targettest.Account{
		"full": linearfake.Account(linearfake.Mine, "Engineering", "state", "todo", "project", "spring release", "priority", "low",
			"labels", []any{"wish"}, "assignee", "owner", "reporter", "pusher", "title", "[{{.Type}}] {{.Name}}",
			"fields", map[string]any{"Due date": `{{field "Timeframe"}}`, "estimate": `{{field "Effort"}}`, "Priority": "High"}),
		"stranger": linearfake.Account(linearfake.OAuth, linearfake.TeamEng, "assignee", "left@example.com", "labelsFromTags", false),
	} {
		t.Run(name, func(t *testing.T) {
			s := linearfake.New(t)
			target := open(t, s, a)
			require.NoError(t, target.Check(t.Context()))
			wanted, err := target.Draft(marker("entity"), item())
			require.NoError(t, err)
			made, err := target.Create(t.Context(), wanted)
			require.NoError(t, err)
			require.Equal(t, "ENG-1", made.Key)
			require.Equal(t, "https://linear.app/acme/issue/ENG-1", made.URL)
			require.Equal(t, "gray", made.Color, "Linear's own colour of the status")
			targettest.Golden(t, "create."+name+".json", s.Variables()[0], *update)
			require.Equal(t, []string{"https://example.productboard.com/1"}, s.Issues()[0].Links)
		})
	}
}

// What is wrong on Linear's side must be said by Check, and who can mend it.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	acct := linearfake.Account
	for name, c := range map[string]struct {
		account targettest.Account
		kind    fault.Kind
		says    string
	}{
		"wrong key":                 {acct("lin_api_wrong", "ENG"), fault.Unauthorized, "refused the API key"},
		"unknown team":              {acct(linearfake.Mine, "NOPE"), fault.NotFound, "only ENG, OPS, OLD"},
		"another workspace's team":  {acct(linearfake.Mine, "GLO"), fault.NotFound, `no team "GLO"`},
		"retired team":              {acct(linearfake.Mine, "OLD"), fault.NotFound, `no team "OLD"`},
		"unknown status":            {acct(linearfake.Mine, "OPS", "state", "Doing"), fault.Invalid, "only Backlog, Todo, In Progress"},
		"unknown project":           {acct(linearfake.Mine, "ENG", "project", "Autumn"), fault.Invalid, `no project "Autumn"`},
		"unknown parent":            {acct(linearfake.Mine, "ENG", "parent", "ENG-77"), fault.Invalid, `no issue "ENG-77"`},
		"unknown field":             {acct(linearfake.Mine, "ENG", "fields", map[string]any{"Due": "2026-01-01"}), fault.Invalid, `no field "Due"`},
		"estimates are off":         {acct(linearfake.Mine, "OPS", "fields", map[string]any{"Estimate": "3"}), fault.Invalid, `no field "Estimate"`},
		"priority that is none":     {acct(linearfake.Mine, "ENG", "fields", map[string]any{"Priority": "Huge"}), fault.Invalid, "one of No priority, Urgent"},
		"project among many fields": {acct(linearfake.Mine, "ENG", "fields", map[string]any{"Project": "Autumn"}), fault.Invalid, "one of Spring release"},
	} {
		t.Run(name, func(t *testing.T) {
			s := linearfake.New(t)
			err := open(t, s, c.account).Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			public := fault.From(err).Public
			require.Contains(t, public, c.says)
			require.Regexp(t, `your admin|Linear admin`, public, "it says who can mend it")
			require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)
		})
	}
}

func TestOneRequestOnceTheTeamIsKnown(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "eng"))
	require.NoError(t, target.Check(t.Context()))
	before := len(s.Hits())
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	plain := draft()
	plain.Marker, plain.Link = marker("plain"), ""
	_, err = target.Create(t.Context(), plain)
	require.NoError(t, err)
	require.Equal(t, []string{"CreateLinkedIssue", "CreateIssue"}, s.Hits()[before:])
}

// A create that is sent twice is refused by Linear, and is the issue that is
// there all the same.
func TestSecondCreateIsTheFirst(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	first, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	again, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, s.Issues(), 1)
}

// An error of the link leaves no data in the answer; the issue is there.
func TestLinkThatFailsDoesNotFailTheCreate(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	s.FailLinks()
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, "ENG-1", made.Key)
	require.Contains(t, s.Issues()[0].Description, "https://example.productboard.com/1", "the way back is in the text")
	require.Len(t, s.Issues(), 1)
}

// A refusal is one if the issue is not there; what was remembered is
// looked up again before it is believed.
func TestRefusalIsDecidedByARead(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	require.NoError(t, target.Check(t.Context()))
	s.Hide(linearfake.TeamEng)
	_, err := target.Create(t.Context(), draft())
	require.Error(t, err)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Equal(t, `Linear has no team "ENG" that the integration's account sees, only OPS, OLD. Ask your admin to correct settings.team.`, fault.From(err).Public)
	require.Equal(t, []string{"CreateLinkedIssue", "Issue", "Teams"}, s.Hits()[len(s.Hits())-3:])
}

func TestFindInATeamThatIsHiddenIsNotNone(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	require.NoError(t, target.Check(t.Context()))
	none, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Nil(t, none)
	s.Hide(linearfake.TeamEng)
	_, err = target.Find(t.Context(), draft().Marker)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, `does not show team "ENG"`)
	s.Revoke(linearfake.Mine)
	_, err = target.Find(t.Context(), draft().Marker)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", "statusColors", map[string]any{"in progress": "purple"}))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for state, want := range map[string]targets.Issue{
		"2": {Status: "Todo", Progress: targets.Open, Color: "gray"},
		"3": {Status: "In Progress", Progress: targets.Started, Color: "purple"},
		"4": {Status: "Done", Progress: targets.Done, Color: "blue"},
		"6": {Status: "Duplicate", Progress: targets.Done, Color: "gray"},
	} {
		s.Change(made.ID, func(i *linearfake.Issue) { i.State = "20000000-0000-4000-8000-00000000001" + state })
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
	}
}

func TestCloseTakesTheFirstCancelledStatus(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.NoError(t, err)
	got, _, err := target.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, "Canceled", got.Status)

	ops := open(t, s, linearfake.Account(linearfake.Mine, "OPS"))
	made, err = ops.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = ops.Close(t.Context(), made.ID)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "no status that means cancelled or completed")
}

func TestUpdateLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", "state", "Todo", "project", "Spring release", "priority", "low"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	theirs := func(i *linearfake.Issue) {
		i.State, i.Labels, i.Priority, i.Project = "20000000-0000-4000-8000-000000000013", []string{"theirs"}, 1, ""
	}
	s.Change(made.ID, theirs)
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	got, able, err := target.Update(t.Context(), made.ID, wanted)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, []string{"Dark mode", "In Progress"}, []string{got.Title, got.Status})
	now := s.Issues()[0]
	require.Equal(t, []any{1, ""}, []any{now.Priority, now.Project})
	require.True(t, slices.Contains(now.Labels, "theirs") && len(now.Labels) > 1, now.Labels)
	require.Contains(t, now.Description, "Labels not set in Linear: unheard of, blue")
	_, _, err = target.Update(t.Context(), uuid.NewString(), wanted)
	require.Equal(t, fault.Gone, fault.KindOf(err))
}

func TestParent(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	_, err := open(t, s, linearfake.Account(linearfake.Mine, "ENG")).Create(t.Context(), draft())
	require.NoError(t, err)
	child := draft()
	child.Marker = marker("child")
	_, err = open(t, s, linearfake.Account(linearfake.Mine, "ENG", "parent", "ENG-1")).Create(t.Context(), child)
	require.NoError(t, err)
	require.Equal(t, "ENG-1", s.Issues()[1].Parent)
}

func TestCommentStaysPlain(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Comment(t.Context(), made.ID, "@jane *bold*")
	require.NoError(t, err)
	said := s.Issues()[0].Comments[0]
	require.NotContains(t, said, "@jane")
	require.NotContains(t, said, " *bold*")
	_, err = target.Comment(t.Context(), uuid.NewString(), "lost")
	require.Equal(t, fault.Gone, fault.KindOf(err))
}

func TestEstimateIsAWholeNumber(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	target := open(t, s, linearfake.Account(linearfake.Mine, "ENG", "fields", map[string]any{"Estimate": "2.5"}))
	wanted, err := target.Draft(draft().Marker, item())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), wanted)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Contains(t, fault.From(err).Public, `"Estimate" takes whole numbers`)
	require.Empty(t, s.Issues())
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := linearfake.New(t)
	driver, err := linear.Kind().New(targets.Config{Settings: settings.Values{"url": s.URL, "team": "ENG"},
		Credentials: map[string]secret.String{"apiKey": secret.New(linearfake.Mine)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	for setting, want := range map[string][]targets.Choice{
		"team":     {{Value: "ENG", Title: "Engineering"}, {Value: "OPS", Title: "Operations"}},
		"state":    {{Value: "Backlog"}, {Value: "Todo"}, {Value: "In Progress"}, {Value: "Done"}, {Value: "Duplicate"}, {Value: "Won't do"}, {Value: "Canceled"}},
		"project":  {{Value: "30000000-0000-4000-8000-000000000001", Title: "Spring release"}},
		"priority": nil,
	} {
		got, err := driver.(targets.Chooser).Choices(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	key := map[string]secret.String{"apiKey": secret.New("k")}
	for name, c := range map[string]struct {
		settings map[string]any
		creds    map[string]secret.String
		want     string
	}{
		"nothing":     {map[string]any{}, key, "settings.team is required (for example ENG)"},
		"no key":      {map[string]any{"team": "ENG"}, nil, "credentials.apiKey is required (or oauthToken)"},
		"two":         {map[string]any{"team": "ENG"}, map[string]secret.String{"apiKey": secret.New("k"), "oauthToken": secret.New("k")}, "credentials.oauthToken must not stand beside apiKey: give one of them"},
		"no priority": {map[string]any{"team": "ENG", "priority": 2}, key, "settings.priority must be one of none, urgent, high, medium, low"},
		"unknown":     {map[string]any{"team": "ENG", "states": "x"}, key, "settings.states is not known (did you mean state?)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := linear.Kind().Open(c.settings, c.creds, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			require.EqualError(t, fields, c.want)
		})
	}
}
