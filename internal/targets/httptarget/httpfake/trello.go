package httpfake

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// Trello is the harness of the description trello. Its errors are plain text,
// and a card does not tell its list's name unless it is asked to.
func Trello(kind targets.Kind) targettest.Harness {
	account := func(token, board, list string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"key": secret.New(trelloKey), "token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return object{"preset": "trello", "vars": object{"url": url, "boardId": board, "listId": list}}
			},
		}
	}
	return targettest.Harness{
		Kind:    kind,
		Creates: func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/1/cards" },
		Start: func(t *testing.T) targettest.Server {
			f := &trello{books{t: t}}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, trelloID(1), trelloID(11)), Other: account(otherToken, trelloID(2), trelloID(12)),
				WrongProject: account(mineToken, trelloID(1), trelloID(99)).Settings, Issues: f.described,
				Fates: f.fates(func(i *item) string { return trelloID(1000 + i.n) }, map[string]string{"Trash": "an archived card is a closed one", "Hide": "whoever sees a board sees its cards"})}
		},
	}
}

const trelloKey = "0123456789abcdef0123456789abcdef"

// described lists cards without the line that holds the marker, which is no
// part of the description that Traits.Limits is about.
func (f *trello) described(t *testing.T, marker targets.Marker) []targettest.StoredIssue {
	t.Helper()
	cards := f.stored(trelloID(1))(t, marker)
	for i, c := range cards {
		text, _, ok := strings.Cut(c.Text, "\n\n`pb-")
		assert.True(t, ok, "the marker's line")
		cards[i].Text = text
	}
	return cards
}

func trelloID(n int) string { return fmt.Sprintf("%024x", n) }

type trello struct{ books }

func (f *trello) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, board string)) {
		mux.HandleFunc(pattern, f.locked(func(w http.ResponseWriter, r *http.Request) {
			var key, token string
			_, _ = fmt.Sscanf(r.Header.Get("Authorization"), "OAuth oauth_consumer_key=%q, oauth_token=%q", &key, &token)
			board := f.placeOf(token, map[string]string{mineToken: trelloID(1), otherToken: trelloID(2)})
			switch {
			case key != trelloKey:
				text(w, 401, "invalid key")
			case board == "":
				text(w, 401, "invalid app token")
			default:
				h(w, r, board)
			}
		}))
	}
	handle("GET /1/members/me", func(w http.ResponseWriter, _ *http.Request, board string) { reply(w, 200, object{"id": "of" + board}) })
	handle("GET /1/lists/{id}", func(w http.ResponseWriter, r *http.Request, board string) {
		if f.boardOf(r.PathValue("id")) != board {
			text(w, 404, "The requested resource was not found.")
			return
		}
		reply(w, 200, object{"id": r.PathValue("id"), "idBoard": board, "closed": false})
	})
	handle("POST /1/cards", f.create)
	handle("GET /1/boards/{id}/cards/all", func(w http.ResponseWriter, r *http.Request, board string) {
		if r.PathValue("id") != board {
			text(w, 401, "unauthorized permission requested")
			return
		}
		out := []any{}
		for _, it := range slices.Backward(f.items) { // in no useful order
			if it.place == board && !it.deleted {
				out = append(out, f.show(it, false))
			}
		}
		reply(w, 200, out)
	})
	handle("GET /1/cards/{id}", func(w http.ResponseWriter, r *http.Request, board string) {
		if i := f.card(w, r, board); i != nil {
			reply(w, 200, f.show(i, r.URL.Query().Get("list") == "true"))
		}
	})
	handle("PUT /1/cards/{id}", func(w http.ResponseWriter, r *http.Request, board string) {
		i := f.card(w, r, board)
		var in struct {
			Name, Desc *string
			Closed     *bool
		}
		if i == nil || !f.read(w, r, &in) {
			return
		}
		if in.Name != nil {
			i.title = *in.Name
		}
		if in.Desc != nil {
			i.text = *in.Desc
		}
		i.closed = i.closed || in.Closed != nil && *in.Closed
		reply(w, 200, f.show(i, false))
	})
	handle("POST /1/cards/{id}/actions/comments", func(w http.ResponseWriter, r *http.Request, board string) {
		i := f.card(w, r, board)
		var in struct{ Text string }
		if i != nil && f.read(w, r, &in) {
			i.comments = append(i.comments, in.Text)
			reply(w, 200, object{"id": trelloID(7)})
		}
	})
	return mux
}

func text(w http.ResponseWriter, status int, said string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, said)
}

func (f *trello) boardOf(list string) string {
	return map[string]string{trelloID(11): trelloID(1), trelloID(12): trelloID(2)}[list]
}

func (f *trello) create(w http.ResponseWriter, r *http.Request, board string) {
	var in struct {
		IDList    string `json:"idList"`
		Pos       string `json:"pos"`
		Name      string `json:"name"`
		Desc      string `json:"desc"`
		IDLabels  []string
		URLSource string
	}
	if !f.read(w, r, &in) {
		return
	}
	switch {
	case f.boardOf(in.IDList) != board:
		text(w, 400, "invalid value for idList")
		return
	case utf8.RuneCountInString(in.Name) > 16384 || utf8.RuneCountInString(in.Desc) > 16384:
		text(w, 400, "invalid value for desc")
		return
	}
	assert.NotEmpty(f.t, in.Name)
	reply(w, 200, f.show(f.add(item{place: board, title: in.Name, text: in.Desc}), false))
}

func (f *trello) show(i *item, list bool) object {
	id := trelloID(1000 + i.n)
	out := object{"id": id, "name": i.title, "desc": i.text, "closed": i.closed, "dueComplete": false, "idBoard": i.place,
		"shortLink": "c" + strconv.Itoa(i.n), "shortUrl": "https://trello.com/c/c" + strconv.Itoa(i.n), "url": "https://trello.com/c/c" + strconv.Itoa(i.n) + "/x"}
	if list {
		name := "To do"
		if i.closed {
			name = "Archived"
		}
		out["list"] = object{"id": trelloID(11), "name": name}
	}
	return out
}

func (f *trello) card(w http.ResponseWriter, r *http.Request, board string) *item {
	for _, i := range f.items {
		if trelloID(1000+i.n) == r.PathValue("id") && !i.deleted {
			if i.place != board {
				text(w, 401, "unauthorized card permission requested")
				return nil
			}
			return i
		}
	}
	text(w, 404, "The requested resource was not found.")
	return nil
}
