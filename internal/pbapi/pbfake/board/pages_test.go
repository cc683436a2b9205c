package board_test

import (
	"context"
	"errors"
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
type demoTracker struct{ moved *[]string }

func (demoTracker) Issues(context.Context) []board.TrackerIssue {
	return []board.TrackerIssue{
		{
			ID: "2", Key: "DEMO-2", Title: `Evil <script>alert(1)</script>`, Status: "Open", Progress: "open", Link: "javascript:alert(1)",
			Description: "<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://192.0.2.1/pixel)\n\n<a href=\"https://ok.example\" onclick=\"x()\">a</a>",
			Labels:      []string{`"><b>`}, Comments: []string{"<iframe src=//x></iframe>\n\nseen"},
		},
		{
			ID: "1", Key: "DEMO-1", Title: "Dark mode", Status: "In Progress", Progress: "started", Link: "https://example.productboard.com/detail/x",
			Description: "## Sizes\n\n| Plan | Rows |\n| --- | --- |\n| Pro | 50,000 |\n\n- [x] Design\n- [ ] Copy\n\n```go\nif a < b {\n```\n\n~~old~~ **new**",
			Labels:      []string{"mobile"}, Reporter: "Jane Doe", CreatedAt: time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC),
		},
	}
}

func (demoTracker) Statuses() []string { return []string{"Open", "In Progress", "Done"} }

func (d demoTracker) SetStatus(_ context.Context, id, status string) error {
	if d.moved == nil {
		return errors.New("read-only")
	}
	*d.moved = append(*d.moved, id+" "+status)
	return nil
}

// silentTracker cannot move issues.
type silentTracker struct{ demoTracker }

func (silentTracker) SetStatus() {} // hides the ability

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
		"/sandbox": 200, "/sandbox/": 200, "/sandbox/tracker": 200, "/sandbox/tracker/issues/1": 200, detail: 200,
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
		"Reported by Jane Doe", `href="https://example.productboard.com/detail/x"`, `value="In Progress" disabled`} {
		require.Contains(t, byKey, want)
	}
	_, evil, _ := get("/sandbox/tracker/issues/2")
	for _, never := range []string{"<script>alert", "javascript:", "onclick", "<iframe", "<img src=\"http:", "192.0.2.1", `"><b>`} {
		require.NotContains(t, evil, never)
	}
	require.Contains(t, evil, "seen")
}

func TestWithoutATracker(t *testing.T) {
	t.Parallel()
	_, get := serve(t, nil)
	_, board, _ := get("/sandbox/")
	require.NotContains(t, board, "/sandbox/tracker")
	status, _, _ := get("/sandbox/tracker")
	require.Equal(t, 404, status)
}

func TestMoveAnIssue(t *testing.T) {
	t.Parallel()
	post := func(tracker board.Tracker, path, status, site string) *httptest.ResponseRecorder {
		fake := pbfake.New(nil)
		defer fake.Close()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{"status": {status}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		board.New(fake, tracker).ServeHTTP(w, r)
		return w
	}
	var moved []string
	able := demoTracker{&moved}
	const path = "/sandbox/tracker/issues/DEMO-1/status"
	w := post(able, path, "Done", "same-origin")
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/sandbox/tracker/issues/1", w.Header().Get("Location"))
	require.Equal(t, []string{"1 Done"}, moved)

	require.Equal(t, 403, post(able, path, "Done", "cross-site").Code)
	require.Equal(t, 404, post(able, path, "Nonsense", "same-origin").Code)
	require.Equal(t, 404, post(able, "/sandbox/tracker/issues/9/status", "Done", "same-origin").Code)
	require.Equal(t, 404, post(silentTracker{}, path, "Done", "same-origin").Code)
	require.Equal(t, 409, post(demoTracker{}, path, "Done", "same-origin").Code)
	require.Len(t, moved, 1)
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
