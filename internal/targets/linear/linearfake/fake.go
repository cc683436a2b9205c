// Package linearfake is a strict, stateful Linear for tests: the part of its
// GraphQL API that the adapter uses, written from Linear's schema and
// documentation. It reads the documents that it is sent and answers with what
// they select; it refuses what Linear refuses: an id that is no UUID of
// version 4 or is there already, things of other teams and workspaces, two
// labels of one group, variables that an input does not have. Errors stand
// under HTTP 200, and one of a later mutation takes the whole answer with it.
//
// What must not live here: the adapter's own types; the two agree by Linear's
// schema alone.
package linearfake

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/linear"
	"pushbutton/internal/targets/targettest"
)

// The credentials that the fake knows.
const (
	Mine  = "lin_api_0a00000000000000cafe"   // acme, all its teams but the private one
	Other = "lin_api_0b00000000000000cafe"   // globex
	OAuth = "lin_oauth_0c00000000000000cafe" // acme, as an OAuth access token
)

// The teams.
const (
	TeamEng    = "10000000-0000-4000-8000-000000000001" // acme: ENG, Engineering
	TeamOps    = "10000000-0000-4000-8000-000000000002" // acme: OPS, estimates are off, no status that closes
	TeamOld    = "10000000-0000-4000-8000-000000000003" // acme: OLD, retired
	TeamGlobex = "10000000-0000-4000-8000-000000000009" // globex: GLO
)

// Server is one running Linear.
type Server struct {
	// URL is its address.
	URL string

	t         testing.TB
	mu        sync.Mutex
	accounts  map[string]account
	teams     []*team
	users     []map[string]any
	issues    []*Issue
	failLinks bool
	// refuseLabels: labels are listed and refused all the same.
	refuseLabels bool
	variables    []string
	hits         []string
	webhooks     []*Webhook
	webhooksMade int
}

type account struct {
	workspace string
	oauth     bool
	only      string // the one team that a limited key sees; empty: all
	member    bool   // no admin of the workspace
}

type team struct {
	workspace, id, key, name string
	retired, hidden          bool
	estimates                string
	states, projects, labels []map[string]any
}

// Issue is an issue as the fake keeps it.
type Issue struct {
	ID, Team, Key      string
	Title, Description string
	State, Assignee    string
	Labels             []string
	Project, Parent    string
	Priority           int
	Estimate           *int
	Due                string
	Trashed            bool
	Archived           string // a time; empty: it is not
	AutoArchived       string
	Previous           []string // earlier identifiers
	Comments, Links    []string
}

// New starts a Linear with two workspaces and no issues.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{t: tb, accounts: map[string]account{Mine: {workspace: "acme"}, Other: {workspace: "globex"}, OAuth: {workspace: "acme", oauth: true}}}
	s.teams = []*team{
		{workspace: "acme", id: TeamEng, key: "ENG", name: "Engineering", estimates: "fibonacci", states: states("1", true),
			projects: []map[string]any{{"id": "30000000-0000-4000-8000-000000000001", "name": "Spring release", "slugId": "a1b2c3"}},
			labels:   []map[string]any{label("1", "wish", ""), label("2", "Mobile", ""), label("3", "Red", "9"), label("4", "Blue", "9")}},
		{workspace: "acme", id: TeamOps, key: "OPS", name: "Operations", estimates: "notUsed", states: states("2", false)},
		{workspace: "acme", id: TeamOld, key: "OLD", name: "Old", estimates: "notUsed", retired: true, states: states("3", true)},
		{workspace: "globex", id: TeamGlobex, key: "GLO", name: "Globex", estimates: "notUsed", states: states("9", true)},
	}
	s.users = []map[string]any{
		{"id": "40000000-0000-4000-8000-000000000001", "email": "jane@example.com", "active": true, "workspace": "acme"},
		{"id": "40000000-0000-4000-8000-000000000002", "email": "left@example.com", "active": false, "workspace": "acme"},
		{"id": "40000000-0000-4000-8000-000000000003", "email": "them@example.com", "active": true, "workspace": "globex"},
	}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

func states(n string, closes bool) []map[string]any {
	state := func(i, name, typ, color string, position float64) map[string]any {
		return map[string]any{"id": "20000000-0000-4000-8000-0000000000" + n + i, "name": name, "type": typ, "color": color, "position": position}
	}
	out := []map[string]any{state("1", "Backlog", "backlog", "#bec2c8", 0), state("2", "Todo", "unstarted", "#e2e2e2", 1), state("3", "In Progress", "started", "#f2c94c", 2)}
	if closes {
		out = append(out, state("4", "Done", "completed", "#5e6ad2", 3), state("6", "Duplicate", "duplicate", "#95a2b3", 5),
			state("7", "Won't do", "canceled", "#95a2b3", 6), state("5", "Canceled", "canceled", "#95a2b3", 4))
	}
	return out
}

func label(n, name, group string) map[string]any {
	var parent any
	if group != "" {
		parent = map[string]any{"id": "50000000-0000-4000-8000-00000000000" + group}
	}
	return map[string]any{"id": "50000000-0000-4000-8000-00000000000" + n, "name": name, "parent": parent}
}

// Account is a team and a credential for it; more is name, value, name, value...
func Account(key, teamName string, more ...any) targettest.Account {
	cred := "apiKey"
	if key == OAuth {
		cred = "oauthToken"
	}
	return targettest.Account{
		Credentials: map[string]secret.String{cred: secret.New(key)},
		Settings: func(url string) map[string]any {
			return targettest.With(map[string]any{"url": url, "team": teamName}, more...)
		},
	}
}

