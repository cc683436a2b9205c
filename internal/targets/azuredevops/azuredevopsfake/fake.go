package azuredevopsfake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What a new Server holds.
const (
	Organization = "fabrikam"
	Project      = "Fabrikam Fiber"
	OtherProject = "Other"
	// Moved is a project that every account sees.
	Moved      = "Elsewhere"
	PAT        = "mine0000000000000000000000000000000000000000000000000000cafe" //nolint:gosec // made up
	OtherPAT   = "other000000000000000000000000000000000000000000000000000cafe" //nolint:gosec // made up
	EntraToken = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.mine.cafe"               //nolint:gosec // made up
	// Jane and Joe are members; Joe's address stands for two of them.
	Jane = "jane@example.com"
	Joe  = "joe@example.com"
)

// Item is one work item.
type Item struct {
	ID, Rev   int
	Project   string
	Fields    map[string]any
	Relations []Relation
	// Comments are the values that System.History was given.
	Comments []string
	// Trashed is set in the recycle bin, Secret in an area that no account of the
	// fake may see.
	Trashed, Secret bool
	// hidden counts how many queries do not see it yet.
	hidden int
}

// Relation is a link of a work item.
type Relation struct {
	Rel        string         `json:"rel"`
	URL        string         `json:"url"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Server is one organization. Its exported fields may be set before requests.
type Server struct {
	URL string
	// Version is the one api-version that it knows; 7.1 if empty. Versions before
	// 7.0 have the states of a type as a preview only.
	Version string
	// BadToken is the status that a bad token gets: 401, 203 or 302.
	BadToken int
	// Require lists fields that a rule of the process requires besides.
	Require []string
	// NoTags forbids to create tags.
	NoTags bool
	// Careless makes it ignore validateOnly.
	Careless bool
	// Public makes everybody read the projects.
	Public bool
	// TextLimit is the most characters of an HTML field; 0: none.
	TextLimit int
	// Lag is how many queries miss a new item.
	Lag int
	// NoHooks takes the permissions for service hooks, and NoHookScope the token's
	// scope. StayDisabled lets no subscription be enabled again.
	NoHooks, NoHookScope, StayDisabled bool
	// Header is sent with every answer.
	Header http.Header

	t        testing.TB
	mu       sync.Mutex
	accounts map[string]string // authorization -> project
	tags     map[string]bool
	items    []*Item
	hits     []string

	subscriptions []*Subscription
	subscribed    int
}

// New starts a Server; it ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{t: tb, BadToken: http.StatusUnauthorized, tags: map[string]bool{}, accounts: map[string]string{
		"Basic " + base64.StdEncoding.EncodeToString([]byte(":"+PAT)): Project,
		"Bearer " + EntraToken: Project,
		"Basic " + base64.StdEncoding.EncodeToString([]byte(":"+OtherPAT)): OtherProject,
	}}
	srv := httptest.NewServer(s.routes())
	tb.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Item returns a copy of an item, nil if there is none.
func (s *Server) Item(id int) *Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id < 1 || id > len(s.items) || s.items[id-1].Trashed {
		return nil
	}
	c := *s.items[id-1]
	return &c
}

// Items counts the items.
func (s *Server) Items() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

// Set changes a field of an item, as somebody else would.
func (s *Server) Set(id int, field string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[id-1].Fields[field] = value
	s.items[id-1].Rev++
}

// Delete moves an item to the recycle bin.
func (s *Server) Delete(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[id-1].Trashed = true
}

// Change changes an item, as somebody else would.
func (s *Server) Change(id int, change func(*Item)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.items[id-1])
}

// Hits lists the requests so far, "METHOD /path".
func (s *Server) Hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

type handler func(w http.ResponseWriter, r *http.Request, project string)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, query []string, h handler) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, query, h) })
	}
	const wit = "/" + Organization + "/{project}/_apis/wit/"
	handle("GET "+wit+"workitemtypes", nil, s.listTypes)
	handle("GET "+wit+"workitemtypes/{type}", nil, s.getType)
	handle("GET "+wit+"workitemtypes/{type}/states", nil, s.listStates)
	handle("GET "+wit+"workitemtypes/{type}/fields", []string{"$expand"}, s.listTypeFields)
	handle("GET "+wit+"fields", nil, s.listFields)
	handle("GET "+wit+"classificationnodes/{group}", []string{"$depth"}, s.getNodes)
	handle("POST "+wit+"wiql", []string{"$top"}, s.query)
	handle("POST "+wit+"workitemsbatch", nil, s.listItems)
	handle("GET "+wit+"workitems/{id}", []string{"fields", "$expand"}, s.getItem)
	handle("PATCH "+wit+"workitems/{id}", nil, s.patchItem)
	const organization = "/" + Organization + "/_apis/wit/"
	handle("GET "+organization+"workitems/{id}", []string{"fields", "$expand"}, s.getItem)
	handle("PATCH "+organization+"workitems/{id}", nil, s.patchItem)
	handle("GET "+wit+"recyclebin/{id}", nil, s.getDeleted)
	handle("POST "+wit+"workitems/{type}", []string{"validateOnly"}, s.createItem)
	handle("GET /"+Organization+"/_apis/projects", []string{"$top"}, func(w http.ResponseWriter, _ *http.Request, project string) {
		reply(w, wrap([]any{map[string]any{"id": projectID(project), "name": project, "state": "wellFormed"}}))
	})
	handle("GET /"+Organization+"/_apis/projects/{project}", nil, s.getProject)
	s.hookRoutes(handle)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "VssResourceNotFoundException", "The controller for path '"+r.URL.Path+"' was not found.")
	})
	return mux
}

func (s *Server) getProject(w http.ResponseWriter, _ *http.Request, project string) {
	visibility := "private"
	if s.Public {
		visibility = "public"
	}
	reply(w, map[string]any{"id": projectID(project), "name": project, "state": "wellFormed", "visibility": visibility})
}

// serve does what holds for every request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, query []string, h handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, r.Method+" "+r.URL.Path)
	w.Header().Set("ActivityId", fmt.Sprintf("a0000000-0000-0000-0000-%012d", len(s.hits)))
	maps.Copy(w.Header(), s.Header)
	project, known := s.accounts[r.Header.Get("Authorization")]
	if !known {
		s.login(w)
		return
	}
	if !s.versioned(w, r) {
		return
	}
	for name := range r.URL.Query() {
		if name != "api-version" && !slices.Contains(query, name) {
			s.t.Errorf("%s %s: parameter %q would be ignored", r.Method, r.URL.Path, name)
		}
	}
	if asked := r.PathValue("project"); asked != "" && asked != project {
		fail(w, http.StatusNotFound, "ProjectDoesNotExistWithNameException",
			"TF200016: The following project does not exist: "+asked+". Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.")
		return
	}
	h(w, r, project)
}

// versioned checks the api-version of a request.
func (s *Server) versioned(w http.ResponseWriter, r *http.Request) bool {
	version, want := s.Version, r.URL.Query().Get("api-version")
	if version == "" {
		version = "7.1"
	}
	preview := strings.HasSuffix(r.URL.Path, "/states") && version < "7.0"
	switch {
	case preview && want == version:
		fail(w, http.StatusBadRequest, "VssInvalidPreviewVersionException", `The requested version "`+want+`" of the resource is under preview. `+
			`The -preview flag must be supplied in the api-version for such requests. For example: "`+want+`-preview"`)
	case preview && want == version+"-preview.1", !preview && want == version:
		return true
	default:
		fail(w, http.StatusBadRequest, "VssVersionOutOfRangeException", "The requested REST API version of "+want+" is out of range for this server.")
	}
	return false
}

// login answers a bad token.
func (s *Server) login(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if s.BadToken == http.StatusFound {
		w.Header().Set("Location", "https://spsprodeus27.vssps.visualstudio.com/_signin?realm=dev.azure.com")
	}
	w.WriteHeader(s.BadToken)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head></html>"))
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8; api-version=7.1")
	_ = json.NewEncoder(w).Encode(value)
}

// wrap is the form of every list.
func wrap[T any](values []T) map[string]any {
	return map[string]any{"count": len(values), "value": values}
}

func fail(w http.ResponseWriter, status int, typeKey, message string, custom ...map[string]any) {
	body := map[string]any{"$id": "1", "innerException": nil, "message": message, "typeKey": typeKey,
		"typeName": "Microsoft.TeamFoundation.WorkItemTracking.Server." + typeKey + ", Microsoft.TeamFoundation.WorkItemTracking.Server", "errorCode": 0, "eventId": 3200}
	if len(custom) > 0 {
		body["customProperties"] = custom[0]
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8; api-version=7.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) query(w http.ResponseWriter, r *http.Request, project string) {
	var in map[string]string
	if !s.body(w, r, "application/json", &in) {
		return
	}
	m := regexp.MustCompile(`^SELECT \[System\.Id\] FROM WorkItems WHERE \[System\.TeamProject\] = @project AND \[System\.Tags\] CONTAINS '([^']+)' ORDER BY \[System\.Id\]$`).FindStringSubmatch(in["query"])
	if m == nil || len(in) != 1 {
		fail(w, http.StatusBadRequest, "SyntaxException", "TF51006: The query statement is missing a clause or has an error.")
		return
	}
	top, err := strconv.Atoi(r.URL.Query().Get("$top"))
	if err != nil {
		top = 20000
	}
	found := []map[string]any{}
	for _, i := range s.items {
		if i.Trashed || i.Secret || i.Project != project {
			continue
		}
		if i.hidden > 0 {
			i.hidden--
			continue
		}
		tags, _ := i.Fields["System.Tags"].(string)
		hit := slices.ContainsFunc(strings.Split(tags, "; "), func(tag string) bool { return strings.HasPrefix(strings.ToLower(tag), strings.ToLower(m[1])) })
		if hit && len(found) < top {
			found = append(found, map[string]any{"id": i.ID, "url": s.itemURL(i.ID)})
		}
	}
	reply(w, map[string]any{"queryType": "flat", "queryResultType": "workItem", "asOf": "2026-01-01T00:00:00Z",
		"columns": []any{reference("System.Id", "ID")}, "workItems": found})
}

