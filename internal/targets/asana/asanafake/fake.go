package asanafake

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
	"time"
)

// What a new Server holds.
const (
	Token      = "2/1201/1202:mine0000000000000000000000cafe" //nolint:gosec // made up
	OtherToken = "2/1203/1204:other000000000000000000000cafe" //nolint:gosec // made up
	OAuthToken = "oauth-mine-0000000000000000000000000cafe"   //nolint:gosec // made up
	OtherOAuth = "oauth-other-000000000000000000000000cafe"   //nolint:gosec // made up

	Workspace      = "1100000000000001"
	OtherWorkspace = "1100000000000002"
	Project        = "1200000000000001"
	OtherProject   = "1200000000000002"
	Archived       = "1200000000000003"

	// Jane is a member of Project's workspace, Joe of another.
	Jane    = "jane@example.com"
	JaneGID = "1300000000000001"
	Joe     = "joe@example.com"

	Backlog = "1400000000000001"
	Doing   = "1400000000000002"

	firstTask = 1500000000000001
	// maxNotes is in bytes.
	maxNotes = 65535
)

// Task is one task.
type Task struct {
	GID, Name, HTML, Notes       string
	Completed                    bool
	Type, Assignee, DueOn, Start string
	Parent, Project, Section     string
	Tags                         []string
	Fields                       map[string]any
	External                     string
	Created, Modified            time.Time
	Comments                     []string
	Deleted                      bool
}

// account is who a token stands for.
type account struct {
	workspace string
	projects  []string
	oauth     bool
}

// Server is one Asana. Its exported fields may be set before requests.
type Server struct {
	URL string
	// PageSize is the most that a page holds.
	PageSize int
	// StageColor is the colour of the option Wanted of field Stage.
	StageColor string
	// NoBatch forbids batches, as a token without the scope may see it, and
	// NoWebhooks web hooks.
	NoBatch, NoWebhooks bool

	t        testing.TB
	mu       sync.Mutex
	accounts map[string]account
	tasks    []*Task
	hits     []string

	webhooks                 []*Webhook
	webhooksMade, handshakes int
}

// New starts a Server; it ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	mine, other := account{workspace: Workspace, projects: []string{Project, Archived}}, account{workspace: OtherWorkspace, projects: []string{OtherProject}}
	s := &Server{t: tb, PageSize: 100, StageColor: "yellow", accounts: map[string]account{"Bearer " + Token: mine, "Bearer " + OtherToken: other}}
	mine.oauth, other.oauth = true, true
	s.accounts["Bearer "+OAuthToken], s.accounts["Bearer "+OtherOAuth] = mine, other
	srv := httptest.NewServer(s.routes())
	tb.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Task returns a copy of the nth task, from 0; nil if there is none.
func (s *Server) Task(n int) *Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(s.tasks) {
		return nil
	}
	c := *s.tasks[n]
	return &c
}

// Change changes the nth task, as somebody else would.
func (s *Server) Change(n int, change func(*Task)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.tasks[n])
}

// Tasks counts the tasks.
func (s *Server) Tasks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

// Hits lists the requests so far, "METHOD /path".
func (s *Server) Hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

type handler func(w http.ResponseWriter, r *http.Request, a account)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, query string, h handler) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/1.0"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, strings.Fields(query), h) })
	}
	handle("GET /workspaces", "limit offset opt_fields", func(w http.ResponseWriter, r *http.Request, a account) {
		s.list(w, r, []map[string]any{object("workspace", a.workspace, "Example")})
	})
	handle("GET /projects", "limit offset opt_fields workspace archived", s.listProjects)
	handle("GET /projects/{gid}", "opt_fields", s.getProject)
	handle("GET /projects/{gid}/sections", "limit offset opt_fields", s.listSections)
	handle("GET /projects/{gid}/custom_field_settings", "limit offset opt_fields", s.listFields)
	handle("GET /workspaces/{gid}/tags", "limit offset opt_fields", s.listTags)
	handle("GET /users/{user}", "opt_fields workspace", s.getUser)
	handle("GET /tasks", "limit offset opt_fields project modified_since", s.listTasks)
	handle("POST /tasks", "opt_fields", s.createTask)
	handle("GET /tasks/{gid}", "opt_fields", s.getTask)
	handle("POST /batch", "opt_fields", s.batch)
	handle("PUT /tasks/{gid}", "opt_fields", s.updateTask)
	handle("POST /tasks/{gid}/stories", "opt_fields", s.comment)
	handle("POST /tasks/{gid}/addTag", "", s.addTag)
	s.webhookRoutes(handle)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "No matching route for request")
	})
	return mux
}

