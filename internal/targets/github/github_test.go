package github_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/github"
	"pushbutton/internal/targets/github/githubfake"
	"pushbutton/internal/targets/targettest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConformance(t *testing.T) { targettest.Run(t, githubfake.Harness()) }

func TestConformanceAsApp(t *testing.T) { targettest.Run(t, githubfake.AppHarness(t)) }

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
	assert.Equal(t, targets.Issue{ID: "2", Key: "#2", URL: url + "/acme/app/issues/2", Title: "Dark mode", Status: "Open"}, made)
	assert.Equal(t, []string{"GET /repos/acme/app/assignees/olga-at-acme", "POST /repos/acme/app/issues"}, f.Hits[before:])
	require.Len(t, *bodies, 2, "the rehearsal of Check, and the create")
	targettest.Golden(t, "create.json", (*bodies)[1], *update)

	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	assert.Equal(t, "2", found.ID)
	quoted, err := target.Find(t.Context(), "pb-zzz")
	require.NoError(t, err)
	assert.Nil(t, quoted, "a marker that the text quotes is not the issue's")
}

func TestPeopleWithoutALogin(t *testing.T) {
	f := githubfake.Standard(t)
	for name, people := range map[string]map[string]any{"not in the map": {"x@example.com": "x"}, "not assignable": {"olga@example.com": "stranger"}} {
		target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "assignee", "owner", "people", people))
		_, err := target.Create(t.Context(), mapped(t, target))
		require.NoError(t, err, name)
		issues := f.Repositories["acme/app"].Own()
		last := issues[len(issues)-1]
		assert.Empty(t, last.Assignees, name)
		assert.Contains(t, last.Body, "Assignee: Olga", name)
	}
}

// GitHub drops labels from an account without write access, and people take
// them off: the issue is found among the account's own.
func TestFoundWithoutItsLabel(t *testing.T) {
	for name, strip := range map[string]func(*githubfake.Fake){
		"dropped":   func(f *githubfake.Fake) { f.Tokens[githubfake.MineToken].Repos["acme/app"] = "read" },
		"taken off": func(*githubfake.Fake) {},
	} {
		t.Run(name, func(t *testing.T) {
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
			assert.Equal(t, first.ID, found.ID, "the oldest")
			all, _, err := target.FindAll(t.Context(), marker)
			require.NoError(t, err)
			require.Len(t, all, 2)
			assert.Equal(t, second.ID, all[1].ID)
		})
	}
}

// A look-up turns pages, does not take a pull request for an issue, and finds
// closed issues.
func TestFindTurnsPages(t *testing.T) {
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
	assert.Equal(t, made.ID, found.ID)
	assert.Equal(t, targets.Done, found.Progress)
	assert.Equal(t, slices.Repeat([]string{"GET /repos/acme/app/issues"}, 3), f.Hits[before:])
	all, _, err := target.FindAll(t.Context(), marker)
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*githubfake.Fake)
		more   []any
		kind   fault.Kind
		says   string
	}{
		"archived":            {func(f *githubfake.Fake) { f.Repositories["acme/app"].Archived = true }, nil, fault.Invalid, "acme/app is archived"},
		"no issues":           {func(f *githubfake.Fake) { f.Repositories["acme/app"].NoIssues = true }, nil, fault.Invalid, "Issues are switched off"},
		"renamed":             {func(f *githubfake.Fake) { f.Repositories["acme/app"].Moved = true }, nil, fault.Invalid, "acme/app is elsewhere"},
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
			c.change(f)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, c.more...))
			err := target.Check(t.Context())
			require.Error(t, err)
			assert.Equal(t, c.kind, fault.KindOf(err), err)
			assert.Contains(t, fault.From(err).Public, c.says)
			assert.Empty(t, f.Repositories["acme/app"].Own())
		})
	}
	t.Run("types that cannot be read are believed", func(t *testing.T) {
		f := githubfake.Standard(t)
		f.TypesHidden = true
		assert.NoError(t, open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken, "type", "Epic")).Check(t.Context()))
	})
}

