package redmine_test

import (
	"slices"
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
	"pushbutton/internal/targets/text"
)

const (
	adminKey = redminefake.AdminKey
	mineKey  = redminefake.MineKey

	textile    = redminefake.Textile
	redcarpet  = redminefake.Redcarpet
	commonMark = redminefake.CommonMark
)

func newFake(t *testing.T, path string) *redminefake.Fake {
	t.Helper()
	return redminefake.Standard(t, path)
}

func account(key, project string, more ...any) targettest.Account {
	return redminefake.WithKey(key, project, more...)
}

func TestConformance(t *testing.T) {
	targettest.Run(t, redminefake.Harness())
}

// Redmine denies everything while its REST API is off, the key's own account too.
func TestRESTSwitchedOff(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.RESTOff = true
	_, _, readErr := target.Read(t.Context(), made.ID)
	_, createErr := target.Create(t.Context(), draft())
	_, findErr := target.Find(t.Context(), draft().Marker)
	// A process that has just started remembers nothing.
	fresh := open(t, f, account(mineKey, "mine"))
	_, _, freshRead := fresh.Read(t.Context(), made.ID)
	_, freshCreate := fresh.Create(t.Context(), draft())
	_, freshFind := fresh.Find(t.Context(), draft().Marker)
	for name, err := range map[string]error{"check": target.Check(t.Context()), "read": readErr, "create": createErr, "find": findErr,
		"first read": freshRead, "first create": freshCreate, "first find": freshFind} {
		require.Error(t, err, name)
		require.Contains(t, fault.From(err).Public, "Administration > Settings > API > Enable REST web service", name)
	}
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(createErr))
}

// The column of descriptions has 16 MB since Redmine 3.4.
func TestDescriptionLimit(t *testing.T) {
	t.Parallel()
	for old, want := range map[bool]int{true: 65535, false: 6 * 50_000} {
		f := newFake(t, "")
		f.Old = old
		wanted := draft()
		wanted.Description = richtext.Paragraph(richtext.Text(strings.Repeat("words ", 50_000)))
		target := open(t, f, account(mineKey, "mine"))
		_, err := target.Create(t.Context(), wanted)
		require.NoError(t, err)
		require.InDelta(t, want, len(f.Issues[0].Text), 200)
		shown, err := target.Preview(t.Context(), wanted)
		require.NoError(t, err)
		require.Equal(t, old, len(shown.Warnings) > 0, shown.Warnings)
	}
}

// Redmine's API does not name the text format, its pages do.
func TestCheckComparesTextFormats(t *testing.T) {
	t.Parallel()
	for _, private := range []bool{false, true} {
		for _, server := range []string{textile, redcarpet, commonMark} {
			for _, setting := range []string{textile, redcarpet, commonMark} {
				f := newFake(t, "")
				f.Format, f.Private = server, private
				target := open(t, f, account(mineKey, "mine", "textFormat", setting))
				if private {
					require.NoError(t, target.Check(t.Context()), "nothing shows it yet")
					_, err := target.Create(t.Context(), draft())
					require.NoError(t, err)
				}
				err := target.Check(t.Context())
				if server == setting {
					require.NoError(t, err)
					continue
				}
				require.Error(t, err, "%s for %s", setting, server)
				require.Contains(t, fault.From(err).Public, "set settings.textFormat to "+server+".")
			}
		}
	}
}

// A deleted issue of a project without issues may only be hidden.
func TestDeletedWhereIssuesAreOff(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Issues[0].Deleted, f.Projects["mine"].NoIssues = true, true
	got, _, err := target.Read(t.Context(), made.ID)
	require.Equal(t, targets.VerdictHidden, targets.VerdictOf(got, err), err)
	require.Contains(t, fault.From(err).Public, "Issue tracking is off")
}

func open(t *testing.T, f *redminefake.Fake, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, redmine.Kind(), a, f.URL)
}

func draft() targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("redmine", "entity", 1), Title: "A wish", Link: "https://example.productboard.com/1"}
}

