// Package pbspec holds HTTP exchanges against Productboard's published
// OpenAPI 3.1 files: the requests and replies of its API, and those of the
// callbacks that it sends to a plugin.
//
// Beyond the schemas it refuses what they leave open and the prose forbids:
// fields of plugin integrations and query parameters that are not documented,
// and a body where none is documented.
//
// What must not live here: any knowledge of what is tested with it.
package pbspec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// The published files that are used.
const (
	integrationsFile = "plugin-integrations.openapi.json"
	entitiesFile     = "entities.openapi.json"
)

// Prefix is the path that Productboard's API is served under.
const Prefix = "/v2"

// dirVar is the environment variable that names the published files' folder.
const dirVar = "PRODUCTBOARD_SPECS"

// Dir finds the published files: in $PRODUCTBOARD_SPECS, or beside the
// repository, whose root is given.
func Dir(root string) (string, error) {
	dir := os.Getenv(dirVar) //nolint:forbidigo // a setting of the tests, not of the program
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "productboard")
	}
	if _, err := os.Stat(filepath.Join(dir, integrationsFile)); err != nil { //nolint:gosec // whoever runs the tests names the folder
		return "", fmt.Errorf("the OpenAPI files of Productboard are not there (set %s): %w", dirVar, err)
	}
	return dir, nil
}

// Spec is the published API.
type Spec struct {
	routers   []routers.Router
	callbacks *openapi3.PathItem
	doc       *openapi3.T // the one with the callbacks
	ops       []string
}

// Load reads the published files of a directory.
func Load(dir string) (*Spec, error) {
	s := &Spec{}
	for _, file := range []string{integrationsFile, entitiesFile} {
		doc, err := load(filepath.Join(dir, file), file == integrationsFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		router, err := gorillamux.NewRouter(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		s.routers = append(s.routers, router)
		if file != integrationsFile {
			continue
		}
		s.doc = doc
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				s.ops = append(s.ops, op.OperationID)
			}
		}
	}
	callback := s.doc.Paths.Value("/plugin-integrations").Post.Callbacks["actionCallback"]
	if callback == nil || callback.Value == nil || callback.Value.Len() != 1 {
		return nil, errors.New("the action callback is not where it was")
	}
	for _, item := range callback.Value.Map() {
		s.callbacks = item
	}
	for _, op := range s.callbacks.Operations() {
		s.ops = append(s.ops, op.OperationID)
	}
	return s, nil
}

// Operations lists the ids of every operation of plugin integrations, and of
// the callbacks.
func (s *Spec) Operations() []string { return s.ops }

func load(path string, closed bool) (*openapi3.T, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // whoever runs the tests names the folder
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	if closed {
		closeObjects(tree)
	}
	tree["servers"] = []any{map[string]any{"url": Prefix}} // wherever it is served
	if raw, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(raw)
}

// closeObjects makes every object schema refuse properties that it does not
// name: the files leave that open, but say that an unknown field is a 422.
// (The schemas of entities are made with allOf, and cannot be closed so.)
func closeObjects(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	case map[string]any:
		_, named := node["properties"].(map[string]any)
		if _, said := node["additionalProperties"]; node["type"] == "object" && named && !said {
			node["additionalProperties"] = false
		}
		for key, child := range node {
			if key != "example" && key != "examples" {
				closeObjects(child)
			}
		}
	}
}

// route is an operation that a request belongs to.
type route struct {
	*routers.Route
	params map[string]string
}

func (s *Spec) api(r *http.Request) (route, error) {
	for _, router := range s.routers {
		if found, params, err := router.FindRoute(r); err == nil {
			return route{found, params}, nil
		}
	}
	return route{}, fmt.Errorf("%s %s: no such operation is published", r.Method, r.URL.Path)
}

func (s *Spec) callback(r *http.Request) (route, error) {
	published := s.callbacks.GetOperation(r.Method)
	if published == nil {
		return route{}, fmt.Errorf("%s %s: no such callback is published", r.Method, r.URL.Path)
	}
	// A callback's credential is optional, and the file does not declare the
	// scheme that it names: the validator stumbles over that, and reads the
	// body away.
	op := *published
	op.Security = openapi3.NewSecurityRequirements()
	return route{&routers.Route{Spec: s.doc, Path: r.URL.Path, PathItem: s.callbacks, Method: r.Method, Operation: &op}, nil}, nil
}

// input pairs a request with its route. The request's body is read.
func (rt route) input(r *http.Request) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: rt.params, Route: rt.Route, Options: options()}
}

// checkRequest holds a request against its operation.
func (rt route) checkRequest(ctx context.Context, in *openapi3filter.RequestValidationInput) error {
	known := map[string]bool{}
	for _, p := range append(rt.Operation.Parameters, rt.PathItem.Parameters...) {
		known[p.Value.In+" "+p.Value.Name] = true
	}
	for name := range in.Request.URL.Query() {
		if !known["query "+name] {
			return fmt.Errorf("the query parameter %q is not documented", name)
		}
	}
	return openapi3filter.ValidateRequest(ctx, in)
}

// checkReply holds a reply against its operation.
func (rt route) checkReply(ctx context.Context, in *openapi3filter.RequestValidationInput, status int, h http.Header, body []byte) error {
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: h, Options: in.Options}
	if resp := rt.Operation.Responses.Status(status); resp != nil && len(resp.Value.Content) == 0 && len(body) > 0 {
		return fmt.Errorf("status %d has a body", status)
	}
	return openapi3filter.ValidateResponse(ctx, out.SetBodyBytes(body))
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		IncludeResponseStatus:             true,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		AuthenticationFunc:                bearer,
		SchemaValidationOptions:           []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidators(formats())},
	}
}

// bearer wants the one kind of credential that the API's operations name.
func bearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	token, ok := strings.CutPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ")
	if in.SecurityScheme.Scheme != "bearer" || !ok || token == "" {
		return errors.New("a bearer token is needed")
	}
	return nil
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// formats are those that the files use and the validator leaves unchecked by
// itself; dates and times it knows.
func formats() map[string]openapi3.StringFormatValidator {
	return map[string]openapi3.StringFormatValidator{
		"uuid":  openapi3.NewCallbackValidator(uuidFormat),
		"uri":   openapi3.NewCallbackValidator(uriFormat),
		"email": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForEmail),
	}
}

func uuidFormat(s string) error {
	if !uuid.MatchString(s) {
		return errors.New("not a UUID")
	}
	return nil
}

func uriFormat(s string) error {
	if u, err := url.Parse(s); err != nil || !u.IsAbs() || strings.ContainsAny(s, " <>\"{}|\\^`") {
		return errors.New("not a URI")
	}
	return nil
}
