package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/admin/auth"
	"pushbutton/internal/admin/schema"
)

// object is a JSON object of the document.
type object = map[string]any

// pathParams describes every parameter of a path.
func pathParams() map[string]*schema.Schema {
	text := func(doc string) *schema.Schema { return &schema.Schema{Type: schema.Types{"string"}, Description: doc} }
	return map[string]*schema.Schema{
		"tenant":      text("The tenant's id."),
		"integration": text("The integration's id, as the list shows it."),
		"entity":      text("The id of the item at Productboard."),
		"token":       text("The token's id (jti)."),
	}
}

// documentRoute serves the document itself.
func (a *API) documentRoute() Route {
	return Handle(Route{
		Method: http.MethodGet, Path: "/openapi.json", Operation: "getDocument", Tag: "Document",
		Summary: "This document",
	}, func(context.Context, *Call, None, None) (json.RawMessage, error) { return a.document, nil })
}

// makeDocument makes the OpenAPI document of the table, and refuses a table
// that is wrong.
func (a *API) makeDocument() ([]byte, error) {
	paths := map[string]object{}
	seen := map[string]bool{}
	for _, r := range a.routes {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("route %s %s: %w", r.Method, r.Path, err)
		}
		verb := strings.ToLower(r.Method)
		if paths[r.Path] == nil {
			paths[r.Path] = object{}
		}
		if seen[r.Operation] || paths[r.Path][verb] != nil {
			return nil, fmt.Errorf("route %s %s (%s) is there twice", r.Method, r.Path, r.Operation)
		}
		seen[r.Operation] = true
		paths[r.Path][verb] = a.operation(r)
	}
	problem := a.schemas.Of(reflect.TypeFor[Problem]())
	doc := object{
		"openapi": "3.1.0",
		"info": object{"title": "Push button admin API", "version": "1",
			"description": "Tenants, integrations, connections and tokens of the plugin. Without a valid bearer token every address answers 401. What belongs to another tenant answers 404, as if it did not exist.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers":  []object{{"url": Base}},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         a.schemas.Named,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "HS256 with the deployment's key (`plugin token` makes one), or RS256, ES256 or EdDSA of its issuer."}},
			"responses": object{"Problem": object{"description": "A problem (RFC 9457). " + problemTypeList(),
				"content": object{problemMedia: object{"schema": problem}}}},
		},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// check finds a programmer's mistakes in a route.
func (r Route) check() error {
	if r.run == nil || r.Operation == "" || r.Summary == "" || r.Tag == "" {
		return fmt.Errorf("needs a handler, an operation, a summary and a tag")
	}
	if r.Role != "" && !slices.Contains(auth.Roles(), r.Role) {
		return fmt.Errorf("has the unknown role %q", r.Role)
	}
	if r.ofTenant() != strings.HasPrefix(r.Path, "/tenants/{tenant}") {
		return fmt.Errorf("names a tenant elsewhere than at its beginning")
	}
	if r.ofTenant() && r.Role == "" || !r.ofTenant() && r.Role != "" && r.Role != auth.Operator {
		return fmt.Errorf("needs a role that fits its path")
	}
	if r.Gone && r.Role != auth.Operator {
		return fmt.Errorf("is for tenants that may not exist, so it must be an operator's")
	}
	for _, name := range r.params() {
		if pathParams()[name] == nil {
			return fmt.Errorf("has the unknown parameter %q", name)
		}
	}
	return nil
}

func (a *API) operation(r Route) object {
	role := "Any valid token."
	switch {
	case r.ofTenant():
		role = fmt.Sprintf("Needs the role `%s` of the tenant, or `operator`.", r.Role)
		if r.Role == auth.Operator {
			role = "Needs the role `operator`."
		}
	case r.Role != "":
		role = fmt.Sprintf("Needs the role `%s`.", r.Role)
	}
	op := object{"operationId": r.Operation, "summary": r.Summary, "tags": []string{r.Tag},
		"description": strings.TrimSpace(r.Description + "\n\n" + role)}
	if r.Role != "" {
		op["x-role"] = string(r.Role)
	}
	if params := a.parameters(r); len(params) > 0 {
		op["parameters"] = params
	}
	if r.has(r.body) {
		media := mediaJSON
		if r.Method == http.MethodPatch {
			media = mediaPatch
		}
		op["requestBody"] = object{"required": r.Method == http.MethodPatch || len(a.schemas.Resolve(a.schemas.Of(r.body)).Required) > 0, "content": object{media: object{"schema": a.schemas.Of(r.body)}}}
	}
	reply := object{"description": http.StatusText(r.status())}
	if r.has(r.reply) {
		reply["content"] = object{mediaJSON: object{"schema": a.schemas.Of(r.reply)}}
	}
	headers := object{}
	if r.reply.Implements(reflect.TypeFor[versioned]()) {
		headers["ETag"] = object{"description": "The version, for If-Match.", "schema": object{"type": "string"}}
	}
	if r.status() == http.StatusCreated {
		headers["Location"] = object{"description": "Where the new thing is.", "schema": object{"type": "string"}}
	}
	if r.Idempotent {
		headers[headerReplayed] = object{"description": "Present (true) if this is the answer to an earlier request with the same Idempotency-Key.", "schema": object{"type": "string"}}
	}
	if len(headers) > 0 {
		reply["headers"] = headers
	}
	op["responses"] = object{strconv.Itoa(r.status()): reply, "default": object{"$ref": "#/components/responses/Problem"}}
	return op
}

func (a *API) parameters(r Route) []object {
	var out []object
	for _, name := range r.params() {
		sch := pathParams()[name]
		out = append(out, object{"name": name, "in": "path", "required": true, "description": sch.Description, "schema": object{"type": "string"}})
	}
	if r.has(r.query) {
		q := a.schemas.Inline(r.query)
		for _, name := range slices.Sorted(maps.Keys(q.Properties)) {
			sch := *q.Properties[name]
			doc := sch.Description
			sch.Description = ""
			out = append(out, object{"name": name, "in": "query", "required": slices.Contains(q.Required, name), "description": doc, "schema": sch})
		}
	}
	if r.IfMatch {
		out = append(out, object{"name": "If-Match", "in": "header", "required": true, "description": "The ETag that was read, or `*`.", "schema": object{"type": "string"}})
	}
	if r.Idempotent {
		out = append(out, object{"name": headerKey, "in": "header", "required": false,
			"description": "Up to 255 visible ASCII characters of the caller's choice. The same request with the same key within 24 hours is carried out once and gets the same answer.",
			"schema":      object{"type": "string", "minLength": 1, "maxLength": 255}})
	}
	return out
}
