package shortcutfake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// What a new Server holds.
const (
	Token      = "5e0000aa-mine-0000-0000-00000000cafe" //nolint:gosec // made up
	OtherToken = "5e0000bb-other-000-0000-00000000cafe" //nolint:gosec // made up

	// The states of workflow Engineering, the default one.
	Engineering = 500000001
	Backlog     = 500000010
	Ready       = 500000011
	InProgress  = 500000012
	Completed   = 500000013
	// Design is a workflow without a state that counts as done, Web's own.
	Design  = 500000002
	Sketch  = 500000020
	EpicID  = 77
	OldEpic = 78
	Sprint  = 99
	Web     = "63000000-0000-4000-8000-000000000001"

	// Jane and Joe are members; Joe's account is disabled.
	Jane   = "jane@example.com"
	JaneID = "61000000-0000-4000-8000-000000000001"
	Joe    = "joe@example.com"

	// Component is a custom field for features and bugs, with one of its values.
	Component = "64000000-0000-4000-8000-000000000001"
	Backend   = "65000000-0000-4000-8000-000000000001"
	// Severity is for bugs alone, and Old is switched off.
	Severity = "64000000-0000-4000-8000-000000000002"

	when = "2026-01-01T00:00:00Z"
)

// Story is one story.
type Story struct {
	ID                                  int
	Workspace                           string
	Name, Description, Type, ExternalID string
	State, Epic, Iteration              int
	Group, Requester, Deadline          string
	Owners, Labels, Links               []string
	Estimate                            *int
	Fields                              []FieldValue
	Comments                            []string
	Archived                            bool
	hidden                              int
}

// FieldValue is a custom field's value.
type FieldValue struct {
	Field string `json:"field_id"`
	Value string `json:"value_id"`
}

// Server is one Shortcut. Its exported fields may be set before requests.
type Server struct {
	URL string
	// Lag is how many look-ups of each sort miss a new story.
	Lag int
	// Ended is set when Token was revoked.
	Ended bool
	// Observer is set when the tokens' members are observers, as far as webhooks go.
	Observer bool
	// Wordless has a new webhook answered without a word, as the published
	// description says it.
	Wordless bool

	t       testing.TB
	mu      sync.Mutex
	stories []*Story
	hooks   []*Hook
	hits    []string
}

// New starts a Server; it ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{t: tb}
	srv := httptest.NewServer(s.routes())
	tb.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Story returns a copy of a story, nil if there is none.
func (s *Server) Story(id int) *Story {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id < 1 || id > len(s.stories) || s.stories[id-1] == nil {
		return nil
	}
	c := *s.stories[id-1]
	return &c
}

// Stories counts the stories.
func (s *Server) Stories() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stories)
}

// Change changes a story, as somebody else would.
func (s *Server) Change(id int, change func(*Story)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.stories[id-1])
}

// Delete deletes a story.
func (s *Server) Delete(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stories[id-1] = nil
}

// Hits lists the requests so far, "METHOD /path".
func (s *Server) Hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

type handler func(w http.ResponseWriter, r *http.Request, workspace string)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h handler, query ...string) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v3"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, query, h) })
	}
	fixed := func(value any) handler {
		return func(w http.ResponseWriter, _ *http.Request, _ string) { reply(w, http.StatusOK, value) }
	}
	handle("GET /workflows", fixed(workflows()))
	handle("GET /groups", fixed(groups()), "archived")
	handle("GET /member", fixed(me()))
	handle("GET /members", fixed(members()), "disabled")
	handle("GET /custom-fields", fixed(customFields()))
	handle("GET /epics", fixed([]any{epic(EpicID, "Big one", false), epic(OldEpic, "Old one", true)}))
	handle("GET /epics/{id}", func(w http.ResponseWriter, r *http.Request, _ string) {
		switch r.PathValue("id") {
		case strconv.Itoa(EpicID):
			reply(w, http.StatusOK, wholeEpic(EpicID, "Big one", false))
		case strconv.Itoa(OldEpic):
			reply(w, http.StatusOK, wholeEpic(OldEpic, "Old one", true))
		default:
			notFound(w)
		}
	})
	handle("GET /iterations/{id}", func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.PathValue("id") != strconv.Itoa(Sprint) {
			notFound(w)
			return
		}
		reply(w, http.StatusOK, iteration())
	})
	handle("GET /external-link/stories", s.byLink, "external_link")
	handle("POST /stories/search", s.search)
	handle("POST /stories", s.create)
	handle("GET /stories/{id}", s.get)
	handle("PUT /stories/{id}", s.update)
	handle("POST /stories/{id}/comments", s.comment)
	s.hookRoutes(handle)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "Page not Found", nil) })
	return mux
}