// An issue that was deleted or transferred is missing; one whose repository
// was renamed, or is hidden by now, is not.
func TestReadTellsMissingFromMoved(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*githubfake.Fake)
		kind   fault.Kind
		says   string
	}{
		"deleted":           {func(f *githubfake.Fake) { f.Repositories["acme/app"].Issues[1].Gone = "deleted" }, fault.NotFound, "issue #2 any more"},
		"transferred":       {func(f *githubfake.Fake) { f.Repositories["acme/app"].Issues[1].Gone = "transferred" }, fault.NotFound, "issue #2 any more"},
		"renamed":           {func(f *githubfake.Fake) { f.Repositories["acme/app"].Moved = true }, fault.Invalid, "settings.repository"},
		"no longer visible": {func(f *githubfake.Fake) { delete(f.Tokens[githubfake.MineToken].Repos, "acme/app") }, fault.Forbidden, "does not show it to the token"},
	} {
		t.Run(name, func(t *testing.T) {
			f := githubfake.Standard(t)
			target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
			made, err := target.Create(t.Context(), draft())
			require.NoError(t, err)
			c.change(f)
			_, _, err = target.Read(t.Context(), made.ID)
			assert.Equal(t, c.kind, fault.KindOf(err), err)
			assert.Contains(t, fault.From(err).Public, c.says)
			_, err = target.Close(t.Context(), made.ID)
			assert.Equal(t, c.kind, fault.KindOf(err), err)
		})
	}
}

func TestStatuses(t *testing.T) {
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
		assert.Equal(t, want, targets.Issue{Status: got.Status, Color: got.Color, Progress: got.Progress})
	}
}

func TestUpdateKeepsMarkerAndLabels(t *testing.T) {
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
	assert.Equal(t, "Another wish", got.Title)
	assert.Equal(t, []string{"productboard", "wish", "by hand", "new"}, issue.Labels)
	found, err := target.Find(t.Context(), marker)
	require.NoError(t, err)
	require.NotNil(t, found)
	_, err = target.Comment(t.Context(), made.ID, "Not *bold*, @nobody, #1")
	require.NoError(t, err)
	assert.NotContains(t, issue.Comments[0], "@nobody")
	assert.NotContains(t, issue.Comments[0], " *bold*")
}