func reference(ref, name string) map[string]any {
	return map[string]any{"referenceName": ref, "name": name, "url": "https://dev.azure.com/fabrikam/_apis/wit/fields/" + ref}
}

func (s *Server) itemURL(id int) string {
	return s.URL + "/" + Organization + "/_apis/wit/workItems/" + strconv.Itoa(id)
}

// listItems reads items by their numbers. Microsoft does not say what the
// project in the address does to numbers of other projects. The fake takes the
// reading that is harder on the client, and shows them.
func (s *Server) listItems(w http.ResponseWriter, r *http.Request, project string) {
	var in struct {
		IDs         []int32  `json:"ids"`
		Fields      []string `json:"fields"`
		ErrorPolicy string   `json:"errorPolicy"`
		Expand      string   `json:"$expand"`
		AsOf        string   `json:"asOf"`
	}
	if !s.body(w, r, "application/json", &in) {
		return
	}
	switch {
	case len(in.IDs) == 0 || len(in.IDs) > 200:
		fail(w, http.StatusBadRequest, "VssPropertyValidationException", "VS403474: You requested no work items, or more than 200.")
		return
	case in.Expand != "" && len(in.Fields) > 0:
		fail(w, http.StatusBadRequest, "ConflictingParametersException", "The expand parameter can not be used with the fields parameter.")
		return
	}
	found := []any{}
	for _, n := range in.IDs {
		id := strconv.Itoa(int(n))
		i := s.visible(id, project)
		if i == nil {
			i = s.visible(id, Moved)
		}
		switch {
		case i != nil:
			found = append(found, s.show(i, strings.Join(in.Fields, ","), false))
		case in.ErrorPolicy == "omit":
			found = append(found, nil)
		default:
			noItem(w, id)
			return
		}
	}
	reply(w, wrap(found))
}