// What is wrong on Redmine's side must be said by Check, and said just as
// well by a create that finds it out first.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account targettest.Account
		kind    fault.Kind
		says    string
	}{
		"wrong key, public project": {account("wrong", "open"), fault.Unauthorized, "refused the API key"},
		"unknown project":           {account(mineKey, "nowhere"), fault.NotFound, `no project "nowhere"`},
		"closed project":            {account(mineKey, "closed"), fault.Invalid, `project "closed" is closed`},
		"project without issues":    {account(mineKey, "wiki"), fault.Invalid, "Issue tracking is off"},
		"another's project":         {account(mineKey, "other"), fault.Forbidden, `project "other"`},
		"unknown tracker":           {account(mineKey, "mine", "tracker", "Epic"), fault.Invalid, "only Bug, Feature, Support"},
		"unknown priority":          {account(mineKey, "mine", "priority", "Now"), fault.Invalid, "only Low, High"},
		"required field":            {account(mineKey, "strict"), fault.Invalid, `Redmine: field "Component" is required in project "strict". Ask your admin to map it`},
		"required field, admin":     {account(adminKey, "strict"), fault.Invalid, `Redmine: field "Component" is required in project "strict". Ask your admin to map it`},
		"no marker field, admin":    {account(adminKey, "mine", "markerField", "Our ID"), fault.Invalid, "Administration > Custom fields"},
		"no marker field":           {account(mineKey, "mine", "markerField", "Our ID"), fault.Invalid, "settings.markerField"},
		"marker of other trackers":  {account(adminKey, "mine", "markerField", "Bugs only", "tracker", "Feature"), fault.Invalid, "for this tracker"},
		"unknown link field":        {account(adminKey, "mine", "markerField", "Productboard ID", "linkField", "URL"), fault.Invalid, "settings.linkField"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := open(t, newFake(t, ""), c.account)
			err := target.Check(t.Context())
			require.Error(t, err)
			require.Equal(t, c.kind, fault.KindOf(err), err)
			public := fault.From(err).Public
			require.Contains(t, public, c.says)
			require.Regexp(t, `your admin|Redmine admin`, public, "it says who can mend it")
			require.LessOrEqual(t, utf8.RuneCountInString(public), text.MaxPublic)

			_, err = target.Create(t.Context(), draft())
			require.Error(t, err)
			require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		})
	}
}

// Without a good key Redmine shows strangers the public part of a project:
// an empty list proves nothing then.
func TestFindWithARevokedKeyIsNotNone(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "open"))
	none, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Nil(t, none)
	delete(f.Users, mineKey)
	_, err = target.Find(t.Context(), draft().Marker)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
}

func TestCheckAcceptsWhatWorks(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]targettest.Account{
		"number of the field":           account(mineKey, "mine"),
		"name, as an admin":             account(adminKey, "mine", "markerField", "productboard id", "tracker", "feature", "priority", "high"),
		"project and tracker by number": account(mineKey, "1", "tracker", "2"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "")
			require.NoError(t, open(t, f, a).Check(t.Context()))
			require.Empty(t, f.Issues)
		})
	}
	t.Run("name, read off an issue", func(t *testing.T) {
		f := newFake(t, "")
		_, err := open(t, f, account(mineKey, "mine")).Create(t.Context(), draft())
		require.NoError(t, err)
		require.NoError(t, open(t, f, account(mineKey, "mine", "markerField", "Productboard ID")).Check(t.Context()))
	})
}

func TestMarkerFieldThatIsNoFilter(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine", "markerField", "10"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Find(t.Context(), targets.NewMarker("redmine", "another", 1))
	require.Error(t, err, "everything is listed, so nothing is known")
	require.Contains(t, fault.From(err).Public, "Used as a filter")
	err = target.Check(t.Context())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, "Used as a filter")
}

// Redmine accepts an issue and drops a field it does not have there. That
// issue is known by its id; another one must not be risked.
func TestMarkerThatIsDropped(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	f.Fields[0].Unlisted = true
	target := open(t, f, account(mineKey, "mine"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), draft())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, "does not keep the custom field")
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	require.Len(t, f.Issues, 1)
}

// A project that is closed after the first push gives "Project cannot be
// blank", in the account's language.
func TestCreateExplainsARefusal(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.Projects["mine"].Status = redminefake.Closed
	_, err = target.Create(t.Context(), draft())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, `"mine" is closed`)
	require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))

	strict := open(t, f, account(mineKey, "strict"))
	_, err = strict.Create(t.Context(), draft())
	require.Error(t, err)
	require.Equal(t, `Redmine: field "Component" is required in project "strict". Ask your admin to map it in settings.fields.`, fault.From(err).Public)
	require.Equal(t, fault.SideTracker, fault.From(err).Side)
	require.NotEmpty(t, fault.From(err).Ref, "Redmine's request id, for its admin")
}

