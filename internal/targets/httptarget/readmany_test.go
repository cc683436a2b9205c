package httptarget_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
)

// batches describes a tracker that answers each id of a batch apart.
func batches(url string, more m) m {
	s := m{"name": "Helpdesk", "create": m{"url": url + "/make"}, "issue": m{"id": "$.id", "title": "$.name", "status": "$.state", "done": []any{"closed"}, "idPattern": "[0-9]+"},
		"read":     m{"url": url + "/one/{{.ID}}"},
		"readMany": m{"method": "POST", "url": url + "/many", "body": `{"ids": {{.IDs}}}`, "list": "$.answers", "at": "$.ok", "limit": 3.0}}
	maps.Copy(s, more)
	return s
}

func TestReadMany(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, batches(s.URL, nil), nil)
	s.path = map[string]string{
		"GET /one/2": `{"id": 2, "name": "Second", "state": "open"}`,
		"GET /one/3": `{"id": 3, "name": "Third", "state": "closed"}`,
		"POST /many": `{"answers": [{"error": 404}, null, {"ok": {"id": 3, "name": "No status"}}, {"ok": {"id": 1, "name": "First", "state": "closed"}}]}`,
	}
	got := target.ReadMany(t.Context(), []string{"1", "2", "3"})
	require.Len(t, got, 3)
	want := []targets.Issue{
		{ID: "1", Key: "1", Title: "First", Status: "closed", Progress: targets.Done},
		{ID: "2", Key: "2", Title: "Second", Status: "open"},
		{ID: "3", Key: "3", Title: "Third", Status: "closed", Progress: targets.Done},
	}
	for i, r := range got {
		require.NoError(t, r.Err)
		require.Equal(t, want[i], r.Issue)
	}
	require.Equal(t, 3, s.hits, "one request for all, and one for each that its answer does not tell of")
	target.ReadMany(t.Context(), []string{"1", "no number"})
	require.JSONEq(t, `{"ids": ["1"]}`, string(s.lastBody))
}

// An answer without the list is not one without issues.
func TestReadManyNeedsAList(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	target := mustOpen(t, batches(s.URL, nil), nil)
	for _, body := range []string{`{}`, `{"answers": {"ok": {"id": 1}}}`, `[]`} {
		s.path = map[string]string{"POST /many": body}
		got := target.ReadMany(t.Context(), []string{"1"})
		require.Error(t, got[0].Err, body)
		require.Contains(t, fault.From(got[0].Err).Public, "(readMany)")
	}
}

func TestReadManyIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more m
		want string
	}{
		"without read":  {m{"read": nil}, "settings.readMany needs settings.read"},
		"no limit":      {m{"readMany": m{"url": "https://x.example/many?ids={{.IDs}}", "list": "$"}}, "settings.readMany.limit is required"},
		"limit of 0":    {m{"readMany": m{"url": "https://x.example/many?ids={{.IDs}}", "list": "$", "limit": 0.0}}, "settings.readMany.limit must be from 1 to 1000"},
		"address":       {m{"readMany": m{"url": `https://x.example/many?ids={{join "," .IDs}}`, "list": "$", "limit": 900.0}}, "settings.readMany.url does not work"},
		"unknown value": {m{"readMany": m{"url": "https://x.example/many?ids={{.ID}}", "list": "$", "limit": 9.0}}, "settings.readMany.url does not work"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := batches("https://x.example", c.more)
			if s["read"] == nil {
				delete(s, "read")
			}
			_, err := open(t, s, nil, targets.Deps{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A part of one's own may read issues otherwise than the preset's batch does.
func TestOwnReadDropsThePresetsReadMany(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	settings := m{"preset": "redmine", "vars": m{"url": s.URL, "project": "p", "projectId": 1, "markerField": 7}}
	s.path = map[string]string{"GET /issues/1.json": `{"issue": {"id": 1, "subject": "x", "status": {"name": "New"}}}`, "GET /mine/1": `{"id": 1, "status": {"name": "New"}}`,
		"GET /issues.json": `{"issues": [{"id": 1, "subject": "x", "status": {"name": "New"}}]}`}
	for last, more := range map[string]m{"/issues.json": nil, "/mine/1": {"read": m{"url": s.URL + "/mine/{{.ID}}"}}} {
		own := m{}
		for _, part := range []m{settings, more} {
			maps.Copy(own, part)
		}
		got := mustOpen(t, own, map[string]string{"apiKey": "k"}).ReadMany(t.Context(), []string{"1"})
		require.NoError(t, got[0].Err)
		require.Equal(t, last, s.last.URL.Path)
	}
}