func (s *Server) visible(id, project string) *Item {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 || n > len(s.items) {
		return nil
	}
	i := s.items[n-1]
	if i.Trashed || i.Secret || i.Project != project {
		return nil
	}
	return i
}

// asked is the item of a request. Without a project in its address it is
// looked for in all that the account sees: its own, and Moved.
func (s *Server) asked(r *http.Request, project string) *Item {
	i := s.visible(r.PathValue("id"), project)
	if i == nil && r.PathValue("project") == "" {
		i = s.visible(r.PathValue("id"), Moved)
	}
	return i
}

func (s *Server) getDeleted(w http.ResponseWriter, r *http.Request, project string) {
	n, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || n < 1 || n > len(s.items) || !s.items[n-1].Trashed || s.items[n-1].Project != project {
		noItem(w, r.PathValue("id"))
		return
	}
	i := s.items[n-1]
	reply(w, map[string]any{"id": n, "type": i.Fields["System.WorkItemType"], "name": i.Fields["System.Title"], "project": project, "deletedDate": "1/1/2026 12:00:00 AM",
		"deletedBy": "Jane", "code": 200, "url": s.URL + "/" + Organization + "/_apis/wit/recyclebin/" + strconv.Itoa(n), "resource": s.show(i, "", false)})
}

func (s *Server) getItem(w http.ResponseWriter, r *http.Request, project string) {
	q := r.URL.Query()
	i := s.asked(r, project)
	switch {
	case i == nil:
		noItem(w, r.PathValue("id"))
	case q.Has("fields") && q.Has("$expand"):
		fail(w, http.StatusBadRequest, "ConflictingParametersException", "The expand parameter can not be used with the fields parameter.")
	default:
		reply(w, s.show(i, q.Get("fields"), q.Get("$expand") == "relations"))
	}
}

func noItem(w http.ResponseWriter, id string) {
	fail(w, http.StatusNotFound, "WorkItemUnauthorizedAccessException", "TF401232: Work item "+id+" does not exist, or you do not have permissions to read it.")
}

// show is an item as it goes over the wire; only names the fields, "" for all.
func (s *Server) show(i *Item, only string, relations bool) map[string]any {
	fields := map[string]any{}
	for ref, v := range i.Fields {
		if only == "" || slices.Contains(strings.Split(only, ","), ref) {
			fields[ref] = v
		}
	}
	out := map[string]any{"id": i.ID, "rev": i.Rev, "fields": fields, "url": s.itemURL(i.ID),
		"_links": map[string]any{"self": map[string]any{"href": s.itemURL(i.ID)}, "html": map[string]any{"href": s.itemURL(i.ID)}}}
	if relations {
		out["relations"] = i.Relations
	}
	return out
}
