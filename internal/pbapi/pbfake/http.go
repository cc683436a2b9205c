package pbfake

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds a request's body in bytes.
const maxBody = 4 << 20

// operation is one operation of the API.
type operation struct {
	// id is the operation's id in Productboard's description.
	id    string
	class Class
	scope string
	// body is the rule of the request's body; nil means that there is none.
	body rule
	// query are the parameters that are known; others are refused, so that a
	// misspelled one does not pass for a filter.
	query []string
	// part is what {part} of the path must be: the router cannot tell
	// {id}/relationships from configurations/{type} otherwise.
	part string
	// status of a success.
	status int
	serve  func(c *call) (any, *apiError)
}

// call is one request of the API after it was let in.
type call struct {
	ctx   context.Context
	r     *http.Request
	op    *operation
	token Token
	key   connectionKey // of the path
	query url.Values
	doc   map[string]any // the checked body
	raw   []byte
	lost  bool // answer as if it had been done
}

const apiPrefix = "/v2"

func (f *Fake) routes() *http.ServeMux {
	const (
		read, write, remove = "plugin-integrations:read", "plugin-integrations:write", "plugin-integrations:delete"
		entities            = "entities:read"
		one                 = "/plugin-integrations/{integrationId}"
		many                = one + "/connections"
		conn                = many + "/{entityId}"
	)
	entityFilters := []string{"pageCursor", "type[]", "fields[]", "name", "archived", "parent[id]", "status[id]", "status[name]", "owner[id]", "owner[email]"}
	table := map[string]operation{
		"POST /plugin-integrations": {id: "createPluginIntegration", class: ClassIntegration, scope: write, body: f.rules.createIntegration, status: 201, serve: f.createIntegration},
		"GET /plugin-integrations":  {id: "listPluginIntegrations", class: ClassIntegration, scope: read, query: []string{"pageCursor"}, serve: f.listIntegrations},
		"GET " + one:                {id: "getPluginIntegration", class: ClassIntegration, scope: read, serve: f.getIntegration},
		"PATCH " + one:              {id: "updatePluginIntegration", class: ClassIntegration, scope: write, body: f.rules.patchIntegration, serve: f.updateIntegration},
		"DELETE " + one:             {id: "deletePluginIntegration", class: ClassIntegration, scope: remove, status: 204, serve: f.deleteIntegration},
		"GET " + many:               {id: "listPluginIntegrationConnections", class: ClassConnectionGet, scope: read, query: []string{"pageCursor", "state[]"}, serve: f.listConnections},
		"POST " + many + "/search":  {id: "searchPluginIntegrationConnections", class: ClassConnectionGet, scope: read, body: f.rules.searchConnections, query: []string{"pageCursor"}, serve: f.searchConnections},
		"GET " + conn:               {id: "getPluginIntegrationConnection", class: ClassConnectionGet, scope: read, serve: f.getConnection},
		"PUT " + conn:               {id: "updatePluginIntegrationConnectionState", class: ClassConnectionPut, scope: write, body: f.rules.putConnection, serve: f.putConnection},
		"DELETE " + conn:            {id: "deletePluginIntegrationConnection", class: ClassConnectionPut, scope: write, status: 204, serve: f.deleteConnection},

		"GET /entities":                       {id: "listEntities", class: ClassEntityRead, scope: entities, query: entityFilters, serve: f.listEntities},
		"POST /entities/search":               {id: "performEntitiesSearch", class: ClassEntityRead, scope: entities, body: f.rules.searchEntities, query: []string{"pageCursor"}, serve: f.searchEntities},
		"GET /entities/{id}":                  {id: "getEntity", class: ClassEntityRead, scope: entities, query: []string{"fields[]"}, serve: f.getEntity},
		"GET /entities/{id}/{part}":           {id: "listEntityRelationships", class: ClassEntityRead, scope: entities, query: []string{"pageCursor", "type", "target[type]", "target[id]"}, serve: f.listRelationships, part: "relationships"},
		"GET /entities/configurations":        {id: "listEntityConfigurations", class: ClassEntityRead, scope: entities, query: []string{"type[]"}, serve: f.listConfigurations},
		"GET /entities/configurations/{type}": {id: "getEntityConfiguration", class: ClassEntityRead, scope: entities, serve: f.getConfiguration},
	}
	mux := http.NewServeMux()
	for pattern, op := range table {
		method, path, _ := strings.Cut(pattern, " ")
		if op.status == 0 {
			op.status = http.StatusOK
		}
		mux.Handle(method+" "+apiPrefix+path, f.handler(&op))
	}
	mux.HandleFunc("GET "+OAuthPrefix+"/authorize", f.authorize)
	mux.HandleFunc("POST "+OAuthPrefix+"/token", f.issueToken)
	mux.HandleFunc("POST "+OAuthPrefix+"/revoke", f.revokeToken)
	mux.HandleFunc("GET "+OAuthPrefix+"/token/info", f.tokenInfo)
	// A wrong method is an unknown route as well: no 405 is published.
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { f.writeError(w, routeNotFound()) })
	return mux
}

