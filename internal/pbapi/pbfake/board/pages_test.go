package board_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/pbapi/pbfake/board"
)

// demoTracker has two issues, one of which is hostile.
type demoTracker struct{ changed *[]string }

func (demoTracker) Issues(context.Context) []board.TrackerIssue {
	return []board.TrackerIssue{
		{
			ID: "2", Key: "DEMO-2", Title: `Evil <script>alert(1)</script>`, Status: "Open", Progress: "open", Trashed: true, Hidden: true, Link: "javascript:alert(1)",
			Description: "<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://192.0.2.1/pixel)\n\n<a href=\"https://ok.example\" onclick=\"x()\">a</a>",
			Labels:      []string{`"><b>`}, Comments: []string{"<iframe src=//x></iframe>\n\nseen"},
		},
		{
			ID: "1", Key: "DEMO-1", Project: "demo", Title: "Dark mode", Status: "In Progress", Progress: "started", Link: "https://example.productboard.com/detail/x",
			Description: "## Sizes\n\n| Plan | Rows |\n| --- | --- |\n| Pro | 50,000 |\n\n- [x] Design\n- [ ] Copy\n\n```go\nif a < b {\n```\n\n~~old~~ **new**",
			Labels:      []string{"mobile"}, Reporter: "Jane Doe", CreatedAt: time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC),
		},
	}
}

func (d demoTracker) Issue(ctx context.Context, id string) (board.TrackerIssue, bool) {
	for _, i := range d.Issues(ctx) {
		if i.ID == id || i.Key == id {
			return i, true
		}
	}
	return board.TrackerIssue{}, false
}

func (demoTracker) Statuses() []string { return []string{"Open", "In Progress", "Done"} }

func (d demoTracker) SetStatus(_ context.Context, id, status string) error {
	return d.note("status", id, status)
}

func (d demoTracker) Rename(_ context.Context, id, title string) error {
	return d.note("title", id, title)
}

func (d demoTracker) Move(_ context.Context, id, project string) error {
	return d.note("project", id, project)
}

func (d demoTracker) SetTrashed(_ context.Context, id string, trashed bool) error {
	return d.note("trashed", id, trashed)
}

func (d demoTracker) SetHidden(_ context.Context, id string, hidden bool) error {
	return d.note("hidden", id, hidden)
}

func (d demoTracker) Delete(_ context.Context, id string) error { return d.note("deletion", id, "") }

func (d demoTracker) note(what, id string, value any) error {
	if d.changed == nil {
		return errors.New("<read-only>")
	}
	*d.changed = append(*d.changed, fmt.Sprint(what, " ", id, " ", value))
	return nil
}

func (demoTracker) Hooks(context.Context) board.TrackerHooks {
	return board.TrackerHooks{
		Hooks:      []board.TrackerHook{{Project: "demo", URL: `https://plugin.example/hooks/<b>`, Active: true}},
		Deliveries: []board.HookDelivery{{Seq: 7, Issue: "1", Change: "status", Kind: "late", Answer: "<i>401</i>", Bad: true}},
		Faults:     board.HookFaults{Lost: 50},
	}
}

func (d demoTracker) SetHookFaults(_ context.Context, f board.HookFaults) error {
	return d.note("faults", "", f)
}

func (d demoTracker) SendAgain(_ context.Context, seq int) error { return d.note("again", "", seq) }

// silentTracker cannot change issues.
type silentTracker struct{ demoTracker }

func (silentTracker) SetStatus() {} // hides the ability

func (silentTracker) SendAgain() {} // likewise

func serve(t *testing.T, tracker board.Tracker) (*pbfake.Fake, func(path string) (int, string, http.Header)) {
	t.Helper()
	fake := pbfake.New(nil)
	t.Cleanup(fake.Close)
	h := board.New(fake, tracker)
	return fake, func(path string) (int, string, http.Header) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String(), w.Result().Header
	}
}

