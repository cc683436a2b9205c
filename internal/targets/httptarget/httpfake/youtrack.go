package httpfake

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// YouTrack is the harness of the description youtrack. Answers hold only id
// and $type unless fields are asked for.
func YouTrack(kind targets.Kind) targettest.Harness {
	account := func(token, project, id string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return object{"preset": "youtrack", "vars": object{"url": url, "project": project, "projectId": id}}
			},
		}
	}
	return targettest.Harness{
		Kind:    kind,
		Creates: func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/api/issues" },
		Start: func(t *testing.T) targettest.Server {
			f := &youtrack{books{t: t}}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, "PB", "0-1"), Other: account(otherToken, "XX", "0-2"),
				WrongProject: account(mineToken, "NO", "0-9").Settings, Issues: f.stored("0-1"),
				Fates: f.fates(func(i *item) string { return "2-" + strconv.Itoa(i.n) }, map[string]string{"Delete": "a deleted issue is told like a hidden one", "Trash": "it has no trash"})}
		},
	}
}

type youtrack struct{ books }

func (f *youtrack) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, project string)) {
		mux.HandleFunc(pattern, f.locked(func(w http.ResponseWriter, r *http.Request) {
			project := f.placeOf(r.Header.Get("Authorization"), map[string]string{"Bearer " + mineToken: "0-1", "Bearer " + otherToken: "0-2"})
			if project == "" {
				reply(w, 401, object{"error": "Unauthorized", "error_description": "Bearer token is not valid"})
				return
			}
			h(w, r, project)
		}))
	}
	handle("GET /api/users/me", func(w http.ResponseWriter, _ *http.Request, _ string) {
		reply(w, 200, object{"id": "1-2", "guest": false, "$type": "Me"})
	})
	handle("GET /api/admin/projects/{id}", func(w http.ResponseWriter, r *http.Request, project string) {
		if r.PathValue("id") != project {
			notFound(w)
			return
		}
		reply(w, 200, object{"id": project, "customFields": []any{object{"field": object{"name": "State"}}, object{"field": object{"name": "Productboard ID"}}}})
	})
	handle("POST /api/issues", f.create)
	handle("GET /api/issues", f.search)
	handle("GET /api/issues/{id}", func(w http.ResponseWriter, r *http.Request, project string) {
		if i := f.issue(w, r, project); i != nil {
			reply(w, 200, f.show(i, r))
		}
	})
	handle("POST /api/issues/{id}", func(w http.ResponseWriter, r *http.Request, project string) {
		i := f.issue(w, r, project)
		var in youtrackInput
		if i == nil || !f.read(w, r, &in) {
			return
		}
		if in.Summary != "" {
			i.title, i.text = in.Summary, in.Description
		}
		for _, field := range in.Fields {
			assert.Equal(f.t, "StateIssueCustomField", field.Type)
			i.closed = i.closed || field.Name == "State"
		}
		reply(w, 200, f.show(i, r))
	})
	handle("POST /api/issues/{id}/comments", func(w http.ResponseWriter, r *http.Request, project string) {
		i := f.issue(w, r, project)
		var in struct{ Text string }
		if i != nil && f.read(w, r, &in) {
			i.comments = append(i.comments, in.Text)
			reply(w, 200, object{"id": "4-1"})
		}
	})
	return mux
}

type youtrackInput struct {
	Project              struct{ ID string }
	Summary, Description string
	Fields               []struct {
		Name  string
		Type  string `json:"$type"`
		Value any
	} `json:"customFields"`
}

func notFound(w http.ResponseWriter) {
	reply(w, 404, object{"error": "Not Found", "error_description": "Entity not found"})
}

func (f *youtrack) create(w http.ResponseWriter, r *http.Request, project string) {
	var in youtrackInput
	if !f.read(w, r, &in) {
		return
	}
	if in.Project.ID != project || in.Summary == "" {
		reply(w, 400, object{"error": "Bad Request", "error_description": "Project is required"})
		return
	}
	made := item{place: project, title: in.Summary, text: in.Description}
	for _, field := range in.Fields {
		assert.Equal(f.t, "SimpleIssueCustomField", field.Type)
		assert.Equal(f.t, "Productboard ID", field.Name)
		made.marker, _ = field.Value.(string)
	}
	reply(w, 200, f.show(f.add(made), r))
}

func (f *youtrack) search(w http.ResponseWriter, r *http.Request, project string) {
	short := map[string]string{"0-1": "PB", "0-2": "XX"}[project]
	want, ok := strings.CutPrefix(r.URL.Query().Get("query"), "project: {"+short+"} {Productboard ID}: {")
	if !ok {
		reply(w, 400, object{"error": "Bad Request", "error_description": "Can't parse search query"})
		return
	}
	out := []any{}
	for _, it := range slices.Backward(f.items) {
		if it.place == project && it.marker+"}" == want {
			out = append(out, f.show(it, r))
		}
	}
	reply(w, 200, out)
}

// show returns what fields ask for, as far as the description needs it.
func (f *youtrack) show(i *item, r *http.Request) object {
	out := object{"id": "2-" + strconv.Itoa(i.n), "$type": "Issue"}
	fields := r.URL.Query().Get("fields")
	state, resolved := "Open", any(nil)
	if i.closed {
		state, resolved = "Fixed", 1700000000000
	}
	all := object{"idReadable": "PB-" + strconv.Itoa(i.n), "summary": i.title, "resolved": resolved, "created": 1700000000000 + i.n,
		"customFields": []any{object{"name": "State", "value": object{"name": state}}, object{"name": "Productboard ID", "value": i.marker}, object{"name": "Priority", "value": nil}}}
	for name, value := range all {
		if strings.Contains(fields, name) {
			out[name] = value
		}
	}
	return out
}

func (f *youtrack) issue(w http.ResponseWriter, r *http.Request, project string) *item {
	n, err := strconv.Atoi(strings.TrimPrefix(r.PathValue("id"), "2-"))
	if err != nil || n < 1 || n > len(f.items) || f.items[n-1].place != project {
		notFound(w)
		return nil
	}
	return f.items[n-1]
}