// What is remembered for ten minutes may be gone: a category that was made anew,
// and somebody who left the project.
func TestWhatWentAwayIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*redminefake.Fake)
		native map[string]any
		says   string
	}{
		"category": {func(f *redminefake.Fake) { f.Projects["mine"].Categories[0]["id"] = 29 },
			map[string]any{"category_id": 29, "assigned_to_id": 5}, ""},
		"assignee": {func(f *redminefake.Fake) { f.Users[mineKey].Member = nil },
			map[string]any{"category_id": 21}, "Assignee: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, "")
			target := open(t, f, account(adminKey, "mine", "assignee", "jane@example.com", "fields", map[string]any{"Category": "Backend"}))
			push := func(marker targets.Marker) {
				wanted, err := target.Draft(marker, item())
				require.NoError(t, err)
				_, err = target.Create(t.Context(), wanted)
				require.NoError(t, err)
			}
			push("pb-first")
			c.change(f)
			push("pb-second")
			require.Len(t, f.Issues, 2)
			require.Equal(t, c.native, f.Issues[1].Native)
			require.Contains(t, f.Issues[1].Text, c.says)
		})
	}
}

func TestCreateSendsWhatIsConfigured(t *testing.T) {
	t.Parallel()
	f := newFake(t, "/redmine")
	target := open(t, f, account(adminKey, "mine", "markerField", "Productboard ID", "tracker", "Support"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: f.URL + "/issues/1", Title: "A wish", Status: "New", Progress: targets.Open}, made)
	i := f.Issues[0]
	require.Equal(t, 3, i.Tracker)
	require.Equal(t, map[int]any{7: string(draft().Marker), 8: "https://example.productboard.com/1"}, i.Fields)

	before := len(f.Hits)
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	require.Equal(t, []string{"POST /issues.json"}, f.Hits[before:], "one request is enough once the project is known")
}

func TestStatusToProgressAndColour(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	a := account(mineKey, "mine")
	settings := a.Settings
	a.Settings = func(url string) map[string]any {
		s := settings(url)
		s["statusColors"] = map[string]any{"in progress": "purple"}
		return s
	}
	target := open(t, f, a)
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	for status, want := range map[int]targets.Issue{
		1: {Status: "New", Progress: targets.Open},
		2: {Status: "In Progress", Progress: targets.Started, Color: "purple"},
		6: {Status: "Rejected", Progress: targets.Done},
	} {
		f.Issues[0].Status = status
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
	}
}

func TestCloseObeysTheWorkflow(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	f.Users[mineKey].MayClose = false
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "workflow")
	require.NotContains(t, f.Hits, "PUT /issues/1.json", "Redmine would answer 204 and do nothing")
}

func TestCommentStaysPlain(t *testing.T) {
	t.Parallel()
	f := newFake(t, "")
	for format, want := range map[string]string{textile: "Not *bold*", redcarpet: "Not *bold*", commonMark: "Not *bold*"} {
		target := open(t, f, account(mineKey, "mine", "textFormat", format))
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		_, err = target.Comment(t.Context(), made.ID, "Not *bold*")
		require.NoError(t, err)
		notes := f.Issues[len(f.Issues)-1].Notes
		require.Len(t, notes, 1)
		require.NotEqual(t, want, notes[0], "the stars are escaped in %s", format)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]any
		key      string
		want     []string
	}{
		"nothing": {map[string]any{}, "", []string{
			"settings.url is required (for example https://redmine.example.com)",
			"settings.project is required (for example push)", "credentials.apiKey is required"}},
		"wrong in every way": {map[string]any{"url": "redmine.example.com", "projekt": "x", "project": true, "textFormat": "markdwon",
			"statusColors": map[string]any{"New": "pink"}}, "k", []string{
			"settings.projekt is not known (did you mean project?)",
			"settings.url must be an address that starts with https:// or http:// (for example https://redmine.example.com)",
			"settings.project must be a text",
			"settings.textFormat must be one of textile, markdown, commonmark (did you mean markdown?)",
			"settings.statusColors.New must be one of gray, blue, green, yellow, orange, red, purple"}},
		"key with a line break": {map[string]any{"url": "https://r", "project": 12}, "a\nb", []string{
			"credentials.apiKey has a character that no credential has (line breaks, accents)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := redmine.Kind().Open(c.settings, map[string]secret.String{"apiKey": secret.New(c.key)}, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			slices.Sort(got)
			slices.Sort(c.want)
			require.Equal(t, c.want, got)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
		})
	}
}