// say answers every create with one reply.
func say(t *testing.T, status int, header map[string]string, body string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRefusals(t *testing.T) {
	const at = "Sat, 31 Jan 2026 12:00:00 GMT" // 1769860800
	for name, c := range map[string]struct {
		status int
		header map[string]string
		file   string
		kind   fault.Kind
		after  time.Duration
		says   string
	}{
		"primary limit":       {403, map[string]string{"Date": at, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1769861100"}, "primary.json", fault.RateLimited, 5 * time.Minute, "Push again in 5 minutes."},
		"limit already over":  {429, map[string]string{"Date": at, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1769860000"}, "primary.json", fault.RateLimited, time.Second, "too many requests"},
		"reset is nonsense":   {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, "primary.json", fault.RateLimited, time.Minute, "too many requests"},
		"reset is far away":   {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}, "primary.json", fault.RateLimited, time.Hour, "too many requests"},
		"secondary limit":     {403, map[string]string{"X-RateLimit-Remaining": "4000"}, "secondary.json", fault.RateLimited, time.Minute, "Push again in 60 seconds."},
		"secondary, timed":    {403, map[string]string{"Retry-After": "90"}, "secondary.json", fault.RateLimited, 90 * time.Second, "Push again in 90 seconds."},
		"secondary as 429":    {429, nil, "secondary.json", fault.RateLimited, time.Minute, "too many requests"},
		"single sign-on":      {403, map[string]string{"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?x=1"}, "forbidden.json", fault.Forbidden, 0, "single sign-on"},
		"permission":          {403, map[string]string{"X-Accepted-GitHub-Permissions": "issues=write"}, "forbidden.json", fault.Forbidden, 0, "acme/app: it needs the permission issues=write."},
		"odd permission":      {403, map[string]string{"X-Accepted-GitHub-Permissions": "<script>"}, "forbidden.json", fault.Forbidden, 0, "Resource not accessible by personal access token."},
		"not visible":         {404, nil, "notfound.json", fault.NotFound, 0, "GitHub has no repository acme/app, or does not show it to the token."},
		"issues off":          {410, nil, "gone.json", fault.NotFound, 0, "Issues are switched off in the GitHub repository acme/app."},
		"field":               {422, nil, "assignees.json", fault.Invalid, 0, "GitHub: field 'assignees' is not valid in acme/app. Ask your admin"},
		"own words":           {422, nil, "custom.json", fault.Invalid, 0, "GitHub: body is too long (maximum is 65536 characters), field 'milestone' names something that does not exist in acme/app."},
		"sentence for errors": {422, nil, "sentence.json", fault.Invalid, 0, "GitHub: Could not resolve to a node in acme/app."},
		"message alone":       {422, nil, "message.json", fault.Invalid, 0, "GitHub: Invalid request in acme/app."},
		"unicorn":             {502, nil, "unicorn.html", fault.Unavailable, 0, "GitHub cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", "errors", c.file))
			require.NoError(t, err)
			target := open(t, say(t, c.status, c.header, string(body)), githubfake.WithToken("acme/app", githubfake.MineToken))
			_, err = target.Create(t.Context(), draft())
			require.Error(t, err)
			got := fault.From(err)
			assert.Equal(t, c.kind, got.Kind, err)
			assert.Equal(t, c.after, got.RetryAfter)
			assert.Contains(t, got.Public, c.says)
			want := targets.OutcomeNotDone
			if c.status == 502 {
				want = targets.OutcomeUnknown
			}
			assert.Equal(t, want, targets.OutcomeOf(err))
		})
	}
}

func TestAppTokenIsFetchedOnceForAll(t *testing.T) {
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app")
	target := open(t, f.URL, githubfake.WithApp("acme/app", key))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := target.Find(context.Background(), marker)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 1, f.App.Issued)

	f.App.Revoke()
	_, err := target.Find(t.Context(), marker)
	assert.Equal(t, fault.Unauthorized, fault.KindOf(err))
	assert.Contains(t, fault.From(err).Public, "refused the GitHub App")
	_, err = target.Find(t.Context(), marker)
	require.NoError(t, err, "a refused token is not used again")
	assert.Equal(t, 2, f.App.Issued)
}

func TestAppTokenIsReplacedBeforeItEnds(t *testing.T) {
	key := githubfake.NewKey(t)
	f := githubfake.Standard(t)
	f.Install(key, "acme/app")
	f.App.Life = 60
	target := open(t, f.URL, githubfake.WithApp("acme/app", key))
	for range 2 {
		_, err := target.Create(t.Context(), draft())
		require.NoError(t, err)
	}
	assert.Equal(t, 2, f.App.Issued)
	assert.Equal(t, "push-button[bot]", f.Repositories["acme/app"].Issues[1].Creator)
}

func TestAppThatCannotWork(t *testing.T) {
	key := githubfake.NewKey(t)
	for name, c := range map[string]struct {
		account targettest.Account
		change  func(*githubfake.Fake)
		kind    fault.Kind
		says    string
	}{
		"another key":          {githubfake.WithApp("acme/app", githubfake.NewKey(t)), func(*githubfake.Fake) {}, fault.Unauthorized, "credentials.privateKey"},
		"another App":          {githubfake.WithApp("acme/app", key, "appId", 9), func(*githubfake.Fake) {}, fault.Unauthorized, "settings.appId"},
		"another installation": {githubfake.WithApp("acme/app", key, "installationId", 778), func(*githubfake.Fake) {}, fault.NotFound, "no installation 778 of the GitHub App 123456"},
		"not installed there":  {githubfake.WithApp("acme/secret", key), func(*githubfake.Fake) {}, fault.Invalid, "no token for acme/secret"},
		"permission":           {githubfake.WithApp("acme/app", key), func(f *githubfake.Fake) { f.App.ReadOnly = true }, fault.Invalid, "Issues: Read and write"},
	} {
		t.Run(name, func(t *testing.T) {
			f := githubfake.Standard(t)
			f.Install(key, "acme/app")
			c.change(f)
			target := open(t, f.URL, c.account)
			err := target.Check(t.Context())
			require.Error(t, err)
			assert.Equal(t, c.kind, fault.KindOf(err), err)
			assert.Contains(t, fault.From(err).Public, c.says)
			_, err = target.Create(t.Context(), draft())
			assert.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err), err)
		})
	}
}

