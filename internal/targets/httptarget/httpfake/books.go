// Package httpfake holds small strict servers that speak as the trackers of
// the ready-made descriptions do, and one of nobody's for a description
// without a look-up. They refuse what the real ones would refuse, and fail the
// test on what those would silently ignore.
//
// What must not live here: how a misbehaving network looks (targettest's
// Proxy does that).
package httpfake

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/targettest"
)

// Credentials and places of the two accounts of every fake.
const (
	mineToken  = "mine0123456789abcdef0123456789cafe"
	otherToken = "other123456789abcdef0123456789cafe"
)

// item is an issue of any tracker.
type item struct {
	n                          int
	place, title, text, marker string
	closed, deleted, trashed   bool
	comments                   []string
}

// books are what a fake keeps.
type books struct {
	t  *testing.T
	mu sync.Mutex
	// requests lists "METHOD path" of all that came in.
	requests []string
	items    []*item
	// ended and lost are what happened to Mine's credential and place.
	ended, lost bool
}

// locked runs a handler alone and notes the request.
func (b *books) locked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.requests = append(b.requests, r.Method+" "+r.URL.Path)
		h(w, r)
	}
}

func (b *books) add(i item) *item {
	i.n = len(b.items) + 1
	b.items = append(b.items, &i)
	return &i
}

// stored lists a place's issues for the suite.
func (b *books) stored(place string) func(*testing.T, targets.Marker) []targettest.StoredIssue {
	return func(_ *testing.T, marker targets.Marker) []targettest.StoredIssue {
		b.mu.Lock()
		defer b.mu.Unlock()
		var out []targettest.StoredIssue
		for _, i := range b.items {
			if !i.deleted && i.place == place && (marker == "" || i.marker == string(marker) || i.marker == "" && strings.Contains(i.text, string(marker))) {
				out = append(out, targettest.StoredIssue{ID: i.title, Title: i.title, Text: i.text})
			}
		}
		return out
	}
}

// read decodes a JSON body, strictly.
func (b *books) read(w http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	if r.Header.Get("Content-Type") != "application/json" || !json.Valid(raw) {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return assert.NoError(b.t, dec.Decode(into), "the tracker would ignore this: %s", raw)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type object = map[string]any

// fates lets things happen to Mine's items and account. id is what the API
// calls an item; never says what the tracker does not know.
func (b *books) fates(id func(*item) string, never map[string]string) targettest.Fates {
	set := func(change func(*item)) func(*testing.T, string) {
		return func(t *testing.T, wanted string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, i := range b.items {
				if id(i) == wanted {
					change(i)
					return
				}
			}
			t.Errorf("there is no item %s", wanted)
		}
	}
	account := func(change func()) func(*testing.T) {
		return func(*testing.T) {
			b.mu.Lock()
			defer b.mu.Unlock()
			change()
		}
	}
	f := targettest.Fates{
		Delete: set(func(i *item) { i.deleted = true }), Trash: set(func(i *item) { i.trashed = true }), Hide: set(func(i *item) { i.place = "hidden" }),
		EndToken: account(func() { b.ended = true }), LoseProject: account(func() { b.lost = true }), Never: never,
	}
	never["Move"], never["DisableIssues"] = "a description cannot say that an issue moved", "its places are made of issues"
	for name, fate := range map[string]*func(*testing.T, string){"Delete": &f.Delete, "Trash": &f.Trash, "Hide": &f.Hide} {
		if never[name] != "" {
			*fate = nil
		}
	}
	return f
}

// placeOf is the place that a credential opens now; "" for one that is not
// known, and "lost" for one that was put out of its place.
func (b *books) placeOf(token string, places map[string]string) string {
	place, mine := places[token], strings.Contains(token, mineToken)
	switch {
	case mine && b.ended:
		return ""
	case mine && b.lost:
		return "lost"
	default:
		return place
	}
}
