package httpfake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

const (
	notionMine  = "2f26ee68-df30-4251-aad4-8ddc420cba3d"
	notionOther = "2f26ee68-df30-4251-aad4-000000000002"
)

// Notion is the harness of the description notion. A piece of text has at
// most 2,000 characters and a page 100 children; 529 is a rate limit.
func Notion(kind targets.Kind) targettest.Harness {
	account := func(token, source string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return object{"preset": "notion", "vars": object{"url": url, "dataSourceId": source}}
			},
		}
	}
	return targettest.Harness{
		Kind: kind, Kinds: map[int]fault.Kind{529: fault.RateLimited},
		Creates: func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/v1/pages" },
		Start: func(t *testing.T) targettest.Server {
			f := &notion{books{t: t}}
			srv := httptest.NewServer(f.routes())
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, notionMine), Other: account(otherToken, notionOther),
				WrongProject: account(mineToken, "2f26ee68-df30-4251-aad4-999999999999").Settings, Issues: f.stored(notionMine),
				Fates: f.fates(func(i *item) string { return notionID(i.n) }, map[string]string{"Delete": "a deleted page is told like one that is not shared"})}
		},
	}
}

type notion struct{ books }

// notionText is a rich text as it is sent.
type notionText []struct {
	Type string `json:"type"`
	Text struct {
		Content string `json:"content"`
	} `json:"text"`
}

func (t notionText) plain(f *notion) (out string) {
	for _, piece := range t {
		assert.Equal(f.t, "text", piece.Type)
		assert.LessOrEqual(f.t, utf8.RuneCountInString(piece.Text.Content), 2000)
		out += piece.Text.Content
	}
	return out
}

func (f *notion) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, source string)) {
		mux.HandleFunc(pattern, f.locked(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(f.t, "2025-09-03", r.Header.Get("Notion-Version"))
			source := f.placeOf(r.Header.Get("Authorization"), map[string]string{"Bearer " + mineToken: notionMine, "Bearer " + otherToken: notionOther})
			if source == "" {
				problem(w, 401, "unauthorized", "API token is invalid.")
				return
			}
			if id := r.PathValue("source"); id != "" && id != source {
				problem(w, 404, "object_not_found", "Could not find data source with ID: "+id)
				return
			}
			h(w, r, source)
		}))
	}
	handle("GET /v1/users/me", func(w http.ResponseWriter, _ *http.Request, _ string) {
		reply(w, 200, object{"object": "user", "id": notionID(7)})
	})
	handle("GET /v1/data_sources/{source}", func(w http.ResponseWriter, _ *http.Request, source string) {
		reply(w, 200, object{"id": source, "properties": object{"Productboard ID": object{"type": "rich_text", "rich_text": object{}}, "Name": object{"type": "title"}}})
	})
	handle("POST /v1/data_sources/{source}/query", f.query)
	handle("POST /v1/pages", f.create)
	handle("GET /v1/pages/{id}", func(w http.ResponseWriter, r *http.Request, source string) {
		if i := f.page(w, r.PathValue("id"), source); i != nil {
			reply(w, 200, f.show(i))
		}
	})
	handle("PATCH /v1/pages/{id}", func(w http.ResponseWriter, r *http.Request, source string) {
		i := f.page(w, r.PathValue("id"), source)
		var in struct {
			Properties map[string]struct {
				Status struct{ Name string }
			}
		}
		if i != nil && f.read(w, r, &in) {
			i.closed = i.closed || in.Properties["Status"].Status.Name == "Done"
			reply(w, 200, f.show(i))
		}
	})
	handle("POST /v1/comments", func(w http.ResponseWriter, r *http.Request, source string) {
		var in struct {
			Parent struct {
				PageID string `json:"page_id"`
			}
			RichText notionText `json:"rich_text"`
		}
		if !f.read(w, r, &in) {
			return
		}
		if i := f.page(w, in.Parent.PageID, source); i != nil {
			i.comments = append(i.comments, in.RichText.plain(f))
			reply(w, 200, object{"object": "comment"})
		}
	})
	return mux
}

func problem(w http.ResponseWriter, status int, code, said string) {
	reply(w, status, object{"object": "error", "status": status, "code": code, "message": said})
}

func notionID(n int) string { return fmt.Sprintf("2f26ee68-df30-4251-aad4-%012x", 1000+n) }

func (f *notion) create(w http.ResponseWriter, r *http.Request, source string) {
	var in struct {
		Parent struct {
			Type   string `json:"type"`
			Source string `json:"data_source_id"`
		}
		Properties map[string]struct {
			Title    notionText `json:"title"`
			RichText notionText `json:"rich_text"`
		}
		Children []struct {
			Object, Type string
			Paragraph    struct {
				RichText notionText `json:"rich_text"`
			}
		}
	}
	if !f.read(w, r, &in) {
		return
	}
	if in.Parent.Source != source {
		problem(w, 404, "object_not_found", "Could not find data source with ID: "+in.Parent.Source)
		return
	}
	if len(in.Children) > 100 {
		problem(w, 400, "validation_error", "body.children.length should be ≤ `100`")
		return
	}
	made := item{place: source, title: in.Properties["Name"].Title.plain(f), marker: in.Properties["Productboard ID"].RichText.plain(f)}
	for _, c := range in.Children {
		assert.Equal(f.t, "paragraph", c.Type)
		made.text += c.Paragraph.RichText.plain(f)
	}
	reply(w, 200, f.show(f.add(made)))
}

func (f *notion) query(w http.ResponseWriter, r *http.Request, source string) {
	var in struct {
		Filter struct {
			Property string
			RichText struct{ Equals string } `json:"rich_text"`
		}
		Sorts    []struct{ Timestamp, Direction string }
		PageSize int `json:"page_size"`
	}
	if !f.read(w, r, &in) {
		return
	}
	out := []any{}
	for _, i := range f.items {
		if i.place == source && !i.trashed && in.Filter.Property == "Productboard ID" && i.marker == in.Filter.RichText.Equals {
			out = append(out, f.show(i))
		}
	}
	reply(w, 200, object{"object": "list", "results": out, "has_more": false, "next_cursor": nil})
}

func (f *notion) show(i *item) object {
	status := "Not started"
	if i.closed {
		status = "Done"
	}
	rich := func(s string) []any { return []any{object{"type": "text", "plain_text": s}} }
	return object{"object": "page", "id": notionID(i.n), "url": "https://www.notion.so/" + notionID(i.n), "in_trash": i.trashed, "archived": i.trashed,
		"created_time": fmt.Sprintf("2026-01-01T00:%02d:00.000Z", i.n),
		"properties": object{"Name": object{"type": "title", "title": rich(i.title)}, "Productboard ID": object{"type": "rich_text", "rich_text": rich(i.marker)},
			"Status": object{"type": "status", "status": object{"name": status}}}}
}

func (f *notion) page(w http.ResponseWriter, id, source string) *item {
	for _, i := range f.items {
		if notionID(i.n) == id && i.place == source {
			return i
		}
	}
	problem(w, 404, "object_not_found", "Could not find page with ID: "+id)
	return nil
}
