package httpfake

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// Plain is the harness of a description without a look-up: somebody's own
// service that takes the default body and answers with a number.
func Plain(kind targets.Kind) targettest.Harness {
	account := func(token, place string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return map[string]any{
					"name":    "Helpdesk",
					"vars":    map[string]any{"url": url, "place": place},
					"headers": map[string]any{"Authorization": `Bearer {{secret "token"}}`},
					"check":   map[string]any{"url": `{{var "url"}}/me`, "expect": "$.id"},
					"create":  map[string]any{"url": `{{var "url"}}/{{var "place"}}/pushes`},
					"issue":   map[string]any{"id": "$.number", "key": "HD-{{.ID}}", "url": `{{var "url"}}/see/{{.ID}}`, "status": "$.state", "title": "$.title"},
					"limits":  map[string]any{"title": 200.0},
					"error":   map[string]any{"message": []any{"$.error"}},
				}
			},
		}
	}
	return targettest.Harness{
		Kind:    kind,
		Creates: func(r *http.Request) bool { return r.Method == http.MethodPost },
		Start: func(t *testing.T) targettest.Server {
			f := &plain{books{t: t}}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, "mine"), Other: account(otherToken, "other"), Issues: f.stored("mine")}
		},
	}
}

type plain struct{ books }

func (f *plain) routes() http.Handler {
	mux := http.NewServeMux()
	known := func(w http.ResponseWriter, r *http.Request) bool {
		ok := r.Header.Get("Authorization") == "Bearer "+mineToken || r.Header.Get("Authorization") == "Bearer "+otherToken
		if !ok {
			reply(w, http.StatusUnauthorized, object{"error": "who are you?"})
		}
		return ok
	}
	mux.HandleFunc("GET /me", f.locked(func(w http.ResponseWriter, r *http.Request) {
		if known(w, r) {
			reply(w, 200, object{"id": 7})
		}
	}))
	mux.HandleFunc("POST /{place}/pushes", f.locked(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Type, Marker, Title, HTML, Markdown, Link, Reporter string
			Labels                                              []string
			Fields                                              map[string]any
		}
		if !known(w, r) || !f.read(w, r, &in) {
			return
		}
		i := f.add(item{place: r.PathValue("place"), title: in.Title, text: in.Markdown, marker: in.Marker})
		reply(w, 200, object{"number": i.n, "state": "new", "title": i.title, "see": strconv.Itoa(i.n)})
	}))
	return mux
}
