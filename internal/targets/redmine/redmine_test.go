package redmine

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

const (
	adminKey = "ad0000000000000000000000000000000000cafe"
	mineKey  = "0a0000000000000000000000000000000000cafe"
	otherKey = "0b0000000000000000000000000000000000cafe"
)

func creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues.json")
}

// account makes settings; more is name, value, name, value...
func account(key, project string, more ...string) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"apiKey": secret.New(key)},
		Settings: func(url string) map[string]any {
			s := map[string]any{"url": url, "project": project, "markerField": "7"}
			for i := 0; i < len(more); i += 2 {
				s[more[i]] = more[i+1]
			}
			return s
		},
	}
}

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Harness{
		Kind: Kind(), Creates: creates,
		Start: func(t *testing.T) targettest.Server {
			f := newFake(t, "/redmine")
			base := func(a targettest.Account) targettest.Account {
				settings := a.Settings
				a.Settings = func(url string) map[string]any { return settings(url + f.base) }
				return a
			}
			return targettest.Server{
				URL:  strings.TrimSuffix(f.url, f.base),
				Mine: base(account(mineKey, "mine", "tracker", "Feature")), Other: base(account(otherKey, "other")),
				WrongProject: base(account(mineKey, "nowhere")).Settings,
				Issues:       f.stored,
				Fates:        f.fates(),
				SetPublic:    func(*testing.T) { f.mu.Lock(); defer f.mu.Unlock(); f.projects["mine"].public = true },
			}
		},
	})
}

func (f *fake) fates() targettest.Fates {
	happen := func(do func()) func(*testing.T) {
		return func(*testing.T) {
			f.mu.Lock()
			defer f.mu.Unlock()
			do()
		}
	}
	issue := func(do func(*fakeIssue)) func(*testing.T, string) {
		return func(t *testing.T, id string) { happen(func() { do(f.issues[number(id)-1]) })(t) }
	}
	return targettest.Fates{
		Delete:        issue(func(i *fakeIssue) { i.deleted = true }),
		Hide:          issue(func(i *fakeIssue) { i.private = true }),
		EndToken:      happen(func() { delete(f.users, mineKey) }),
		LoseProject:   happen(func() { f.users[mineKey].member = nil }),
		DisableIssues: happen(func() { f.projects["mine"].noIssues = true }),
		Never: map[string]string{
			"Trash": "Redmine deletes issues for good",
			"Move":  "an issue keeps its number and its address in every project",
		},
		Wordless: true,
	}
}

// Redmine denies everything while its REST API is off, the key's own account too.
func TestRESTSwitchedOff(t *testing.T) {
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.restOff = true
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
		assert.Contains(t, fault.From(err).Public, "Administration > Settings > API > Enable REST web service", name)
	}
	assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(createErr))
}

// The column of descriptions has 16 MB since Redmine 3.4.
func TestDescriptionLimit(t *testing.T) {
	for old, want := range map[bool]int{true: maxOldDescription, false: 6 * 50_000} {
		f := newFake(t, "")
		f.old = old
		wanted := draft()
		wanted.Description = richtext.Paragraph(richtext.Text(strings.Repeat("words ", 50_000)))
		target := open(t, f, account(mineKey, "mine"))
		_, err := target.Create(t.Context(), wanted)
		require.NoError(t, err)
		assert.InDelta(t, want, len(f.issues[0].text), 200)
		shown, err := target.Preview(t.Context(), wanted)
		require.NoError(t, err)
		assert.Equal(t, old, len(shown.Warnings) > 0, shown.Warnings)
	}
}

