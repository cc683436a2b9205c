package gitlabfake

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// levelPlanner is the lowest access level that may make labels and sees
// confidential issues; a guest has less.
const (
	levelGuest   = 10
	levelPlanner = 15
)

type handler func(w http.ResponseWriter, r *http.Request, u *user)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h handler) {
		if !strings.Contains(pattern, "/api/") {
			pattern = strings.Replace(pattern, " ", " /api/v4", 1)
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.hits = append(s.hits, r.Method+" "+strings.TrimPrefix(r.URL.EscapedPath(), "/api/v4"))
			w.Header().Set("X-Request-Id", fmt.Sprintf("01REQ%d", len(s.hits)))
			if u := s.authenticate(w, r); u != nil {
				h(w, r, u)
			}
		})
	}
	of := func(h func(http.ResponseWriter, *http.Request, *user, *project)) handler {
		return func(w http.ResponseWriter, r *http.Request, u *user) {
			p := s.project(r.PathValue("id"))
			if p == nil || !p.public && p.levels[u.id] == 0 {
				say(w, 404, "Project Not Found")
				return
			}
			h(w, r, u, p)
		}
	}
	handle("GET /user", func(w http.ResponseWriter, _ *http.Request, u *user) { send(w, 200, s.show(u, u)) })
	handle("GET /personal_access_tokens/self", s.getToken)
	handle("GET /users", s.getUsers)
	handle("GET /projects", s.getProjects)
	handle("GET /projects/{id}", of(func(w http.ResponseWriter, _ *http.Request, u *user, p *project) { send(w, 200, p.show(u)) }))
	handle("GET /projects/{id}/milestones", of(s.getMilestones))
	handle("GET /projects/{id}/members/all", of(s.getMembers))
	handle("GET /projects/{id}/members/all/{user}", of(s.getMember))
	handle("GET /groups/{group}/epics/{epic}", s.getEpic)
	handle("GET /projects/{id}/issues", of(s.listIssues))
	handle("POST /projects/{id}/issues", of(s.postIssue))
	handle("GET /projects/{id}/issues/{iid}", of(s.getIssue))
	handle("PUT /projects/{id}/issues/{iid}", of(s.putIssue))
	handle("POST /projects/{id}/issues/{iid}/notes", of(s.postNote))
	handle("GET /projects/{id}/hooks", of(s.maintained(s.listHooks)))
	handle("POST /projects/{id}/hooks", of(s.maintained(s.postHook)))
	handle("PUT /projects/{id}/hooks/{hook}", of(s.maintained(s.putHook)))
	handle("DELETE /projects/{id}/hooks/{hook}", of(s.maintained(s.deleteHook)))
	handle("POST /api/graphql", s.postGraphQL)
	handle("/api/v4/", func(w http.ResponseWriter, _ *http.Request, _ *user) {
		send(w, 404, map[string]any{"error": "404 Not Found"})
	})
	return mux
}

// authenticate finds the account of a request. GitLab refuses a wrong token
// even where a stranger would be let in, and writes with too small a scope.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) *user {
	token, oauth := r.Header.Get("Private-Token"), false
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token, oauth = bearer, true
	}
	u := s.users[token]
	switch {
	case u == nil && oauth, slices.Contains(s.revoked, token):
		send(w, 401, map[string]any{"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."})
	case u == nil || u.oauth != oauth: // an OAuth token is none to PRIVATE-TOKEN
		say(w, 401, "Unauthorized")
	case r.Method != http.MethodGet && r.URL.Path != "/api/graphql" && !slices.Contains(u.scopes, "api"):
		send(w, 403, map[string]any{"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api"})
	default:
		return u
	}
	return nil
}

func (s *Server) getToken(w http.ResponseWriter, _ *http.Request, u *user) {
	if u.oauth {
		say(w, 404, "Not Found")
		return
	}
	send(w, 200, map[string]any{"id": 100 + u.id, "name": "push", "active": true, "revoked": false, "user_id": u.id, "scopes": u.scopes, "expires_at": u.expires})
}

// show is an account as another one sees it: the private address is its own.
func (s *Server) show(u, to *user) map[string]any {
	out := map[string]any{"id": u.id, "username": u.name, "name": strings.ToUpper(u.name[:1]) + u.name[1:], "state": u.state,
		"locked": false, "avatar_url": nil, "web_url": s.URL + "/" + u.name, "public_email": u.publicEmail}
	if u.publicEmail == "" {
		out["public_email"] = nil
	}
	if u == to {
		out["email"] = u.privateEmail + u.publicEmail
	}
	return out
}

