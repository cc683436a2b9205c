package httptarget_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/httptarget"
	"pushbutton/internal/targets/httptarget/httpfake"
	"pushbutton/internal/targets/targettest"
)

// What the suite does not ask: an update writes title and description anew and
// leaves the marker where it is found.
func TestUpdatesKeepTheMarker(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]targettest.Harness{
		"redmine": httpfake.Redmine(httptarget.Kind()), "trello": httpfake.Trello(httptarget.Kind()), "monday": httpfake.Monday(httptarget.Kind()),
		"clickup": httpfake.ClickUp(httptarget.Kind()), "youtrack": httpfake.YouTrack(httptarget.Kind()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := h.Start(t)
			target, err := h.Kind.Open(server.Mine.Settings(server.URL), server.Mine.Credentials, deps(t))
			require.NoError(t, err)
			d := draft()
			made, err := target.Create(t.Context(), d)
			require.NoError(t, err)
			d.Title, d.Description = "Another wish", richtext.Paragraph(richtext.Text("Said differently."))
			got, able, err := target.Update(t.Context(), made.ID, d)
			require.True(t, able)
			require.NoError(t, err)
			want := made
			want.Title = "Another wish"
			require.Equal(t, want, got)
			stored := server.Issues(t, d.Marker)
			require.Len(t, stored, 1)
			require.Equal(t, "Another wish", stored[0].Title)
			require.Contains(t, stored[0].Text, "Said differently.")
			found, err := target.Find(t.Context(), d.Marker)
			require.NoError(t, err)
			require.NotNil(t, found)
			require.Equal(t, made.ID, found.ID)

			_, _, err = target.Update(t.Context(), strings.Repeat("9", len(made.ID)), d)
			require.Error(t, err)
			require.Contains(t, []fault.Kind{fault.NotFound, fault.Gone}, fault.KindOf(err), err)
		})
	}
}

// Redmine lists everything if the marker's field is no filter.
func TestRedmineMustFilter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, m{"preset": "redmine", "vars": m{"url": s.URL, "project": "p", "projectId": 1, "markerField": 7}}, map[string]string{"apiKey": "k"})
	s.path = map[string]string{"GET /users/current.json": `{"user": {"id": 5}}`, "GET /projects/p.json": `{"project": {"id": 1}}`, "GET /issues.json": `{"issues": []}`}
	require.NoError(t, target.Check(t.Context()))
	s.path["GET /issues.json"] = `{"issues": [{"id": 1, "custom_fields": []}]}`
	err := target.Check(t.Context())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Public, "Used as a filter")
	s.path["GET /projects/p.json"] = `{"project": {"id": 2, "status": 1}}`
	require.Contains(t, fault.From(target.Check(t.Context())).Public, "There is no such project, or its number is another")
}

// monday's own refusals, all under the status 200.
func TestMondayRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, m{"preset": "monday", "vars": m{"url": s.URL, "boardId": 1, "markerColumn": "m", "textColumn": "t"}}, map[string]string{"token": "k"})
	for body, want := range map[string]struct {
		kind   fault.Kind
		unsure bool
	}{
		`{"errors": [{"message": "Complexity budget exhausted", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "status_code": 200, "retry_in_seconds": 20}}]}`: {fault.RateLimited, false},
		`{"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR", "status_code": 500}}]}`:                                                         {fault.Unavailable, true},
		`{"errors": [{"message": "x", "extensions": {"code": "SOMETHING", "status_code": 503}}]}`:                                                                     {fault.Unavailable, true},
		`{"errors": [{"message": "bad value", "extensions": {"code": "ColumnValueException", "status_code": 200}}]}`:                                                  {fault.Invalid, false},
		`{"errors": [{"message": "no", "extensions": {"code": "UserUnauthorizedException", "status_code": 403}}]}`:                                                    {fault.Forbidden, false},
		`{"data": {"create_item": null}}`: {fault.Unavailable, true},
	} {
		s.body = body
		_, err := target.Create(t.Context(), draft())
		require.Error(t, err, body)
		require.Equal(t, want.kind, fault.KindOf(err), body)
		require.Equal(t, want.unsure, fault.IsUnsure(err), body)
	}
	s.body = `{"data": {"create_item": {"id": "7", "name": "A wish", "state": "active", "group": {"title": "To do"}}}, "errors": [{"message": "column status: not found"}]}`
	made, err := target.Create(t.Context(), draft())
	require.NoError(t, err, "the item is there")
	require.Equal(t, targets.Issue{ID: "7", Key: "7", Title: "A wish", Status: "To do"}, made)
}
