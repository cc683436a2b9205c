package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/proof/e2e/fixture"
)

// A driver that finds nothing wrong proves nothing: these see it find.

func TestCount(t *testing.T) {
	items := []pushed{{name: "one", generations: 1}, {name: "two", generations: 2}}
	good := []fixture.Issue{{ID: 1, Subject: "one", Marker: "a"}, {ID: 2, Subject: "two", Marker: "b"}, {ID: 3, Subject: "two", Marker: "c"}}
	for name, tc := range map[string]struct {
		issues              []fixture.Issue
		duplicates, missing int
		wrong               string
	}{
		"as it should be": {issues: good},
		"a second issue":  {issues: append(good[:3:3], fixture.Issue{ID: 4, Subject: "one", Marker: "a"}), duplicates: 1, wrong: "2 issues carry the marker a"},
		"one is missing":  {issues: good[:2], missing: 1, wrong: "two has 1 issues, not 2"},
		"no marker":       {issues: append(good[1:3:3], fixture.Issue{ID: 1, Subject: "one"}), wrong: "carry no marker"},
		"one marker for two generations": {issues: append(good[:2:2], fixture.Issue{ID: 3, Subject: "two", Marker: "b"}),
			wrong: "2 issues carry the marker b"},
		"nobody's": {issues: append(good[:3:3], fixture.Issue{ID: 4, Subject: "three", Marker: "d"}), wrong: "nobody's"},
	} {
		t.Run(name, func(t *testing.T) {
			var f figures
			f.count(tc.issues, items)
			require.Equal(t, tc.duplicates, f.duplicates)
			require.Equal(t, tc.missing, f.missing)
			if tc.wrong == "" {
				require.NoError(t, f.wrong.err())
			} else {
				require.ErrorContains(t, f.wrong.err(), tc.wrong)
			}
		})
	}
}

func TestJournal(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	event := func(after time.Duration, e pbfake.Event) pbfake.Event {
		e.Time, e.IntegrationID = start.Add(after), "i"
		return e
	}
	click := pbfake.Event{Kind: pbfake.EventClick, EntityID: "e", Trigger: pbfake.Push}
	shown := pbfake.Event{Kind: pbfake.EventWrite, EntityID: "e", State: &pbfake.State{Name: pbfake.StateConnected}}

	var f figures
	f.journal([]pbfake.Event{event(0, click), event(time.Millisecond, click), event(2*time.Second, shown), event(3*time.Second, shown)}, "i")
	require.NoError(t, f.wrong.err())
	require.Equal(t, 2, f.clicks)
	require.Equal(t, []time.Duration{2 * time.Second}, f.toConnected, "a double click is one push")

	var g figures
	refused := pbfake.Event{Kind: pbfake.EventRequestRefused, Op: "getEntity", Status: 400}
	g.journal([]pbfake.Event{event(0, click), event(time.Second, refused)}, "i")
	require.ErrorContains(t, g.wrong.err(), "never became connected")
	require.ErrorContains(t, g.wrong.err(), "refused getEntity")
}

func TestCheckLimits(t *testing.T) {
	good := pbfake.State{Name: pbfake.StateConnected, Label: "New", HoverLabel: "#1", Tooltip: "#1: x", TargetURL: "http://127.0.0.1/issues/1"}
	for name, tc := range map[string]struct {
		state pbfake.State
		wrong bool
	}{
		"connected":         {state: good},
		"no label":          {state: pbfake.State{Name: pbfake.StateConnected, HoverLabel: "#1", Tooltip: "x", TargetURL: "u"}, wrong: true},
		"error":             {state: pbfake.State{Name: pbfake.StateError, Message: strings.Repeat("é", maxMessage)}},
		"error, too long":   {state: pbfake.State{Name: pbfake.StateError, Message: strings.Repeat("é", maxMessage+1)}, wrong: true},
		"error, no message": {state: pbfake.State{Name: pbfake.StateError}, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			var v verdict
			checkLimits(&v, "item", tc.state)
			require.Equal(t, tc.wrong, v.err() != nil, v.err())
		})
	}
}

