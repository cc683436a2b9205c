package shortcut_test

import (
	"flag"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/shortcut"
	fake "pushbutton/internal/targets/shortcut/shortcutfake"
	"pushbutton/internal/targets/targettest"
	"pushbutton/internal/targets/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// open makes a target for a server, without a proxy.
func open(t *testing.T, url string, a targettest.Account) *targets.Target {
	t.Helper()
	return targettest.Open(t, shortcut.Kind(), a, url)
}

func mine(more ...any) targettest.Account { return fake.Account(fake.Token, more...) }

func draft(t *testing.T, target *targets.Target) targets.Draft {
	t.Helper()
	d, err := target.Draft(targets.NewMarker("shortcut", "entity", 1), targets.Item{ID: "1", Type: "feature", Name: "A wish",
		HTML: "<p>They <b>asked</b> for it, @jane &lt;3</p><ul><li>one</li></ul>", Link: "https://example.productboard.com/1", Tags: []string{"urgent", "Loud"},
		Owner: targets.Person{Name: "Jane Doe", Email: fake.Jane}, Pusher: targets.Person{Name: "Joe Roe", Email: fake.Joe},
		Fields: map[string]targets.FieldText{"Effort": {Texts: []string{"3"}}, "Timeframe": {Texts: []string{"2026-01-01 to 2026-03-31"}}}})
	require.NoError(t, err)
	return d
}

// recorder keeps the bodies of creates and changes that go to a server.
func recorder(t *testing.T, server string) (url string, bodies *[]string) {
	t.Helper()
	return targettest.Recorder(t, server, func(r *http.Request) bool { return fake.Creates(r) || r.Method == http.MethodPut })
}

// Everything that settings can map, whole, as it goes to Shortcut.
func TestCreateBody(t *testing.T) {
	s := fake.New(t)
	url, bodies := recorder(t, s.URL)
	target := open(t, url, mine("workflow", "engineering", "state", "backlog", "type", "bug", "epic", fake.EpicID, "iteration", fake.Sprint, "team", "@team-1",
		"assignee", "owner", "reporter", fake.Jane, "labels", []any{"wish", "LOUD"},
		"fields", map[string]any{"component": "backend", "Estimate": `{{field "Effort"}}`, "deadline": `{{field "Timeframe"}}`}))
	require.NoError(t, target.Check(t.Context()))
	made, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, targets.Issue{ID: "1", Key: "sc-1", URL: "https://app.shortcut.com/example/story/1", Title: "A wish", Status: "Backlog", Color: "gray"}, made)
	require.Len(t, *bodies, 1)
	targettest.Golden(t, "create.json", (*bodies)[0], *update)
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
	require.Equal(t, []string{"POST /stories"}, s.Hits()[before:])
}

