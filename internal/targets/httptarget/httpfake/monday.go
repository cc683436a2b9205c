package httpfake

import (
	"cmp"
	"encoding/json"
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

// Monday is the harness of the description monday: refusals have the status
// 200. That the queries are the schema's is for internal/proof/conformance.
func Monday(kind targets.Kind) targettest.Harness {
	account := func(token, board string) targettest.Account {
		return targettest.Account{
			Credentials: map[string]secret.String{"token": secret.New(token)},
			Settings: func(url string) map[string]any {
				return object{"preset": "monday", "vars": object{"url": url + "/v2", "boardId": board, "markerColumn": "text_mk", "textColumn": "long_mk"}}
			},
		}
	}
	return targettest.Harness{
		Kind: kind,
		Creates: func(r *http.Request) bool {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			return err == nil && strings.Contains(string(body), "create_item(")
		},
		Start: func(t *testing.T) targettest.Server {
			f := &monday{books{t: t}}
			srv := httptest.NewServer(f.locked(f.serve))
			t.Cleanup(srv.Close)
			return targettest.Server{URL: srv.URL, Mine: account(mineToken, "101"), Other: account(otherToken, "102"),
				WrongProject: account(mineToken, "999").Settings, Issues: f.stored("101"),
				Fates: f.fates(func(i *item) string { return strconv.Itoa(i.n) }, map[string]string{"Delete": "a purged item is left out like a hidden one"})}
		},
	}
}

type monday struct{ books }

// mondayVariables are those of every operation of the description.
type mondayVariables struct {
	Board   any            `json:"board"` // an id, or a list of them
	Group   string         `json:"group"`
	Name    string         `json:"name"`
	Values  string         `json:"values"`
	Columns []string       `json:"columns"`
	IDs     []string       `json:"ids"`
	Item    string         `json:"item"`
	Text    string         `json:"text"`
	By      []mondayColumn `json:"by"`
	Limit   int            `json:"limit"`
}

type mondayColumn struct {
	Column string   `json:"column_id"`
	Values []string `json:"column_values"`
}

func (f *monday) serve(w http.ResponseWriter, r *http.Request) {
	place := f.placeOf(r.Header.Get("Authorization"), map[string]string{mineToken: "101", otherToken: "102"})
	if place == "" {
		reply(w, 401, object{"errors": []string{"Not Authenticated"}})
		return
	}
	var in struct {
		Query     string
		Variables mondayVariables
	}
	if !f.read(w, r, &in) {
		return
	}
	v := in.Variables
	for _, op := range []struct {
		name string
		run  func() (any, string)
	}{
		{"create_item", func() (any, string) { return f.create(v, place) }},
		{"items_page_by_column_values", func() (any, string) { return f.page(v, place) }},
		{"change_multiple_column_values", func() (any, string) { return f.change(v, place) }},
		{"create_update", func() (any, string) {
			i := f.find(v.Item, place)
			if i == nil {
				return nil, "ResourceNotFoundException"
			}
			i.comments = append(i.comments, v.Text)
			return object{"id": "1"}, ""
		}},
		{"archive_item", func() (any, string) {
			i := f.find(v.Item, place)
			if i == nil {
				return nil, "ResourceNotFoundException"
			}
			i.closed = true
			return object{"id": v.Item}, ""
		}},
		{"items", func() (any, string) {
			limit := cmp.Or(v.Limit, 25)
			if limit > 100 {
				return nil, "InvalidArgumentException"
			}
			out := []any{}
			for _, id := range v.IDs {
				if i := f.find(id, place); i != nil && len(out) < limit {
					out = append(out, f.show(i, v.Columns))
				}
			}
			return out, ""
		}},
		{"boards", func() (any, string) {
			if board, _ := v.Board.([]any); len(board) != 1 || board[0] != place || !slices.Equal(v.Columns, []string{"text_mk"}) {
				return []any{}, ""
			}
			return []any{object{"id": place, "columns": []any{object{"id": "text_mk", "type": "text"}}}}, ""
		}},
		{"me", func() (any, string) { return object{"id": "7"}, "" }},
	} {
		if !strings.Contains(in.Query, " "+op.name+"(") && !strings.Contains(in.Query, " "+op.name+" {") {
			continue
		}
		data, code := op.run()
		if code != "" {
			reply(w, 200, object{"data": nil, "errors": []any{object{"message": "This was refused: " + code, "extensions": object{"code": code, "status_code": 200}}}})
			return
		}
		reply(w, 200, object{"data": object{op.name: data}})
		return
	}
	assert.Fail(f.t, "not an operation of the description", in.Query)
	w.WriteHeader(400)
}

func (f *monday) find(id, place string) *item {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 || n > len(f.items) || f.items[n-1].place != place {
		return nil
	}
	return f.items[n-1]
}

// values reads column values, which are JSON in a JSON string.
func (f *monday) values(raw string) (marker, text, name string, ok bool) {
	var in struct {
		Name   string `json:"name"`
		Marker string `json:"text_mk"`
		Long   struct {
			Text string `json:"text"`
		} `json:"long_mk"`
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.DisallowUnknownFields()
	ok = assert.NoError(f.t, dec.Decode(&in), raw) && utf8.RuneCountInString(in.Long.Text) <= 2000
	return in.Marker, in.Long.Text, in.Name, ok
}

func (f *monday) create(v mondayVariables, place string) (any, string) {
	marker, text, _, ok := f.values(v.Values)
	switch {
	case v.Board != place:
		return nil, "InvalidBoardIdException"
	case !ok || v.Name == "" || utf8.RuneCountInString(v.Name) > 255:
		return nil, "ColumnValueException"
	}
	assert.Equal(f.t, "topics", v.Group)
	return f.show(f.add(item{place: place, title: v.Name, text: text, marker: marker}), v.Columns), ""
}

func (f *monday) change(v mondayVariables, place string) (any, string) {
	i := f.find(v.Item, place)
	_, text, name, ok := f.values(v.Values)
	switch {
	case i == nil:
		return nil, "ResourceNotFoundException"
	case !ok:
		return nil, "ColumnValueException"
	}
	i.title, i.text = name, text
	return f.show(i, v.Columns), ""
}

func (f *monday) page(v mondayVariables, place string) (any, string) {
	if v.Board != place {
		return nil, "InvalidBoardIdException"
	}
	if !assert.Len(f.t, v.By, 1) || !assert.Equal(f.t, "text_mk", v.By[0].Column) {
		return nil, "InvalidColumnIdException"
	}
	out := []any{}
	for _, it := range slices.Backward(f.items) {
		if it.place == place && !it.closed && !it.trashed && slices.Contains(v.By[0].Values, it.marker) && len(out) < v.Limit {
			out = append(out, f.show(it, v.Columns))
		}
	}
	return object{"cursor": nil, "items": out}, ""
}

func (f *monday) show(i *item, columns []string) object {
	state := "active"
	if i.closed {
		state = "archived"
	}
	if i.trashed {
		state = "deleted"
	}
	values := []any{}
	for _, c := range columns {
		text := map[string]string{"text_mk": i.marker, "status": ""}[c] // no status yet
		values = append(values, object{"id": c, "text": text})
	}
	group := "To do"
	if i.closed {
		group = "Archived"
	}
	return object{"id": strconv.Itoa(i.n), "name": i.title, "state": state, "column_values": values, "group": object{"title": group},
		"url": "https://example.monday.com/boards/" + i.place + "/pulses/" + strconv.Itoa(i.n)}
}
