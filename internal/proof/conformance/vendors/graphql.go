package vendors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// GraphQL is a vendor's GraphQL schema.
type GraphQL struct {
	schema *ast.Schema
	path   string
}

// LoadGraphQL reads a schema that is served at path.
func LoadGraphQL(t testing.TB, file, path string) *GraphQL {
	t.Helper()
	raw, err := os.ReadFile(file) //nolint:gosec // whoever runs the tests names the folder
	if err != nil {
		t.Fatal(err)
	}
	schema, gerr := gqlparser.LoadSchema(&ast.Source{Name: file, Input: string(raw)})
	if gerr != nil {
		t.Fatalf("%s: %v", file, gerr)
	}
	return &GraphQL{schema: schema, path: path}
}

// graphQLRequest is a request's body.
type graphQLRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// Request implements Spec: the document, and its variables against their types.
func (g *GraphQL) Request(r *http.Request, body []byte) (string, Reply, error) {
	if r.URL.Path != g.path || r.Method != http.MethodPost {
		return "", nil, errors.New("it goes elsewhere")
	}
	var in graphQLRequest
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return "", nil, err
	}
	doc, errs := gqlparser.LoadQueryWithRules(g.schema, in.Query, rules.NewDefaultRules())
	if len(errs) > 0 {
		return in.OperationName, nil, errs
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil {
		return in.OperationName, nil, errors.New("no such operation in the document")
	}
	if _, err := validator.VariableValues(g.schema, op, in.Variables); err != nil {
		return op.Name, nil, err
	}
	return op.Name, func(status int, _ http.Header, reply []byte) error { return g.reply(op, status, reply) }, nil
}

// reply holds data against the selection that was asked for.
func (g *GraphQL) reply(op *ast.OperationDefinition, status int, raw []byte) error {
	if status != http.StatusOK {
		return nil // nothing is published of refusals
	}
	var reply struct {
		Data   map[string]any    `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&reply); err != nil {
		return err
	}
	if reply.Data == nil {
		if len(reply.Errors) == 0 {
			return errors.New("neither data nor errors")
		}
		return nil
	}
	return g.object(op.SelectionSet, reply.Data, op.Name, len(reply.Errors) > 0)
}

func (g *GraphQL) object(set ast.SelectionSet, got map[string]any, at string, failed bool) error {
	var wanted []string
	for _, s := range set {
		field, ok := s.(*ast.Field)
		if !ok {
			return nil // a fragment: what it gives depends on the type
		}
		name := field.Alias
		wanted = append(wanted, name)
		value, there := got[name]
		if !there {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
		if err := g.value(field.Definition.Type, field.SelectionSet, value, at+"."+name, failed); err != nil {
			return err
		}
	}
	for name := range got {
		if !slices.Contains(wanted, name) {
			return fmt.Errorf("%s.%s was not asked for", at, name)
		}
	}
	return nil
}

func (g *GraphQL) value(typ *ast.Type, set ast.SelectionSet, got any, at string, failed bool) error {
	if got == nil {
		if typ.NonNull && !failed {
			return fmt.Errorf("%s is null", at)
		}
		return nil
	}
	if typ.Elem != nil {
		list, ok := got.([]any)
		if !ok {
			return fmt.Errorf("%s is no list", at)
		}
		for i, v := range list {
			if err := g.value(typ.Elem, set, v, fmt.Sprintf("%s[%d]", at, i), failed); err != nil {
				return err
			}
		}
		return nil
	}
	if len(set) > 0 {
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", at)
		}
		return g.object(set, object, at, failed)
	}
	return g.leaf(typ.NamedType, got, at)
}

func (g *GraphQL) leaf(name string, got any, at string) error {
	ok := true
	switch name {
	case "String", "ID":
		_, ok = got.(string)
	case "Boolean":
		_, ok = got.(bool)
	case "Int", "Float":
		_, ok = got.(json.Number)
	default:
		if def := g.schema.Types[name]; def != nil && def.Kind == ast.Enum {
			text, isText := got.(string)
			ok = isText && def.EnumValues.ForName(text) != nil
		}
	}
	if !ok {
		return fmt.Errorf("%s is no %s: %v", at, name, got)
	}
	return nil
}