func TestADeletedIssueThatIsReplacedIsFound(t *testing.T) {
	before := []fixture.Issue{{ID: 1, Subject: "one"}, {ID: 2, Subject: "two"}, {ID: 3, Subject: "three"}}
	for name, tc := range map[string]struct {
		after []fixture.Issue
		wrong string
	}{
		"as it should be": {after: []fixture.Issue{before[0], before[2]}},
		"replaced":        {after: []fixture.Issue{before[0], before[2], {ID: 4, Subject: "two"}}, wrong: "issue 4 (two) that should not be"},
		"still there":     {after: before, wrong: "issue 2 (two) that should not be"},
		"another is gone": {after: []fixture.Issue{before[0]}, wrong: "issue 3 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			var v verdict
			checkDeleted(&v, issuePath(2), before, tc.after)
			if tc.wrong == "" {
				require.NoError(t, v.err())
			} else {
				require.ErrorContains(t, v.err(), tc.wrong)
			}
		})
	}
}

func TestAnotherStatus(t *testing.T) {
	s, err := otherStatus([]redmineStatus{{ID: 1, Name: "New"}, {ID: 5, Name: "Closed", Closed: true}, {ID: 2, Name: "In Progress"}}, "New")
	require.NoError(t, err)
	require.Equal(t, 2, s.ID)
	_, err = otherStatus([]redmineStatus{{ID: 1, Name: "New"}, {ID: 5, Name: "Closed", Closed: true}}, "New")
	require.Error(t, err)
}

func TestPage(t *testing.T) {
	page := errorsPage{pushes: []row{{"a | b", "`x`", "nobody", "yes"}}, admin: []row{{happens: "c", says: "d"}}}.String()
	require.Contains(t, page, "| a \\| b | 'x' | nobody | yes |\n")
	require.Empty(t, firstDifference(page, page))
	require.Contains(t, firstDifference(page, page+"more"), "seen: more")
	require.Equal(t, "dial 127.0.0.1:PORT (ref ...)", steady("dial 127.0.0.1:41234 (ref req-12)"))
}

func TestLargeDescription(t *testing.T) {
	e := item(7, true)
	text, _ := e.Fields["description"].(string)
	require.Greater(t, len(text), large)
	for _, part := range []string{"<table>", "<ol>", "<pre>", "<a href", lastWords(7)} {
		require.Contains(t, text, part)
	}
}

func TestProxy(t *testing.T) {
	var created int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			created++
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Redmine-Api-Key")+" name")
	}))
	defer server.Close()
	p, err := newProxy(t.Context(), server.URL, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, p.close()) }()
	send := func(ctx context.Context, method, path, body string) (int, string, error) {
		req, err := http.NewRequestWithContext(ctx, method, p.url("way")+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Redmine-Api-Key", "right")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer func() { assert.NoError(t, resp.Body.Close()) }()
		raw, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(raw), err
	}
	const mine, others = `{"subject":"mine"}`, `{"subject":"other"}`

	_, text, err := send(t.Context(), http.MethodGet, "/x.json", "")
	require.NoError(t, err)
	require.Equal(t, "right name", text, "passed on")

	p.on("way", inTurn(creating("mine", 1, answer(http.StatusTooManyRequests, "1")), creating("other", 1, after(cut))))
	for n, want := range []int{http.StatusTooManyRequests, http.StatusOK} {
		status, _, err := send(t.Context(), http.MethodPost, "/issues.json", mine)
		require.NoError(t, err)
		require.Equal(t, want, status, "create %d", n)
	}
	before := created
	_, _, err = send(t.Context(), http.MethodPost, "/issues.json", others)
	require.Error(t, err)
	require.Equal(t, before+1, created, "carried out before the connection was cut")

	p.on("way", inTurn(otherKey, renamed("name", "title")))
	_, text, err = send(t.Context(), http.MethodGet, "/x.json", "")
	require.NoError(t, err)
	require.NotContains(t, text, "right")
	require.Contains(t, text, "title")

	p.on("way", silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = send(ctx, http.MethodPost, "/issues.json", mine)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
