package httpfake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// RequestTracker is the harness of the description requesttracker. The fake
// does what RT 5.0.3 was seen to do: a new ticket's answer is its id alone, a
// queue that is not there is forbidden, a custom field that is not there
// matches nothing, an id is a number in one answer and a text in another.
func RequestTracker(kind targets.Kind) targettest.Harness {
	return targettest.Harness{
		Kind:    kind,
		Creates: RequestTrackerCreates,
		Start: func(t *testing.T) targettest.Server {
			f := &requestTracker{books{t: t}}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: RequestTrackerAccount(mineToken, "push"), Other: RequestTrackerAccount(otherToken, "elsewhere"),
				WrongProject: RequestTrackerAccount(mineToken, "nowhere").Settings, Issues: f.stored("push"),
				Fates: f.fates(func(i *item) string { return strconv.Itoa(i.n) }, map[string]string{})}
		},
	}
}

// RequestTrackerCreates reports whether a request creates a ticket.
func RequestTrackerCreates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/REST/2.0/ticket")
}

// RequestTrackerAccount is an account of RT, a real one too.
func RequestTrackerAccount(token, queue string) targettest.Account {
	return targettest.Account{
		Credentials: map[string]secret.String{"token": secret.New(token)},
		Settings: func(url string) map[string]any {
			return object{"preset": "requesttracker", "vars": object{"url": url, "queue": queue}}
		},
	}
}

type requestTracker struct{ books }

func (f *requestTracker) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, queue string)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /REST/2.0"+path, f.locked(func(w http.ResponseWriter, r *http.Request) {
			queue := f.placeOf(r.Header.Get("Authorization"), map[string]string{"token " + mineToken: "push", "token " + otherToken: "elsewhere"})
			if queue == "" {
				message(w, 401, "Unauthorized")
				return
			}
			h(w, r, queue)
		}))
	}
	handle("GET /rt", func(w http.ResponseWriter, _ *http.Request, _ string) { reply(w, 200, object{"Version": "5.0.3"}) })
	handle("GET /queue/{name}", func(w http.ResponseWriter, r *http.Request, queue string) {
		if r.PathValue("name") != queue {
			message(w, 403, "Forbidden")
			return
		}
		reply(w, 200, object{"id": 3, "Name": queue, "TicketCustomFields": []any{object{"id": "2", "name": "Productboard ID", "type": "customfield"}}})
	})
	handle("POST /ticket", f.create)
	handle("GET /tickets", f.search)
	handle("GET /ticket/{id}", func(w http.ResponseWriter, r *http.Request, queue string) {
		if i := f.ticket(w, r, queue, "Not Found"); i != nil {
			out := f.show(i)
			out["id"] = i.n
			reply(w, 200, out)
		}
	})
	handle("PUT /ticket/{id}", func(w http.ResponseWriter, r *http.Request, queue string) {
		i := f.ticket(w, r, queue, "Resource does not exist; use POST to create")
		var in struct{ Status string }
		if i == nil || !f.read(w, r, &in) {
			return
		}
		said := []string{}
		if !i.closed && in.Status == "resolved" {
			i.closed, said = true, []string{fmt.Sprintf("Ticket %d: Status changed from 'new' to 'resolved'", i.n)}
		}
		reply(w, 200, said)
	})
	handle("POST /ticket/{id}/comment", func(w http.ResponseWriter, r *http.Request, queue string) {
		n, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || n < 1 || n > len(f.items) || f.items[n-1].deleted || f.items[n-1].place != queue {
			message(w, 400, "Permission Denied") // not 404, and not 403
			return
		}
		i := f.items[n-1]
		var in struct{ Content, ContentType string }
		if f.read(w, r, &in) {
			assert.Equal(f.t, "text/html", in.ContentType)
			i.comments = append(i.comments, in.Content)
			reply(w, 201, []string{"Comments added"})
		}
	})
	return mux
}

func message(w http.ResponseWriter, status int, said string) {
	reply(w, status, object{"message": said})
}

func (f *requestTracker) create(w http.ResponseWriter, r *http.Request, queue string) {
	var in struct {
		Queue, Subject, Content, ContentType string
		CustomFields                         map[string]string
	}
	if !f.read(w, r, &in) {
		return
	}
	if in.Queue != queue {
		message(w, 403, "No permission to create tickets in the queue '"+in.Queue+"'")
		return
	}
	assert.LessOrEqual(f.t, utf8.RuneCountInString(in.Subject), 200, "RT cuts it without a word")
	assert.Len(f.t, in.CustomFields, 1)
	i := f.add(item{place: queue, title: in.Subject, text: in.Content, marker: in.CustomFields["Productboard ID"]})
	reply(w, 201, object{"type": "ticket", "id": strconv.Itoa(i.n), "_url": "http://rt/REST/2.0/ticket/" + strconv.Itoa(i.n)})
}

func (f *requestTracker) search(w http.ResponseWriter, r *http.Request, queue string) {
	said := regexp.MustCompile(`^CF\.\{(.*)\} = '(.*)'$`).FindStringSubmatch(r.URL.Query().Get("query"))
	if !assert.NotNil(f.t, said, "TicketSQL") {
		message(w, 400, "bad query")
		return
	}
	assert.Equal(f.t, "Subject,Status,CustomFields", r.URL.Query().Get("fields"))
	out := []any{}
	for _, i := range f.items {
		if i.place == queue && !i.trashed && !i.deleted && said[1] == "Productboard ID" && said[2] == i.marker {
			out = append(out, f.show(i))
		}
	}
	reply(w, 200, object{"items": out, "count": len(out), "total": len(out), "page": 1, "pages": 1})
}

func (f *requestTracker) show(i *item) object {
	status := "new"
	if i.closed {
		status = "resolved"
	}
	if i.trashed {
		status = "deleted"
	}
	return object{"id": strconv.Itoa(i.n), "type": "ticket", "Subject": i.title, "Status": status,
		"CustomFields": []any{object{"id": "2", "name": "Productboard ID", "values": []string{i.marker}}}}
}

func (f *requestTracker) ticket(w http.ResponseWriter, r *http.Request, queue, missing string) *item {
	n, err := strconv.Atoi(r.PathValue("id"))
	switch {
	case err != nil || n < 1 || n > len(f.items) || f.items[n-1].deleted:
		message(w, 404, missing)
		return nil
	case f.items[n-1].place != queue:
		message(w, 403, "Forbidden")
		return nil
	}
	return f.items[n-1]
}