func (s *Server) getUsers(w http.ResponseWriter, r *http.Request, me *user) {
	s.known(r, "search", "per_page")
	send(w, 200, s.search(r.URL.Query().Get("search"), me, func(*user) bool { return true }))
}

// search finds accounts by name, or by an address: the whole of a private one.
func (s *Server) search(text string, me *user, also func(*user) bool) []map[string]any {
	out := []map[string]any{}
	for _, u := range s.users {
		hit := strings.Contains(u.name, text) || strings.EqualFold(u.publicEmail, text) || strings.EqualFold(u.privateEmail, text)
		if hit && text != "" && also(u) {
			out = append(out, s.show(u, me))
		}
	}
	return out
}

func (s *Server) getMembers(w http.ResponseWriter, r *http.Request, me *user, p *project) {
	s.known(r, "query", "per_page")
	send(w, 200, s.search(r.URL.Query().Get("query"), me, func(u *user) bool { return p.levels[u.id] > 0 && !p.invited[u.id] }))
}

func (s *Server) getMember(w http.ResponseWriter, r *http.Request, me *user, p *project) {
	for _, u := range s.users {
		if strconv.Itoa(u.id) == r.PathValue("user") && p.levels[u.id] > 0 {
			shown := s.show(u, me)
			shown["access_level"] = p.levels[u.id]
			send(w, 200, shown)
			return
		}
	}
	say(w, 404, "Not found")
}

func (s *Server) getProjects(w http.ResponseWriter, r *http.Request, u *user) {
	s.known(r, "membership", "archived", "with_issues_enabled", "min_access_level", "order_by", "simple", "per_page")
	least, _ := strconv.Atoi(r.URL.Query().Get("min_access_level"))
	out := []map[string]any{}
	for _, p := range s.projects {
		if p.levels[u.id] >= max(least, 1) && !p.archived && p.issues != "disabled" {
			out = append(out, map[string]any{"id": p.id, "path_with_namespace": p.path, "name_with_namespace": strings.ReplaceAll(p.path, "/", " / ")})
		}
	}
	send(w, 200, out)
}

func (p *project) show(u *user) map[string]any {
	kind := "user"
	if p.group > 0 {
		kind = "group"
	}
	var access any
	if level := p.levels[u.id]; level > 0 && !p.invited[u.id] {
		access = map[string]any{"access_level": level, "notification_level": 3}
	}
	visibility := "private"
	if p.public {
		visibility = "public"
	}
	return map[string]any{"id": p.id, "visibility": visibility, "path_with_namespace": p.path, "name_with_namespace": strings.ReplaceAll(p.path, "/", " / "), "archived": p.archived,
		"issues_access_level": p.issues, "namespace": map[string]any{"id": max(p.group, 1), "kind": kind},
		"permissions": map[string]any{"project_access": access, "group_access": nil}}
}

func (s *Server) getMilestones(w http.ResponseWriter, r *http.Request, _ *user, p *project) {
	s.known(r, "state", "include_ancestors", "per_page")
	out := []map[string]any{}
	send(w, 200, append(out, p.milestones...))
}

func (s *Server) getEpic(w http.ResponseWriter, r *http.Request, u *user) {
	iid, _ := strconv.Atoi(r.PathValue("epic"))
	for _, p := range s.projects {
		if id := p.epics[iid]; s.premium && id > 0 && strconv.Itoa(p.group) == r.PathValue("group") && p.levels[u.id] > 0 {
			send(w, 200, map[string]any{"id": id, "iid": iid, "title": "An epic"})
			return
		}
	}
	say(w, 404, "Not found")
}

// known fails the test on a query parameter that GitLab would ignore.
func (s *Server) known(r *http.Request, names ...string) {
	for key := range r.URL.Query() {
		if !slices.Contains(names, key) {
			s.t.Errorf("%s %s: GitLab ignores the parameter %q", r.Method, r.URL.Path, key)
		}
	}
}

func (s *Server) listIssues(w http.ResponseWriter, r *http.Request, u *user, p *project) {
	s.known(r, "labels", "search", "in", "iids[]", "scope", "state", "per_page")
	q := r.URL.Query()
	if q.Get("scope") != "all" {
		s.t.Error("GitLab may list only what the account itself created")
	}
	most, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || most > 100 {
		s.t.Errorf("per_page=%q is not what GitLab takes", q.Get("per_page"))
	}
	out := []map[string]any{}
	for _, i := range s.issues {
		if i.Project != p.id || !p.shows(i, u) {
			continue
		}
		if i.hidden > 0 {
			i.hidden--
			continue
		}
		if i.matches(q) {
			out = append(out, s.showIssue(i))
		}
	}
	slices.Reverse(out) // newest first, as GitLab does
	send(w, 200, out[:min(len(out), most)])
}