// serve does what holds for every request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, query []string, h handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v3"))
	w.Header().Set("X-Request-Id", fmt.Sprintf("req-%d", len(s.hits)))
	workspace := map[string]string{Token: "mine", OtherToken: "other"}[r.Header.Get("Shortcut-Token")]
	if workspace == "" || workspace == "mine" && s.Ended {
		fail(w, http.StatusUnauthorized, "Unauthorized", nil)
		return
	}
	for name := range r.URL.Query() {
		if !slices.Contains(query, name) {
			s.t.Errorf("%s %s: parameter %q would be ignored", r.Method, r.URL.Path, name)
		}
	}
	h(w, r, workspace)
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, status int, message string, errors map[string]any) {
	body := map[string]any{"message": message}
	if errors != nil {
		body["errors"] = errors
	}
	reply(w, status, body)
}

func notFound(w http.ResponseWriter) { fail(w, http.StatusNotFound, "Resource not found.", nil) }

func wrong(w http.ResponseWriter, errors map[string]any) {
	fail(w, http.StatusBadRequest, "The request included invalid or missing parameters.", errors)
}

// body reads JSON strictly: Shortcut refuses what it does not know.
func body(w http.ResponseWriter, r *http.Request, out any) bool {
	raw, _ := io.ReadAll(r.Body)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil || r.Header.Get("Content-Type") != "application/json" {
		if _, field, ok := strings.Cut(fmt.Sprint(err), "unknown field "); ok {
			wrong(w, map[string]any{strings.Trim(field, `"`): "disallowed-key"})
			return false
		}
		fail(w, http.StatusBadRequest, "Malformed JSON in request body.", nil)
		return false
	}
	return true
}

// input lists the fields that a story can be given. State and its like are pointers: absent
// and 0 are not the same.
type input struct {
	Name        *string                  `json:"name"`
	Description *string                  `json:"description"`
	Type        *string                  `json:"story_type"`
	State       *int                     `json:"workflow_state_id"`
	Epic        *int                     `json:"epic_id"`
	Iteration   *int                     `json:"iteration_id"`
	Group       *string                  `json:"group_id"`
	Requester   *string                  `json:"requested_by_id"`
	Owners      *[]string                `json:"owner_ids"`
	Labels      *[]struct{ Name string } `json:"labels"`
	Links       *[]string                `json:"external_links"`
	ExternalID  *string                  `json:"external_id"`
	Estimate    *int                     `json:"estimate"`
	Deadline    *string                  `json:"deadline"`
	Fields      *[]FieldValue            `json:"custom_fields"`
}

// apply sets what is given, and says what is wrong with it.
func (in input) apply(s *Story) map[string]any {
	bad := map[string]any{}
	text := func(name string, v *string, into *string, least, most int) {
		if v == nil {
			return
		}
		if n := utf8.RuneCountInString(*v); n < least || n > most {
			bad[name] = "value-length"
		}
		*into = *v
	}
	text("name", in.Name, &s.Name, 1, 512)
	text("description", in.Description, &s.Description, 0, 100000)
	text("external_id", in.ExternalID, &s.ExternalID, 0, 1024)
	text("deadline", in.Deadline, &s.Deadline, 20, 30)
	number := func(name string, v *int, into *int, known ...int) {
		if v == nil {
			return
		}
		if !slices.Contains(known, *v) {
			bad[name] = "unknown-id"
		}
		*into = *v
	}
	number("workflow_state_id", in.State, &s.State, Backlog, Ready, InProgress, Completed, Sketch)
	number("epic_id", in.Epic, &s.Epic, EpicID)
	number("iteration_id", in.Iteration, &s.Iteration, Sprint)
	choice := func(name string, v *string, into *string, known ...string) {
		if v == nil {
			return
		}
		if !slices.Contains(known, *v) {
			bad[name] = "unknown-id"
		}
		*into = *v
	}
	choice("story_type", in.Type, &s.Type, "feature", "bug", "chore")
	choice("group_id", in.Group, &s.Group, Web)
	choice("requested_by_id", in.Requester, &s.Requester, JaneID)
	in.lists(s, bad)
	if in.Estimate != nil {
		s.Estimate = in.Estimate
	}
	return bad
}