func TestEveryPageIsSealed(t *testing.T) {
	t.Parallel()
	fake, get := serve(t, demoTracker{})
	e := fake.Seed(1)[0]
	detail := "/sandbox" + strings.TrimPrefix(fake.PageOf(e.ID), pbfake.DefaultAppURL)
	for path, want := range map[string]int{
		"/sandbox": 200, "/sandbox/": 200, "/sandbox/tracker": 200, "/sandbox/tracker/hooks": 200, "/sandbox/tracker/issues/1": 200, detail: 200,
		"/sandbox/assets/board.js": 200, "/sandbox/assets/base.css": 200, "/sandbox/api/board": 200,
		"/sandbox/nothing": 404, "/sandbox/tracker/issues/99": 404, "/sandbox/detail/x": 404, "/sandbox/detail/UG1FbnRpdHk6eA": 404,
	} {
		status, body, h := get(path)
		require.Equal(t, want, status, path)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			require.NotContains(t, body, "style=", path)
			require.NotContains(t, body, "onclick=", path)
			require.NotRegexp(t, `(src|href)="(https?:)?//[^"]*\.(js|css)`, body, path)
		}
	}
}

func TestTrackerPages(t *testing.T) {
	t.Parallel()
	_, get := serve(t, demoTracker{})
	_, list, _ := get("/sandbox/tracker")
	require.Contains(t, list, `href="/sandbox/tracker/issues/1"`)
	require.Contains(t, list, `data-issue="DEMO-2"`)
	require.NotContains(t, list, "<script>alert")

	status, byKey, _ := get("/sandbox/tracker/issues/DEMO-1")
	require.Equal(t, 200, status)
	for _, want := range []string{"<h2>Sizes</h2>", "<td>50,000</td>", `type="checkbox"`, `class="language-go"`, "a &lt; b", "<del>old</del>", "<strong>new</strong>",
		"Reported by Jane Doe", `href="https://example.productboard.com/detail/x"`, `value="In Progress" disabled`,
		`<label for="title">`, `id="title" name="value" value="Dark mode"`, `<label for="project">`, `id="project" name="value" value="demo"`,
		"Move to the trash", "Hide from the plugin", "Delete for good"} {
		require.Contains(t, byKey, want)
	}
	_, evil, _ := get("/sandbox/tracker/issues/2")
	for _, never := range []string{"<script>alert", "javascript:", "onclick", "<iframe", "<img src=\"http:", "192.0.2.1", `"><b>`} {
		require.NotContains(t, evil, never)
	}
	for _, want := range []string{"seen", "In the trash", "Hidden from the plugin", "Restore from the trash", "Show to the plugin"} {
		require.Contains(t, evil, want)
	}
	_, get = serve(t, silentTracker{})
	_, fixed, _ := get("/sandbox/tracker/issues/1")
	require.NotContains(t, fixed, "<form")
}

func TestWithoutATracker(t *testing.T) {
	t.Parallel()
	_, get := serve(t, nil)
	_, board, _ := get("/sandbox/")
	require.NotContains(t, board, "/sandbox/tracker")
	status, _, _ := get("/sandbox/tracker")
	require.Equal(t, 404, status)
}