// The workflow is the one that is named, else the team's, else the workspace's.
func TestWorkflowAndState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more  []any
		state int
	}{
		"workspace's":    {nil, fake.Ready},
		"team's":         {[]any{"team", "web"}, fake.Sketch},
		"named":          {[]any{"team", fake.Web, "workflow", "Engineering"}, fake.Ready},
		"by number":      {[]any{"workflow", "500000002"}, fake.Sketch},
		"named state":    {[]any{"state", "in development"}, fake.InProgress},
		"state's number": {[]any{"state", "500000010"}, fake.Backlog},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			target := open(t, s.URL, mine(c.more...))
			require.NoError(t, target.Check(t.Context()))
			_, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			require.Equal(t, c.state, s.Story(1).State)
		})
	}
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
		"bad token":         {fake.Account("wrong"), fault.Unauthorized, "refused the token"},
		"unknown workflow":  {mine("workflow", "Sales"), fault.Invalid, "only Design, Engineering"},
		"unknown state":     {mine("state", "Sold"), fault.Invalid, "Backlog, Ready for Development"},
		"state of another":  {mine("state", "Sketch"), fault.Invalid, "settings.state"},
		"unknown team":      {mine("team", "Sales"), fault.Invalid, "settings.team"},
		"archived team":     {mine("team", "Gone"), fault.Invalid, "settings.team"},
		"unknown epic":      {mine("epic", 5), fault.Invalid, "epic"},
		"archived epic":     {mine("epic", fake.OldEpic), fault.Invalid, "epic"},
		"unknown iteration": {mine("iteration", 5), fault.Invalid, "iteration"},
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
			require.Zero(t, s.Stories())
		})
	}
	for name, c := range map[string]struct {
		fields map[string]any
		says   string
	}{
		"value that is off":    {map[string]any{"Component": "Legacy"}, "one of Backend"},
		"field of other types": {map[string]any{"Severity": "High"}, `no field "Severity"`},
		"field that is off":    {map[string]any{"Old": "x"}, `no field "Old"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, fake.New(t).URL, mine("fields", c.fields)).Check(t.Context())
			require.Error(t, err)
			require.Contains(t, fault.From(err).Public, c.says)
		})
	}
	t.Run("half an estimate", func(t *testing.T) {
		s := fake.New(t)
		target := open(t, s.URL, mine("fields", map[string]any{"Estimate": "2.5"}))
		_, err := target.Create(t.Context(), draft(t, target))
		require.Error(t, err)
		require.Contains(t, fault.From(err).Public, "a whole number")
		require.Equal(t, targets.OutcomeNotDone, targets.OutcomeOf(err))
		require.Zero(t, s.Stories())
	})
}

// Either handle is enough, each story comes once, and what only looks like
// ours does not count.
func TestFindByEitherHandle(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine())
	d := draft(t, target)
	longer := d
	longer.Marker += "x"
	for _, each := range []targets.Draft{longer, d, d, d} {
		_, err := target.Create(t.Context(), each)
		require.NoError(t, err)
	}
	s.Change(2, func(story *fake.Story) { story.Links = nil; story.State = fake.Completed })
	s.Change(3, func(story *fake.Story) { story.ExternalID = "theirs" })
	all, _, err := target.FindAll(t.Context(), d.Marker)
	require.NoError(t, err)
	var ids []string
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	require.Equal(t, []string{"2", "3", "4"}, ids, "completed ones too, oldest first")
	for id := 2; id <= 4; id++ {
		s.Delete(id)
	}
	found, err := target.Find(t.Context(), d.Marker)
	require.NoError(t, err)
	require.Nil(t, found)
}

func TestPeople(t *testing.T) {
	t.Parallel()
	for who, known := range map[string]bool{fake.Jane: true, fake.Joe: false, "nobody@example.com": false} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			s := fake.New(t)
			target := open(t, s.URL, mine("assignee", who))
			_, err := target.Create(t.Context(), draft(t, target))
			require.NoError(t, err)
			require.Equal(t, known, len(s.Story(1).Owners) == 1)
			require.Equal(t, !known, strings.Contains(s.Story(1).Description, "Assignee: "))
		})
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine("statusColors", map[string]any{"completed": "purple"}))
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	for state, want := range map[int]targets.Issue{
		fake.Backlog: {Status: "Backlog", Color: "gray"}, fake.Ready: {Status: "Ready for Development", Color: "blue"},
		fake.InProgress: {Status: "In Development", Progress: targets.Started, Color: "yellow"}, fake.Completed: {Status: "Completed", Progress: targets.Done, Color: "purple"},
		fake.Sketch: {Status: "Sketch"}, 1: {Progress: targets.Started},
	} {
		s.Change(1, func(story *fake.Story) { story.State = state })
		got, _, err := target.Read(t.Context(), "1")
		require.NoError(t, err)
		require.Equal(t, want, targets.Issue{Status: got.Status, Progress: got.Progress, Color: got.Color}, state)
	}
}

func TestCloseNeedsADoneState(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	target := open(t, s.URL, mine("workflow", "Design"))
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	_, err = target.Close(t.Context(), "1")
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Contains(t, fault.From(err).Public, "Shortcut admin")
}

func TestUpdateKeepsWhatOthersDid(t *testing.T) {
	s := fake.New(t)
	url, bodies := recorder(t, s.URL)
	target := open(t, url, mine("assignee", fake.Jane, "fields", map[string]any{"Estimate": "5"}))
	d := draft(t, target)
	_, err := target.Create(t.Context(), d)
	require.NoError(t, err)
	s.Change(1, func(story *fake.Story) {
		story.Labels = []string{"URGENT", "theirs"}
		story.Links = append([]string{"https://example.com/theirs"}, story.Links[1:]...)
		story.Fields = []fake.FieldValue{{Field: fake.Component, Value: fake.Backend}}
	})
	d.Title = "A bigger wish"
	got, able, err := target.Update(t.Context(), "1", d)
	require.NoError(t, err)
	require.True(t, able)
	require.Equal(t, "A bigger wish", got.Title)
	story := s.Story(1)
	require.Equal(t, []string{"URGENT", "theirs", "Loud"}, story.Labels)
	require.Equal(t, []string{"https://example.com/theirs", "https://app.productboard.com/?push=" + string(d.Marker), "https://example.productboard.com/1"}, story.Links)
	require.Equal(t, []fake.FieldValue{{Field: fake.Component, Value: fake.Backend}}, story.Fields)
	require.Equal(t, string(d.Marker), story.ExternalID)
	targettest.Golden(t, "update.json", (*bodies)[1], *update)
	_, _, err = target.Update(t.Context(), "9", d)
	require.Equal(t, fault.Gone, fault.KindOf(err))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const advice = ". Ask your admin to check the integration's settings."
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"field":      {400, `{"message":"The request included invalid or missing parameters.","errors":{"workflow_state_id":"missing-required-key"}}`, "Shortcut: workflow_state_id: missing required key" + advice},
		"nested":     {400, `{"message":"m","errors":{"labels":{"name":{"b":"bad"}},"epic_id":["(not (integer? \"x\"))"],"x":null}}`, "Shortcut: epic_id: not valid; labels.name.b: bad" + advice},
		"message":    {422, `{"message":"The epic is archived."}`, "Shortcut: The epic is archived" + advice},
		"reason":     {403, `{"message":"Your workspace's trial has ended."}`, "Shortcut: Your workspace's trial has ended. Ask a Shortcut admin to allow it to the token's member."},
		"no reason":  {403, `{"message":"Forbidden"}`, "Shortcut does not allow this to the token's member. Ask a Shortcut admin to make it a member of the workspace, not an observer."},
		"firewall":   {403, "<html>Request blocked", "Something in front of Shortcut answered (HTTP 403, a web page), not Shortcut itself. Push again in a while. If it stays so, tell the people who run Shortcut."},
		"plain text": {400, "Bad Request", "Shortcut refused the request. Ask your admin to check the integration's settings."},
		"not errors": {400, `{"message":7,"errors":"x"}`, "Shortcut refused the request. Ask your admin to check the integration's settings."},
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
			kind := fault.Invalid
			switch {
			case strings.HasPrefix(c.body, "<"):
				kind = fault.Intermediary
			case c.status == http.StatusForbidden:
				kind = fault.Forbidden
			}
			require.Equal(t, kind, fault.KindOf(err))
			require.Equal(t, c.says, fault.From(err).Public)
		})
	}
}

// A state that somebody deleted within the memo's life costs no push.
func TestCreateLooksUpOnceMore(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	proxy := targettest.NewProxy(t, s.URL)
	target := open(t, proxy.URL, mine())
	require.NoError(t, target.Check(t.Context()))
	proxy.OnNext(fake.Creates, targettest.Behaviour{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: func(*http.Request) string {
		return `{"message":"The request included invalid or missing parameters.","errors":{"workflow_state_id":"unknown-id"}}`
	}})
	_, err := target.Create(t.Context(), draft(t, target))
	require.NoError(t, err)
	require.Equal(t, 1, s.Stories())
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	driver, err := shortcut.Kind().New(targets.Config{Settings: settings.Values{"url": s.URL}, Credentials: map[string]secret.String{"token": secret.New(fake.Token)}}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	chooser, ok := driver.(targets.Chooser)
	require.True(t, ok)
	for setting, want := range map[string][]targets.Choice{
		"workflow": {{Value: "500000002", Title: "Design"}, {Value: "500000001", Title: "Engineering"}},
		"state": {{Value: "500000020", Title: "Design: Sketch"}, {Value: "500000010", Title: "Engineering: Backlog"}, {Value: "500000011", Title: "Engineering: Ready for Development"},
			{Value: "500000012", Title: "Engineering: In Development"}, {Value: "500000013", Title: "Engineering: Completed"}},
		"team": {{Value: fake.Web, Title: "Web"}},
		"epic": {{Value: "77", Title: "Big one"}},
		"type": nil,
	} {
		got, err := chooser.Choices(t.Context(), setting)
		require.NoError(t, err)
		require.Equal(t, want, got, setting)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	_, err := shortcut.Kind().Open(map[string]any{"type": "epic", "epic": "Big one", "workflo": "x"}, nil, targets.Deps{})
	var fields settings.FieldErrors
	require.ErrorAs(t, err, &fields)
	require.Equal(t, "settings.workflo is not known (did you mean workflow?); settings.type must be one of feature, bug, chore; settings.epic must be a whole number, 0 or more; credentials.token is required", fields.Error())
}