// serve does what holds for every request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, query []string, h handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/1.0"))
	w.Header().Set("X-Asana-Request-Id", fmt.Sprintf("req-%d", len(s.hits)))
	a, known := s.accounts[r.Header.Get("Authorization")]
	if !known {
		fail(w, http.StatusUnauthorized, "Not Authorized")
		return
	}
	for name := range r.URL.Query() {
		if !slices.Contains(query, name) {
			s.t.Errorf("%s %s: parameter %q would be ignored", r.Method, r.URL.Path, name)
		}
	}
	h(w, r, a)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"message": message,
		"help": "For more information on API status codes and how to handle them, read the docs on errors: https://developers.asana.com/docs/errors"}}})
}

func reply(w http.ResponseWriter, status int, data any, more ...any) {
	out := map[string]any{"data": data}
	if len(more) > 0 {
		out["next_page"] = more[0]
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

func object(typ, gid, name string) map[string]any {
	return map[string]any{"gid": gid, "resource_type": typ, "name": name}
}

// list answers with one page.
func (s *Server) list(w http.ResponseWriter, r *http.Request, all []map[string]any) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		fail(w, http.StatusBadRequest, "limit: Must be between 1 and 100")
		return
	}
	limit = min(limit, s.PageSize)
	from := 0
	if o := q.Get("offset"); o != "" {
		if from, err = strconv.Atoi(strings.TrimPrefix(o, "eyJ0")); err != nil || from > len(all) {
			fail(w, http.StatusBadRequest, "offset: Your pagination token is invalid.")
			return
		}
	}
	page := []any{}
	for _, o := range all[from:min(from+limit, len(all))] {
		page = append(page, prune(o, fields(q.Get("opt_fields"), "name")))
	}
	if from+limit >= len(all) {
		reply(w, http.StatusOK, page, nil)
		return
	}
	next := "eyJ0" + strconv.Itoa(from+limit)
	reply(w, http.StatusOK, page, map[string]any{"offset": next, "path": r.URL.Path + "?offset=" + next, "uri": "https://app.asana.com" + r.URL.Path + "?offset=" + next})
}

func fields(opt, otherwise string) []string {
	if opt == "" {
		opt = otherwise
	}
	return strings.Split(opt, ",")
}

// prune keeps of an object what was asked for: gid and resource_type always,
// of a nested object nothing more unless its properties were named.
func prune(o map[string]any, paths []string) map[string]any {
	out := map[string]any{}
	for _, always := range []string{"gid", "resource_type"} {
		if v, ok := o[always]; ok {
			out[always] = v
		}
	}
	below := map[string][]string{}
	for _, p := range paths {
		head, rest, _ := strings.Cut(p, ".")
		below[head] = append(below[head], rest)
	}
	for head, rest := range below {
		v, ok := o[head]
		if !ok {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			out[head] = prune(v, rest)
		case []map[string]any:
			list := []any{}
			for _, e := range v {
				list = append(list, prune(e, rest))
			}
			out[head] = list
		default:
			out[head] = v
		}
	}
	return out
}

// body reads {"data": ...} strictly.
func (s *Server) body(w http.ResponseWriter, r *http.Request, out any) bool {
	raw, _ := io.ReadAll(r.Body)
	if r.Header.Get("Content-Type") != "application/json" {
		fail(w, http.StatusBadRequest, "Could not parse request data, invalid JSON")
		return false
	}
	var in struct {
		Data json.RawMessage `json:"data"`
	}
	if !decode(raw, &in) || !decode(in.Data, out) {
		fail(w, http.StatusBadRequest, "Could not parse request data, or it has a property that is not known")
		return false
	}
	return true
}

func decode(raw []byte, out any) bool {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	return dec.Decode(out) == nil
}