func TestChangeAnIssue(t *testing.T) {
	t.Parallel()
	post := func(tracker board.Tracker, path, value, site string) *httptest.ResponseRecorder {
		fake := pbfake.New(nil)
		defer fake.Close()
		r := httptest.NewRequest(http.MethodPost, "/sandbox/tracker/issues/"+path, strings.NewReader(url.Values{"value": {value}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		board.New(fake, tracker).ServeHTTP(w, r)
		return w
	}
	var changed []string
	able := demoTracker{&changed}
	for _, c := range []struct{ what, value, want, next string }{
		{"status", "Done", "status 1 Done", "/sandbox/tracker/issues/1"},
		{"title", "A <b>", "title 1 A <b>", "/sandbox/tracker/issues/1"},
		{"project", "archive", "project 1 archive", "/sandbox/tracker/issues/1"},
		{"trashed", "true", "trashed 1 true", "/sandbox/tracker/issues/1"},
		{"trashed", "false", "trashed 1 false", "/sandbox/tracker/issues/1"},
		{"hidden", "true", "hidden 1 true", "/sandbox/tracker/issues/1"},
		{"hidden", "false", "hidden 1 false", "/sandbox/tracker/issues/1"},
		{"deletion", "", "deletion 1 ", "/sandbox/tracker"},
	} {
		changed = nil
		w := post(able, "DEMO-1/"+c.what, c.value, "same-origin")
		require.Equal(t, http.StatusSeeOther, w.Code, c.what)
		require.Equal(t, c.next, w.Header().Get("Location"), c.what)
		require.Equal(t, []string{c.want}, changed)

		changed = nil
		require.Equal(t, 403, post(able, "DEMO-1/"+c.what, c.value, "cross-site").Code, c.what)
		require.Equal(t, 404, post(able, "9/"+c.what, c.value, "same-origin").Code, c.what)
		require.Equal(t, 404, post(silentTracker{}, "DEMO-1/"+c.what, c.value, "same-origin").Code, c.what)
		require.Empty(t, changed)
		w = post(demoTracker{}, "DEMO-1/"+c.what, c.value, "same-origin")
		require.Equal(t, 409, w.Code, c.what)
		require.Contains(t, w.Body.String(), "&lt;read-only&gt;", "the tracker's reason")
	}
	require.Equal(t, 404, post(able, "DEMO-1/nonsense", "", "same-origin").Code)
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	_, get := serve(t, demoTracker{})
	_, list, _ := get("/sandbox/tracker")
	require.Contains(t, list, `href="/sandbox/tracker/hooks"`)
	_, page, _ := get("/sandbox/tracker/hooks")
	for _, want := range []string{"https://plugin.example/hooks/&lt;b&gt;", "&lt;i&gt;401&lt;/i&gt;", `<option value="50" selected>`, `name="value" value="7"`, "late"} {
		require.Contains(t, page, want)
	}
	_, get = serve(t, silentTracker{})
	_, list, _ = get("/sandbox/tracker")
	require.NotContains(t, list, "/sandbox/tracker/hooks")
	status, _, _ := get("/sandbox/tracker/hooks")
	require.Equal(t, 404, status)

	post := func(tracker board.Tracker, change, site string, form url.Values) *httptest.ResponseRecorder {
		fake := pbfake.New(nil)
		defer fake.Close()
		r := httptest.NewRequest(http.MethodPost, "/sandbox/tracker/hooks/"+change, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		board.New(fake, tracker).ServeHTTP(w, r)
		return w
	}
	var changed []string
	able := demoTracker{&changed}
	w := post(able, "faults", "same-origin", url.Values{"lost": {"10"}, "forged": {"100"}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/sandbox/tracker/hooks", w.Header().Get("Location"))
	require.Equal(t, http.StatusSeeOther, post(able, "again", "same-origin", url.Values{"value": {"7"}}).Code)
	require.Equal(t, []string{"faults  {10 0 0 100}", "again  7"}, changed)
	require.Equal(t, 403, post(able, "again", "cross-site", url.Values{"value": {"7"}}).Code)
	require.Equal(t, 404, post(able, "nonsense", "same-origin", nil).Code)
	require.Equal(t, 404, post(silentTracker{}, "again", "same-origin", nil).Code)
	require.Equal(t, 409, post(demoTracker{}, "again", "same-origin", nil).Code)
}

func TestEntityPage(t *testing.T) {
	t.Parallel()
	fake, get := serve(t, nil)
	parent, err := fake.AddEntity(pbfake.Entity{Type: "component", Fields: map[string]any{"name": "Workspace"}})
	require.NoError(t, err)
	e, err := fake.AddEntity(pbfake.Entity{Type: "feature", Parent: parent.ID, Fields: map[string]any{
		"name": `A <b> & C`, "description": `<h2>Why</h2><script>x()</script><a href="urn:pb:node:1">@Jane</a>`,
		"tags": []any{map[string]any{"id": "1", "name": "api"}, map[string]any{"id": "2", "name": "mobile"}}, "effort": 5,
		"timeframe": map[string]any{"startDate": "2026-01-01", "endDate": "2026-01-31"}, "unknown-field": true,
	}})
	require.NoError(t, err)
	_, page, _ := get("/sandbox" + strings.TrimPrefix(fake.PageOf(e.ID), pbfake.DefaultAppURL))
	for _, want := range []string{"A &lt;b&gt; &amp; C", "<h2>Why</h2>", "@Jane", "api, mobile", "<dd>5</dd>", "2026-01-01 to 2026-01-31", "unknown-field", ">Workspace</a>"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "x()")
	require.NotContains(t, page, "urn:pb")
}

func TestAssetsAreServed(t *testing.T) {
	t.Parallel()
	fake := pbfake.New(nil)
	defer fake.Close()
	s := httptest.NewServer(board.New(fake, nil))
	defer s.Close()
	resp, err := http.Get(s.URL + "/sandbox/assets/board.js")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, resp.Header.Get("Content-Type"), "javascript")
	require.Contains(t, string(body), "import")
}
