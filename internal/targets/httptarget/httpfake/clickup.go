package httpfake

import (
	"encoding/json"
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

const clickupField = "03efda77-c7a0-42d3-8afd-fd546353c2f5"

// ClickUp is the harness of the description clickup.
func ClickUp(kind targets.Kind) targettest.Harness {
	account := func(token, list string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return object{"preset": "clickup", "vars": object{"url": url + "/api/v2", "listId": list, "markerField": clickupField}}
			},
		}
	}
	return targettest.Harness{
		Kind: kind,
		Creates: func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/v2/list/")
		},
		Start: func(t *testing.T) targettest.Server {
			f := &clickup{books{t: t}}
			srv := httptest.NewServer(http.StripPrefix("/api/v2", f.routes()))
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, "11"), Other: account(otherToken, "12"),
				WrongProject: account(mineToken, "99").Settings, Issues: f.stored("11"),
				Fates: f.fates(func(i *item) string { return "86abc" + strconv.Itoa(i.n) }, map[string]string{"Trash": "a task in the trash is told as a deleted one"})}
		},
	}
}

type clickup struct{ books }

func (f *clickup) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, list string)) {
		mux.HandleFunc(pattern, f.locked(func(w http.ResponseWriter, r *http.Request) {
			list := f.placeOf(r.Header.Get("Authorization"), map[string]string{mineToken: "11", otherToken: "12"})
			if list == "" {
				refuse(w, 401, "Token invalid", "OAUTH_025")
				return
			}
			if id := r.PathValue("list"); id != "" && id != list {
				refuse(w, 401, "Team(s) not authorized", "OAUTH_027")
				return
			}
			h(w, r, list)
		}))
	}
	handle("GET /user", func(w http.ResponseWriter, _ *http.Request, _ string) { reply(w, 200, object{"user": object{"id": 7}}) })
	handle("GET /list/{list}/field", func(w http.ResponseWriter, _ *http.Request, _ string) {
		reply(w, 200, object{"fields": []any{object{"id": clickupField, "name": "Productboard ID", "type": "short_text"}}})
	})
	handle("POST /list/{list}/task", f.create)
	handle("GET /list/{list}/task", f.list)
	handle("GET /task/{id}", func(w http.ResponseWriter, r *http.Request, list string) {
		if i := f.task(w, r, list); i != nil {
			reply(w, 200, f.show(i))
		}
	})
	handle("PUT /task/{id}", func(w http.ResponseWriter, r *http.Request, list string) {
		i := f.task(w, r, list)
		var in struct {
			Name     string `json:"name"`
			Markdown string `json:"markdown_content"`
			Status   string `json:"status"`
		}
		if i == nil || !f.read(w, r, &in) {
			return
		}
		if in.Name != "" {
			i.title, i.text = in.Name, in.Markdown
		}
		i.closed = i.closed || in.Status == "complete"
		reply(w, 200, f.show(i))
	})
	handle("POST /task/{id}/comment", func(w http.ResponseWriter, r *http.Request, list string) {
		i := f.task(w, r, list)
		var in struct {
			Text   string `json:"comment_text"`
			Notify bool   `json:"notify_all"`
		}
		if i != nil && f.read(w, r, &in) {
			i.comments = append(i.comments, in.Text)
			reply(w, 200, object{"id": 1})
		}
	})
	return mux
}

func refuse(w http.ResponseWriter, status int, said, code string) {
	reply(w, status, object{"err": said, "ECODE": code})
}

func (f *clickup) create(w http.ResponseWriter, r *http.Request, list string) {
	var in struct {
		Name     string                       `json:"name"`
		Markdown string                       `json:"markdown_content"`
		Tags     []string                     `json:"tags"`
		Notify   bool                         `json:"notify_all"`
		Fields   []struct{ ID, Value string } `json:"custom_fields"`
	}
	if !f.read(w, r, &in) {
		return
	}
	if !assert.Len(f.t, in.Fields, 1) || in.Fields[0].ID != clickupField {
		refuse(w, 400, "Custom field not found", "FIELD_033")
		return
	}
	reply(w, 200, f.show(f.add(item{place: list, title: in.Name, text: in.Markdown, marker: in.Fields[0].Value})))
}

func (f *clickup) list(w http.ResponseWriter, r *http.Request, list string) {
	var filter []struct {
		Field string `json:"field_id"`
		Op    string `json:"operator"`
		Value string `json:"value"`
	}
	if json.Unmarshal([]byte(r.URL.Query().Get("custom_fields")), &filter) != nil || len(filter) != 1 || filter[0].Op != "=" || filter[0].Field != clickupField {
		refuse(w, 400, "Custom field filter invalid", "FIELD_001")
		return
	}
	assert.Equal(f.t, "true", r.URL.Query().Get("include_closed"), "closed tasks count too")
	out := []any{}
	for _, it := range slices.Backward(f.items) { // the newest first
		if it.place == list && !it.deleted && it.marker == filter[0].Value {
			out = append(out, f.show(it))
		}
	}
	reply(w, 200, object{"tasks": out, "last_page": true})
}

func (f *clickup) show(i *item) object {
	status := object{"status": "to do", "type": "open"}
	if i.closed {
		status = object{"status": "complete", "type": "closed"}
	}
	id := "86abc" + strconv.Itoa(i.n)
	return object{"id": id, "name": i.title, "status": status, "url": "https://app.clickup.com/t/" + id, "date_created": strconv.Itoa(1700000000000 + i.n),
		"custom_fields": []any{object{"id": clickupField, "value": i.marker}, object{"id": "another"}}}
}

func (f *clickup) task(w http.ResponseWriter, r *http.Request, list string) *item {
	for _, i := range f.items {
		if "86abc"+strconv.Itoa(i.n) == r.PathValue("id") && !i.deleted {
			if i.place != list {
				refuse(w, 401, "Team(s) not authorized", "OAUTH_027")
				return nil
			}
			return i
		}
	}
	refuse(w, 404, "Task not found", "ITEM_013")
	return nil
}