func (in input) lists(s *Story, bad map[string]any) {
	if in.Owners != nil {
		if s.Owners = *in.Owners; slices.ContainsFunc(s.Owners, func(o string) bool { return o != JaneID }) {
			bad["owner_ids"] = "unknown-id"
		}
	}
	if in.Links != nil {
		if s.Links = *in.Links; slices.ContainsFunc(s.Links, func(l string) bool { return !strings.HasPrefix(l, "http") || len(l) > 2048 }) {
			bad["external_links"] = "not-a-url"
		}
	}
	if in.Labels != nil {
		s.Labels = nil
		for _, l := range *in.Labels {
			if n := utf8.RuneCountInString(l.Name); n < 1 || n > 128 {
				bad["labels"] = map[string]any{"name": "value-length"}
			}
			s.Labels = append(s.Labels, l.Name)
		}
	}
	if in.Fields != nil {
		s.Fields = *in.Fields
		for _, f := range s.Fields {
			if f.Field != Component || f.Value != Backend {
				bad["custom_fields"] = map[string]any{"value_id": "unknown-id"}
			}
		}
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, workspace string) {
	var in input
	if !body(w, r, &in) {
		return
	}
	made := &Story{ID: len(s.stories) + 1, Workspace: workspace, Type: "feature", Requester: JaneID, hidden: s.Lag}
	bad := in.apply(made)
	if in.Name == nil {
		bad["name"] = "missing-required-key"
	}
	if in.State == nil {
		bad["workflow_state_id"] = "missing-required-key"
	}
	if len(bad) > 0 {
		wrong(w, bad)
		return
	}
	s.stories = append(s.stories, made)
	reply(w, http.StatusCreated, made.whole())
}

func (s *Server) find(w http.ResponseWriter, r *http.Request, workspace string) *Story {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(s.stories) || s.stories[id-1] == nil || s.stories[id-1].Workspace != workspace {
		notFound(w)
		return nil
	}
	return s.stories[id-1]
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, workspace string) {
	if found := s.find(w, r, workspace); found != nil {
		reply(w, http.StatusOK, found.whole())
	}
}

func (s *Server) update(w http.ResponseWriter, r *http.Request, workspace string) {
	found := s.find(w, r, workspace)
	var in input
	if found == nil || !body(w, r, &in) {
		return
	}
	changed := *found
	bad := in.apply(&changed)
	if in.ExternalID != nil {
		bad["external_id"] = "disallowed-key"
	}
	if len(bad) > 0 {
		wrong(w, bad)
		return
	}
	*found = changed
	reply(w, http.StatusOK, found.whole())
}

func (s *Server) comment(w http.ResponseWriter, r *http.Request, workspace string) {
	found := s.find(w, r, workspace)
	var in struct {
		Text string `json:"text"`
	}
	if found == nil || !body(w, r, &in) {
		return
	}
	found.Comments = append(found.Comments, in.Text)
	reply(w, http.StatusCreated, comment(found.ID, in.Text))
}

func (s *Server) byLink(w http.ResponseWriter, r *http.Request, workspace string) {
	link := r.URL.Query().Get("external_link")
	s.answer(w, http.StatusOK, workspace, func(story *Story) bool { return slices.Contains(story.Links, link) })
}

func (s *Server) search(w http.ResponseWriter, r *http.Request, workspace string) {
	var in struct {
		ExternalID string `json:"external_id"`
	}
	if body(w, r, &in) {
		s.answer(w, http.StatusCreated, workspace, func(story *Story) bool { return story.ExternalID == in.ExternalID })
	}
}

// answer lists the stories that match, newest first.
func (s *Server) answer(w http.ResponseWriter, status int, workspace string, match func(*Story) bool) {
	out := []any{}
	for _, story := range slices.Backward(s.stories) {
		if story == nil || story.Workspace != workspace {
			continue
		}
		if story.hidden > 0 {
			story.hidden--
			continue
		}
		if match(story) {
			out = append(out, story.slim())
		}
	}
	reply(w, status, out)
}