// peek reads a request's body and leaves it there.
func peek(r *http.Request) string {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return string(raw)
}

// FailLinks makes every attachment fail, as a disallowed address would.
func (s *Server) FailLinks() { s.locked(func() { s.failLinks = true }) }

// Hide takes the account out of a team, as out of a private one.
func (s *Server) Hide(id string) { s.locked(func() { s.team(id).hidden = true }) }

// Revoke makes a credential worthless.
func (s *Server) Revoke(key string) { s.locked(func() { delete(s.accounts, key) }) }

// Change changes an issue behind the adapter's back.
func (s *Server) Change(id string, do func(*Issue)) {
	s.locked(func() {
		if i := s.find(id); i != nil {
			do(i)
			return
		}
		s.t.Errorf("there is no issue %s", id)
	})
}

// Issues are all of them, oldest first.
func (s *Server) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Issue, len(s.issues))
	for i, one := range s.issues {
		out[i] = *one
	}
	return out
}

// Variables are the inputs of every create, raw and in order.
func (s *Server) Variables() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.variables)
}

// Hits lists the names of all operations.
func (s *Server) Hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

// stored lists issues of ENG. The marker is in none of them: which one carries
// it is known by its id.
func (s *Server) stored(marker targets.Marker) []targettest.StoredIssue {
	var out []targettest.StoredIssue
	for _, i := range s.Issues() {
		if i.Team == TeamEng && (marker == "" || i.ID == linear.IssueID(TeamEng, marker)) {
			out = append(out, targettest.StoredIssue{ID: i.ID, Title: i.Title, Text: i.Description})
		}
	}
	return out
}

func (s *Server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *Server) team(id string) *team {
	for _, t := range s.teams {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (s *Server) find(id string) *Issue {
	for _, i := range s.issues {
		if i.ID == id || i.Key == id || slices.Contains(i.Previous, id) {
			return i
		}
	}
	return nil
}

// fault is an error of a reply.
type fault struct {
	message, code, typ, presentable string
	path                            string
}

func input(message, presentable string) *fault {
	return &fault{message: message, code: "INPUT_ERROR", typ: "invalid input", presentable: presentable}
}

func notFound(what string) *fault {
	return input("Entity not found: "+what, "Could not find referenced "+what+".")
}

func answer(w http.ResponseWriter, status int, data any, f *fault) {
	reply := map[string]any{"data": data}
	if f != nil {
		e := map[string]any{"message": f.message, "extensions": map[string]any{"code": f.code, "type": f.typ, "userError": f.presentable != "",
			"userPresentableMessage": f.presentable}}
		if f.path != "" {
			e["path"] = []string{f.path}
		}
		reply["errors"] = []any{e}
		if data == nil && status != http.StatusOK {
			delete(reply, "data")
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(reply)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Request-Id", "req-"+strconv.Itoa(len(s.hits)))
	if r.Method != http.MethodPost || r.URL.Path != "/graphql" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	key, oauth := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, ok := s.accounts[key]
	if !ok || who.oauth != oauth { // a personal key is none to Bearer, and a token none without it
		answer(w, http.StatusUnauthorized, nil, &fault{message: "Authentication required, not authenticated", code: "AUTHENTICATION_ERROR",
			typ: "authentication error", presentable: "You need to authenticate to access this operation."})
		return
	}
	if r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("Linear takes no body of type %q", r.Header.Get("Content-Type"))
	}
	var in struct {
		Query         string                     `json:"query"`
		OperationName string                     `json:"operationName"`
		Variables     map[string]json.RawMessage `json:"variables"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, nil, &fault{message: "Invalid JSON", code: "BAD_USER_INPUT"})
		return
	}
	s.hits = append(s.hits, in.OperationName)
	op, err := parse(in.Query)
	if err == nil && op.name != in.OperationName {
		err = errInput("unknown operation named " + in.OperationName)
	}
	for v := range in.Variables {
		if err == nil && !op.vars["$"+v] {
			s.t.Errorf("Linear ignores the variable %q", v)
		}
	}
	if err != nil {
		s.t.Errorf("Linear refuses the document: %v", err)
		answer(w, http.StatusBadRequest, nil, &fault{message: err.Error(), code: "GRAPHQL_VALIDATION_FAILED", typ: "graphql error"})
		return
	}
	s.execute(w, &call{server: s, who: who, vars: in.Variables}, op)
}

// execute answers with what the document selects. Every root field here is
// non-null in Linear's schema, so that one error leaves no data at all; what a
// mutation did before it stays done.
func (s *Server) execute(w http.ResponseWriter, c *call, op operation) {
	data := map[string]any{}
	for _, f := range op.set {
		run := c.resolver(op.kind, f.name)
		if run == nil {
			s.t.Errorf("Linear has no %s %q here", op.kind, f.name)
			answer(w, http.StatusBadRequest, nil, &fault{message: "cannot query field " + f.name, code: "GRAPHQL_VALIDATION_FAILED", typ: "graphql error"})
			return
		}
		value, fail := run(f.args)
		if fail == nil {
			picked, err := pick(f.set, value)
			if err == nil {
				data[f.name] = picked
				continue
			}
			s.t.Errorf("Linear refuses the document: %s: %v", f.name, err)
			fail = &fault{message: err.Error(), code: "GRAPHQL_VALIDATION_FAILED", typ: "graphql error"}
		}
		fail.path = f.name
		answer(w, http.StatusOK, nil, fail)
		return
	}
	answer(w, http.StatusOK, data, nil)
}