// handler lets a request in, applies the faults around the operation, and
// sends the reply.
func (f *Fake) handler(op *operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("part") != op.part {
			f.writeError(w, routeNotFound())
			return
		}
		key := connectionKey{lower(r.PathValue("integrationId")), lower(r.PathValue("entityId") + r.PathValue("id"))}
		f.counters.count(op.id, key)
		token, denied := f.authenticate(r)
		if denied == nil {
			denied = f.limited(w, token.Value)
		}
		if denied != nil {
			f.refuse(w, op, key, denied)
			return
		}
		e := f.strike(op.id, key, op.class, ClassAPI)
		if err := f.pause(r.Context(), e.delay); err != nil || e.dropBefore {
			panic(http.ErrAbortHandler) // breaks the connection
		}
		if e.status != 0 {
			f.injected(w, e)
			return
		}
		reply, refusal := f.perform(&call{ctx: r.Context(), r: r, op: op, token: token, key: key, lost: e.lost})
		switch {
		case e.dropAfter:
			panic(http.ErrAbortHandler)
		case refusal != nil:
			f.refuse(w, op, key, refusal)
		case op.status == http.StatusNoContent:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, op.status, reply)
		}
	})
}

func (f *Fake) refuse(w http.ResponseWriter, op *operation, key connectionKey, e *apiError) {
	first := e.errs[0]
	detail := first.Code + ": " + first.Detail
	if first.Source != nil {
		detail += " (" + first.Source.Pointer + first.Source.Parameter + ")"
	}
	f.record(Event{Kind: EventRequestRefused, Op: op.id, IntegrationID: key.integration, EntityID: key.entity, Status: e.status, Detail: detail})
	f.writeError(w, e)
}

// authenticate looks at the bearer token.
func (f *Fake) authenticate(r *http.Request) (Token, *apiError) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Token{}, fail(http.StatusUnauthorized, codeAuth, "Invalid authentication", "Authentication credentials are missing.")
	}
	scheme, value, _ := strings.Cut(header, " ")
	f.mu.Lock()
	token, known := f.tokens[value]
	f.mu.Unlock()
	if !known {
		var a access
		a, known = f.oauth.token(value, f.clock.Now())
		token = a.token
	}
	if !strings.EqualFold(scheme, "Bearer") || !known {
		return Token{}, fail(http.StatusUnauthorized, codeAuth, "Invalid authentication",
			"The provided authentication credentials are invalid or have expired. Please obtain new credentials and try again.")
	}
	return token, nil
}

// perform checks a request against the operation's contract and runs it.
func (f *Fake) perform(c *call) (any, *apiError) {
	if !c.token.allows(c.op.scope) {
		return nil, fail(http.StatusForbidden, codeDenied, "Access denied",
			"Your authentication token lacks the required OAuth scopes to perform this operation. Please re-authenticate with the necessary scopes.")
	}
	for _, name := range []string{"integrationId", "entityId", "id"} {
		if v := c.r.PathValue(name); v != "" && !validUUID(v) {
			return nil, badParameter(name, "The path parameter '"+name+"' must be a UUID.")
		}
	}
	if err := c.readQuery(); err != nil {
		return nil, err
	}
	if c.op.body != nil {
		if err := c.readBody(); err != nil {
			return nil, err
		}
	}
	return c.op.serve(c)
}

func (c *call) readQuery() *apiError {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return malformed("The query is not well-formed.")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(c.op.query, name):
			return badParameter(name, "The query parameter '"+cut(name, 100)+"' is not known here.")
		case len(values) > 1 && !strings.HasSuffix(name, "[]"):
			return badParameter(name, "The query parameter '"+name+"' must not be repeated.")
		}
	}
	c.query = query
	return nil
}

func (c *call) readBody() *apiError {
	given := c.r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(given); err != nil || media != contentTypeJSON {
		return malformed("The Content-Type header must be 'application/json'. Received '" + cut(given, 100) + "'.")
	}
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	if err != nil {
		return malformed("The request body could not be read.")
	}
	if len(raw) > maxBody {
		return malformed("The request body is too large.")
	}
	doc, err := decodeJSON(raw)
	if err != nil {
		return malformed("The request body contains invalid JSON syntax: " + err.Error() + ".")
	}
	if problems := check(c.op.body, doc); len(problems) > 0 {
		return rejection(problems)
	}
	c.doc, c.raw = doc.(map[string]any), raw // an object: every body's rule says so
	return nil
}

// at walks the checked body.
func (c *call) at(path ...string) any {
	var v any = c.doc
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func (c *call) texts(path ...string) []string {
	items, _ := c.at(path...).([]any)
	out := make([]string, 0, len(items))
	for _, it := range items {
		if s, ok := it.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// link makes an address of the API as this caller sees it.
func (f *Fake) link(r *http.Request, path string) string {
	if f.opts.APIURL != "" {
		return f.opts.APIURL + path
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + apiPrefix + path
}