func (i *Issue) matches(q url.Values) bool {
	if state := q.Get("state"); state != "" && state != "all" && state != i.State {
		return false
	}
	if iids := q["iids[]"]; iids != nil && !slices.Contains(iids, strconv.Itoa(i.IID)) {
		return false
	}
	if q.Get("labels") != "" {
		for l := range strings.SplitSeq(q.Get("labels"), ",") {
			if !slices.Contains(i.Labels, l) {
				return false
			}
		}
	}
	if text := strings.ToLower(q.Get("search")); text != "" {
		return strings.Contains(strings.ToLower(searchable(i.Description)), text)
	}
	return true
}

// searchable is a text as PostgreSQL's text search has it: tags and comments
// are no words.
func searchable(text string) string {
	for {
		from := strings.Index(text, "<!--")
		to := strings.Index(text, "-->")
		if from < 0 || to < from {
			return text
		}
		text = text[:from] + text[to+len("-->"):]
	}
}

// shows reports whether an account sees an issue of the project: none where
// issues are switched off, and a confidential one only as its author, an
// assignee or a member above guest.
func (p *project) shows(i *Issue, u *user) bool {
	if p.issues == "disabled" || p.levels[u.id] == 0 && !p.public {
		return false
	}
	return !i.Confidential || i.Author == u.id || p.levels[u.id] >= levelPlanner || slices.Contains(i.Assignees, u.id)
}

// issue finds the one that the path names, whoever asks.
func (s *Server) issue(w http.ResponseWriter, r *http.Request, p *project) *Issue {
	iid, err := strconv.Atoi(r.PathValue("iid"))
	if err != nil {
		send(w, 400, map[string]any{"error": "issue_iid is invalid"})
		return nil
	}
	i := s.find(p.id, iid)
	if i == nil {
		say(w, 404, "Not found")
	}
	return i
}

func (s *Server) getIssue(w http.ResponseWriter, r *http.Request, u *user, p *project) {
	i := s.issue(w, r, p)
	switch {
	case i == nil:
	case !p.shows(i, u):
		say(w, 404, "Not found")
	default:
		send(w, 200, s.showIssue(i))
	}
}

// postGraphQL answers the one question that the REST API leaves to
// administrators: where an issue is that is known by its id over all projects.
// An account that may not see it is told that there is none.
func (s *Server) postGraphQL(w http.ResponseWriter, r *http.Request, u *user) {
	var in struct {
		Query     string            `json:"query"`
		Variables map[string]string `json:"variables"`
	}
	if _, ok := s.body(w, r, &in); !ok {
		return
	}
	if strings.Join(strings.Fields(in.Query), " ") != "query MovedIssue($id: IssueID!) { issue(id: $id) { iid projectId } }" {
		s.t.Errorf("GitLab was not asked this before: %s", in.Query)
	}
	var found any
	for _, i := range s.issues {
		p := s.project(strconv.Itoa(i.Project))
		if in.Variables["id"] == "gid://gitlab/Issue/"+strconv.Itoa(i.id()) && p.shows(i, u) {
			found = map[string]any{"iid": strconv.Itoa(i.IID), "projectId": i.Project}
		}
	}
	send(w, 200, map[string]any{"data": map[string]any{"issue": found}})
}

// id is the issue's number over all projects.
func (i *Issue) id() int { return 9000 + i.Project*100 + i.IID }

func (s *Server) showIssue(i *Issue) map[string]any {
	p := s.project(strconv.Itoa(i.Project))
	number := strconv.Itoa(i.IID)
	out := map[string]any{"id": i.id(), "iid": i.IID, "project_id": i.Project, "title": i.Title, "description": i.Description,
		"state": i.State, "labels": i.Labels, "issue_type": i.Type, "type": strings.ToUpper(i.Type), "confidential": i.Confidential, "due_date": nil,
		"web_url": s.URL + "/" + p.path + "/-/issues/" + number, "moved_to_id": nil, "milestone": nil,
		"references": map[string]any{"short": "#" + number, "relative": "#" + number, "full": p.path + "#" + number}}
	if i.MovedTo > 0 {
		out["moved_to_id"] = i.MovedTo
	}
	if i.Due != "" {
		out["due_date"] = i.Due
	}
	if s.premium {
		out["weight"] = i.Weight
	}
	return out
}