// Neither the App's signature nor the installation token is in a text, though
// whoever stands between may repeat them.
func TestAppTokensStaySecret(t *testing.T) {
	key := githubfake.NewKey(t)
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		seen = append(seen, token)
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token":"ghs_secret","expires_at":"2099-01-01T00:00:00Z"}`)
			return
		}
		w.Header().Set("X-GitHub-Request-Id", token)
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"message":"no %[1]s","errors":["not %[1]s",{"message":"nor %[1]s","field":"%[1]s"}],"documentation_url":"%[1]s"}`, token)
	}))
	defer srv.Close()
	target := open(t, srv.URL, githubfake.WithApp("acme/app", key))
	_, created := target.Create(t.Context(), draft())
	for _, err := range []error{created, target.Check(t.Context())} {
		require.Error(t, err)
		for _, token := range seen {
			assert.NotContains(t, fmt.Sprintf("%s %+v %#v %s", err, err, err, fault.From(err).Public), token)
		}
	}
	assert.Contains(t, fault.From(created).Public, "[secret]")
	assert.GreaterOrEqual(t, len(seen), 3)
}

func TestChoices(t *testing.T) {
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
	assert.Equal(t, []string{"acme/app"}, choose(token, "repository"))
	assert.Equal(t, []string{"acme/app", "acme/secret"}, choose(app, "repository"))
	assert.Equal(t, []string{"v2"}, choose(token, "milestone"))
	assert.Equal(t, []string{"Bug"}, choose(token, "type"))
	assert.Empty(t, choose(token, "markerLabel"))
}

func decoded(raw map[string]any) targets.Values {
	out := targets.Values{"markerLabel": "productboard"}
	for k, v := range raw {
		out[k] = v
		if n, ok := v.(int); ok {
			out[k] = strconv.Itoa(n)
		}
	}
	return out
}

func TestSettings(t *testing.T) {
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
			creds := map[string]secret.String{}
			for k, v := range c.creds {
				creds[k] = secret.New(v)
			}
			_, err := github.Kind().Open(c.settings, creds, targets.Deps{})
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			var fields targets.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// GitHub tells the end of a personal access token with every reply.
func TestExpires(t *testing.T) {
	f := githubfake.Standard(t)
	target := open(t, f.URL, githubfake.WithToken("acme/app", githubfake.MineToken))
	for said, want := range map[string]time.Time{
		"":                          {},
		"2026-12-10 20:53:51 UTC":   time.Date(2026, 12, 10, 20, 53, 51, 0, time.UTC),
		"2026-12-10 20:53:51 -0800": time.Date(2026, 12, 11, 4, 53, 51, 0, time.UTC),
	} {
		f.Lock()
		f.Tokens[githubfake.MineToken].Expires = said
		f.Unlock()
		at, supported, err := target.Expires(t.Context())
		require.NoError(t, err, said)
		assert.True(t, supported)
		assert.True(t, want.Equal(at), "%q: %s", said, at)
	}
	for _, said := range []string{"soon", "2026-12-10 20:53:51 PST"} { // no guess
		f.Lock()
		f.Tokens[githubfake.MineToken].Expires = said
		f.Unlock()
		_, _, err := target.Expires(t.Context())
		assert.Error(t, err, said)
	}
}

// An App's key does not end, and nothing is asked.
func TestExpiresOfAnApp(t *testing.T) {
	h := githubfake.AppHarness(t)
	server := h.Start(t)
	at, supported, err := open(t, server.URL, server.Mine).Expires(t.Context())
	require.NoError(t, err)
	assert.True(t, supported)
	assert.Zero(t, at)
}
