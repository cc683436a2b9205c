package httpfake

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// Redmine is the harness of the description redmine. The fake does what
// Redmine 5.0.4 was seen to do: unknown filters are ignored, most errors have
// empty bodies, changes are answered with 204 and nothing.
func Redmine(kind targets.Kind) targettest.Harness {
	account := func(token, project, id string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"apiKey": secret.New(token)},
			Settings: func(url string) map[string]any {
				return map[string]any{"preset": "redmine", "vars": map[string]any{"url": url, "project": project, "projectId": id, "trackerId": "2", "markerField": "7"}}
			},
		}
	}
	return targettest.Harness{
		Kind: kind,
		Creates: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues.json")
		},
		Start: func(t *testing.T) targettest.Server {
			f := &redmine{books: books{t: t}, filters: true}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			fates := f.fates(func(i *item) string { return strconv.Itoa(i.n) }, map[string]string{"Trash": "it has no trash"})
			fates.Wordless = true
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, "mine", "1"), Other: account(otherToken, "other", "2"),
				WrongProject: account(mineToken, "nowhere", "9").Settings, Issues: f.stored("1"), Fates: fates}
		},
	}
}

type redmine struct {
	books
	// filters is false where the marker's field is not "Used as a filter".
	filters bool
}

func (f *redmine) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, place string)) {
		mux.HandleFunc(pattern, f.locked(func(w http.ResponseWriter, r *http.Request) {
			place := f.placeOf(r.Header.Get("X-Redmine-Api-Key"), map[string]string{mineToken: "1", otherToken: "2"})
			if place == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h(w, r, place)
		}))
	}
	handle("GET /users/current.json", func(w http.ResponseWriter, _ *http.Request, place string) {
		reply(w, 200, object{"user": object{"id": 5, "login": "jo" + place}})
	})
	handle("GET /projects/{file}", func(w http.ResponseWriter, r *http.Request, place string) {
		id := map[string]int{"mine.json": 1, "other.json": 2}[r.PathValue("file")]
		switch {
		case id == 0:
			w.WriteHeader(http.StatusNotFound)
		case strconv.Itoa(id) != place:
			w.WriteHeader(http.StatusForbidden)
		default:
			reply(w, 200, object{"project": object{"id": id, "status": 1}})
		}
	})
	handle("GET /issues.json", f.list)
	handle("POST /issues.json", f.create)
	handle("GET /issues/{file}", func(w http.ResponseWriter, r *http.Request, place string) {
		if i := f.issue(w, r, place); i != nil {
			reply(w, 200, object{"issue": f.show(i)})
		}
	})
	handle("PUT /issues/{file}", f.change)
	return mux
}

func (f *redmine) list(w http.ResponseWriter, r *http.Request, place string) {
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	assert.Equal(f.t, "*", q.Get("status_id"), "closed issues count too")
	if q.Has("issue_id") {
		f.listByID(w, q, place)
		return
	}
	if q.Get("project_id") != place {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	out := []any{}
	for _, i := range f.items {
		want := q.Get("cf_7")
		if !i.deleted && i.place == place && (!f.filters || want == "" || want == i.marker) && len(out) < limit {
			out = append(out, f.show(i))
		}
	}
	reply(w, 200, object{"issues": out, "total_count": len(out)})
}

// listByID lists what the account sees of some issues, at most 100.
func (f *redmine) listByID(w http.ResponseWriter, q url.Values, place string) {
	limit := 25
	if given, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(given, 100)
	}
	ids := strings.Split(q.Get("issue_id"), ",")
	out := []any{}
	for _, i := range f.items {
		if !i.deleted && i.place == place && slices.Contains(ids, strconv.Itoa(i.n)) && len(out) < limit {
			out = append(out, f.show(i))
		}
	}
	reply(w, 200, object{"issues": out, "total_count": len(out)})
}

type redmineInput struct {
	Issue struct {
		ProjectID   int    `json:"project_id"`
		TrackerID   int    `json:"tracker_id"`
		StatusID    int    `json:"status_id"`
		Subject     string `json:"subject"`
		Description string `json:"description"`
		Notes       string `json:"notes"`
		Fields      []struct {
			ID    int    `json:"id"`
			Value string `json:"value"`
		} `json:"custom_fields"`
	} `json:"issue"`
}

func (f *redmine) create(w http.ResponseWriter, r *http.Request, place string) {
	var in redmineInput
	if !f.read(w, r, &in) {
		return
	}
	if strconv.Itoa(in.Issue.ProjectID) != place {
		reply(w, 422, object{"errors": []string{"Project cannot be blank"}})
		return
	}
	if n := utf8.RuneCountInString(in.Issue.Subject); n == 0 || n > 255 {
		reply(w, 422, object{"errors": []string{"Subject is too long (maximum is 255 characters)"}})
		return
	}
	made := item{place: place, title: in.Issue.Subject, text: in.Issue.Description}
	for _, field := range in.Issue.Fields {
		if field.ID == 7 {
			made.marker = field.Value
		}
	}
	reply(w, 201, object{"issue": f.show(f.add(made))})
}

func (f *redmine) show(i *item) object {
	status := object{"id": 1, "name": "New", "is_closed": false}
	if i.closed {
		status = object{"id": 5, "name": "Closed", "is_closed": true}
	}
	return object{"id": i.n, "subject": i.title, "description": i.text, "status": status, "tracker": object{"id": 2},
		"custom_fields": []any{object{"id": 8, "name": "Productboard link", "value": nil}, object{"id": 7, "name": "Productboard ID", "value": i.marker}}}
}

func (f *redmine) issue(w http.ResponseWriter, r *http.Request, place string) *item {
	n, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".json"))
	if err != nil || n < 1 || n > len(f.items) || f.items[n-1].deleted {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if f.items[n-1].place != place {
		w.WriteHeader(http.StatusForbidden)
		return nil
	}
	return f.items[n-1]
}

func (f *redmine) change(w http.ResponseWriter, r *http.Request, place string) {
	i := f.issue(w, r, place)
	var in redmineInput
	if i == nil || !f.read(w, r, &in) {
		return
	}
	if in.Issue.Notes != "" {
		i.comments = append(i.comments, in.Issue.Notes)
	}
	if in.Issue.Subject != "" {
		i.title, i.text = in.Issue.Subject, in.Issue.Description
	}
	i.closed = i.closed || in.Issue.StatusID == 5
	w.WriteHeader(http.StatusNoContent)
}