// Redmine's API does not name the text format, its pages do.
func TestCheckComparesTextFormats(t *testing.T) {
	for _, private := range []bool{false, true} {
		for _, server := range []string{textile, markdown, commonMark} {
			for _, setting := range []string{textile, markdown, commonMark} {
				f := newFake(t, "")
				f.format, f.private = server, private
				target := open(t, f, account(mineKey, "mine", "textFormat", setting))
				if private {
					assert.NoError(t, target.Check(t.Context()), "nothing shows it yet")
					_, err := target.Create(t.Context(), draft())
					require.NoError(t, err)
				}
				err := target.Check(t.Context())
				if server == setting {
					assert.NoError(t, err)
					continue
				}
				require.Error(t, err, "%s for %s", setting, server)
				assert.Contains(t, fault.From(err).Public, "set settings.textFormat to "+server+".")
			}
		}
	}
}

// A deleted issue of a project without issues may only be hidden.
func TestDeletedWhereIssuesAreOff(t *testing.T) {
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.issues[0].deleted, f.projects["mine"].noIssues = true, true
	got, _, err := target.Read(t.Context(), made.ID)
	assert.Equal(t, targets.VerdictHidden, targets.VerdictOf(got, err), err)
	assert.Contains(t, fault.From(err).Public, "Issue tracking is off")
}

func (f *fake) stored(_ *testing.T, marker targets.Marker) []targettest.Stored {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []targettest.Stored
	for _, i := range f.issues {
		if i.project == "mine" && (marker == "" || i.fields[7] == any(string(marker))) {
			out = append(out, targettest.Stored{ID: strconv.Itoa(i.id), Title: i.subject, Text: strings.ReplaceAll(i.text, "\r\n", "\n")})
		}
	}
	return out
}

// open makes a target for a fake, without a proxy.
func open(t *testing.T, f *fake, a targettest.Account) *targets.Target {
	t.Helper()
	client := outbound.New(outbound.Options{Allow: loopback()})
	t.Cleanup(client.Close)
	target, err := Kind().Open(a.Settings(f.url), a.Credentials, targets.Deps{HTTP: client})
	require.NoError(t, err)
	return target
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func draft() targets.Draft {
	return targets.Draft{Marker: targets.NewMarker("redmine", "entity", 1), Title: "A wish", Link: "https://example.productboard.com/1"}
}

// What is wrong on Redmine's side must be said by Check, and said just as
// well by a create that finds it out first.
func TestCheckNamesTheCause(t *testing.T) {
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
			target := open(t, newFake(t, ""), c.account)
			err := target.Check(t.Context())
			require.Error(t, err)
			assert.Equal(t, c.kind, fault.KindOf(err), err)
			public := fault.From(err).Public
			assert.Contains(t, public, c.says)
			assert.Regexp(t, `your admin|Redmine admin`, public, "it says who can mend it")
			assert.LessOrEqual(t, utf8.RuneCountInString(public), targets.MaxPublic)

			_, err = target.Create(t.Context(), draft())
			require.Error(t, err)
			assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		})
	}
}

// Without a good key Redmine shows strangers the public part of a project:
// an empty list proves nothing then.
func TestFindWithARevokedKeyIsNotNone(t *testing.T) {
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "open"))
	none, err := target.Find(t.Context(), draft().Marker)
	require.NoError(t, err)
	require.Nil(t, none)
	delete(f.users, mineKey)
	_, err = target.Find(t.Context(), draft().Marker)
	assert.Equal(t, fault.Unauthorized, fault.KindOf(err))
}

