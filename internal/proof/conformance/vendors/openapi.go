package vendors

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// OpenAPI is a vendor's OpenAPI file.
type OpenAPI struct {
	router  routers.Router
	options *openapi3filter.Options
	// unpublished are beginnings of "METHOD /path" that the file leaves out.
	unpublished []string
	unchecked   []string
}

// Options says how a vendor's file is used.
type Options struct {
	// Prefix is the path that the API is served under.
	Prefix string
	// Swagger2 is set for a file of OpenAPI's second version.
	Swagger2 bool
	// Unpublished lists the beginnings of "METHOD /path" that the file leaves
	// out although they exist: a slice of the whole description, mostly.
	Unpublished []string
	// UncheckedReplies lists operation ids whose replies the file describes
	// wrongly; each use needs its reason beside it.
	UncheckedReplies []string
	// Edit, if set, changes the document before it is used: closing an object,
	// mending an obvious mistake. Each use needs its reason beside it.
	Edit func(*openapi3.T)
}

// LoadOpenAPI reads a file, JSON or YAML.
func LoadOpenAPI(t testing.TB, path string, o Options) *OpenAPI {
	t.Helper()
	doc, err := load(path, o.Swagger2)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	prefix := o.Prefix
	if prefix == "" {
		prefix = "/"
	}
	doc.Servers = openapi3.Servers{{URL: prefix}} // wherever it is served
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
		}
	}
	if o.Edit != nil {
		o.Edit(doc)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &OpenAPI{router: router, unpublished: o.Unpublished, unchecked: o.UncheckedReplies, options: &openapi3filter.Options{
		SkipSettingDefaults: true, MultiError: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}}
}

func load(path string, swagger2 bool) (*openapi3.T, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // whoever runs the tests names the folder
	if err != nil {
		return nil, err
	}
	if !swagger2 {
		return openapi3.NewLoader().LoadFromData(raw)
	}
	var old openapi2.T
	if err := json.Unmarshal(raw, &old); err != nil {
		return nil, err
	}
	return openapi2conv.ToV3(&old)
}

// Request implements Spec. A query parameter that is not published counts as
// wrong: a server ignores it silently.
func (a *OpenAPI) Request(r *http.Request, _ []byte) (string, Reply, error) {
	route, params, err := a.router.FindRoute(r)
	if err != nil {
		name := r.Method + " " + r.URL.Path
		for _, known := range a.unpublished {
			if strings.HasPrefix(name, known) {
				return known, nil, nil
			}
		}
		return name, nil, fmt.Errorf("no such operation is published: %w", err)
	}
	op := route.Operation.OperationID
	if op == "" {
		op = r.Method + " " + route.Path
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: a.options}
	reply := func(status int, h http.Header, body []byte) error {
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: h, Options: a.options}
		return openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(body))
	}
	for _, id := range a.unchecked {
		if id == op {
			reply = nil
		}
	}
	known := map[string]bool{}
	for _, p := range append(append(openapi3.Parameters{}, route.Operation.Parameters...), route.PathItem.Parameters...) {
		if p.Value.In == openapi3.ParameterInQuery {
			known[p.Value.Name] = true
		}
	}
	for name := range r.URL.Query() {
		if !known[name] {
			return op, reply, fmt.Errorf("the query parameter %q is not published", name)
		}
	}
	return op, reply, openapi3filter.ValidateRequest(r.Context(), in)
}