func TestCheckAcceptsWhatWorks(t *testing.T) {
	for name, a := range map[string]targettest.Account{
		"number of the field":           account(mineKey, "mine"),
		"name, as an admin":             account(adminKey, "mine", "markerField", "productboard id", "tracker", "feature", "priority", "high"),
		"project and tracker by number": account(mineKey, "1", "tracker", "2"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "")
			require.NoError(t, open(t, f, a).Check(t.Context()))
			assert.Empty(t, f.issues)
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
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine", "markerField", "10"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Find(t.Context(), targets.NewMarker("redmine", "another", 1))
	require.Error(t, err, "everything is listed, so nothing is known")
	assert.Contains(t, fault.From(err).Public, "Used as a filter")
	err = target.Check(t.Context())
	require.Error(t, err)
	assert.Contains(t, fault.From(err).Public, "Used as a filter")
}

// Redmine accepts an issue and drops a field it does not have there. That
// issue is known by its id; another one must not be risked.
func TestMarkerThatIsDropped(t *testing.T) {
	f := newFake(t, "")
	f.fields[0].unlisted = true
	target := open(t, f, account(mineKey, "mine"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Create(t.Context(), draft())
	require.Error(t, err)
	assert.Contains(t, fault.From(err).Public, "does not keep the custom field")
	assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
	assert.Len(t, f.issues, 1)
}

// A project that is closed after the first push gives "Project cannot be
// blank", in the account's language.
func TestCreateExplainsARefusal(t *testing.T) {
	f := newFake(t, "")
	target := open(t, f, account(mineKey, "mine"))
	_, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	f.projects["mine"].status = projectClosed
	_, err = target.Create(t.Context(), draft())
	require.Error(t, err)
	assert.Contains(t, fault.From(err).Public, `"mine" is closed`)
	assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))

	strict := open(t, f, account(mineKey, "strict"))
	_, err = strict.Create(t.Context(), draft())
	require.Error(t, err)
	assert.Equal(t, `Redmine: field "Component" is required in project "strict". Ask your admin to map it in settings.fields.`, fault.From(err).Public)
	assert.Equal(t, fault.SideTracker, fault.From(err).Side)
	assert.NotEmpty(t, fault.From(err).Ref, "Redmine's request id, for its admin")
}

func TestCreateSendsWhatIsConfigured(t *testing.T) {
	f := newFake(t, "/redmine")
	target := open(t, f, account(adminKey, "mine", "markerField", "Productboard ID", "tracker", "Support"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	assert.Equal(t, targets.Issue{ID: "1", Key: "#1", URL: f.url + "/issues/1", Title: "A wish", Status: "New", Progress: targets.Open}, made)
	i := f.issues[0]
	assert.Equal(t, 3, i.tracker)
	assert.Equal(t, map[int]any{7: string(draft().Marker), 8: "https://example.productboard.com/1"}, i.fields)

	before := len(f.hits)
	_, err = target.Create(t.Context(), draft())
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /issues.json"}, f.hits[before:], "one request is enough once the project is known")
}

func TestStatusToProgressAndColour(t *testing.T) {
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
		f.issues[0].status = status
		got, _, err := target.Read(t.Context(), made.ID)
		require.NoError(t, err)
		assert.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color})
	}
}

func TestCloseObeysTheWorkflow(t *testing.T) {
	f := newFake(t, "")
	f.users[mineKey].mayClose = false
	target := open(t, f, account(mineKey, "mine"))
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err)
	_, err = target.Close(t.Context(), made.ID)
	assert.Equal(t, fault.Forbidden, fault.KindOf(err))
	assert.Contains(t, fault.From(err).Public, "workflow")
	assert.NotContains(t, f.hits, "PUT /issues/1.json", "Redmine would answer 204 and do nothing")
}

func TestCommentStaysPlain(t *testing.T) {
	f := newFake(t, "")
	for format, want := range map[string]string{textile: "Not *bold*", markdown: "Not *bold*", commonMark: "Not *bold*"} {
		target := open(t, f, account(mineKey, "mine", "textFormat", format))
		made, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
		_, err = target.Comment(t.Context(), made.ID, "Not *bold*")
		require.NoError(t, err)
		notes := f.issues[len(f.issues)-1].notes
		require.Len(t, notes, 1)
		assert.NotEqual(t, want, notes[0], "the stars are escaped in %s", format)
	}
}

func TestSettings(t *testing.T) {
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
			_, err := Kind().Open(c.settings, map[string]secret.String{"apiKey": secret.New(c.key)}, targets.Deps{})
			var fields targets.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			slices.Sort(got)
			slices.Sort(c.want)
			assert.Equal(t, c.want, got)
			assert.Equal(t, fault.Invalid, fault.KindOf(err))
		})
	}
}
