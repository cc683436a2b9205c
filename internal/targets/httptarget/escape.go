package httptarget

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template/parse"
)

// Escaping is by place, as html/template does it: every action of a template
// gets an escaper for where it stands, so that no value can leave its place
// and no admin has to think of it.

// place is where in its text an action stands.
type place uint8

const (
	placePlain    place = iota
	placeJSON           // where a JSON value is wanted
	placeString         // inside the quotes of a JSON string
	placeStringBS       // there, after a backslash
	placePath           // in an address before "?"
	placeQuery          // after it
	placeForm
	placeXML
)

// escaper names the function that an action at a place ends with; its names
// begin with _, which templates may not call.
func (p place) escaper() string {
	return [...]string{"_line", "_json", "_string", "", "_path", "_query", "_query", "_xml"}[p]
}

func escapers() map[string]any {
	return map[string]any{
		"_line":   plainOf,
		"_json":   toJSON,
		"_string": inString,
		"_path":   inPath,
		"_query":  func(v any) string { return url.QueryEscape(plainOf(v)) },
		"_xml": func(v any) (string, error) {
			var b bytes.Buffer
			err := xml.EscapeText(&b, []byte(plainOf(v)))
			return b.String(), err
		},
	}
}

// escapeTree adds the escapers to a template.
func escapeTree(tree *parse.Tree, where use) error {
	nodes := tree.Root.Nodes
	if len(nodes) > 0 && where == useURL {
		// A variable at an address' beginning may be all of one.
		if first, ok := nodes[0].(*parse.ActionNode); ok {
			if _, ok := variable(first); ok {
				nodes = nodes[1:]
			}
		}
	}
	start := [...]place{useURL: placePath, useHeader: placePlain, useJSON: placeJSON, useForm: placeForm, useXML: placeXML, useText: placePlain}[where]
	end, err := escapeList(&parse.ListNode{Nodes: nodes}, start)
	if err == nil && start == placeJSON && end != placeJSON {
		err = errors.New("does not close a quote")
	}
	return err
}

// escapeList walks one list of nodes and returns the place where it ends.
func escapeList(list *parse.ListNode, at place) (place, error) {
	if list == nil {
		return at, nil
	}
	for _, n := range list.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TextNode:
			at = at.after(n.Text)
		case *parse.ActionNode:
			err = escapeAction(n, at)
		case *parse.IfNode:
			at, err = escapeBranch(&n.BranchNode, at, false)
		case *parse.WithNode:
			at, err = escapeBranch(&n.BranchNode, at, false)
		case *parse.RangeNode:
			at, err = escapeBranch(&n.BranchNode, at, true)
		case *parse.CommentNode:
		default:
			err = errors.New("must not use break or continue")
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

func escapeBranch(n *parse.BranchNode, at place, loop bool) (place, error) {
	yes, err := escapeList(n.List, at)
	if err != nil {
		return at, err
	}
	no, err := escapeList(n.ElseList, at)
	if err != nil {
		return at, err
	}
	if yes != no || loop && yes != at {
		return at, errors.New("opens or closes a quote, or begins the query, in one branch of an if, with or range only")
	}
	return yes, nil
}

func escapeAction(n *parse.ActionNode, at place) error {
	if len(n.Pipe.Decl) > 0 {
		return nil // {{$x := ...}} writes nothing
	}
	if at == placeStringBS {
		return errors.New("has a backslash before {{")
	}
	fn := parse.NewIdentifier(at.escaper()).SetPos(n.Pos).SetTree(nil)
	n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{fn}})
	return nil
}

// after is the place behind a piece of constant text.
func (p place) after(text []byte) place {
	for _, c := range text {
		switch {
		case p == placePath && c == '?':
			p = placeQuery
		case p == placeJSON && c == '"':
			p = placeString
		case p == placeString && c == '"':
			p = placeJSON
		case p == placeString && c == '\\':
			p = placeStringBS
		case p == placeStringBS:
			p = placeString
		}
	}
	return p
}

// jsonText is JSON already: a value of its own outside of quotes.
type jsonText string

// toJSON writes any value as JSON.
func toJSON(v any) (jsonText, error) {
	switch v := v.(type) {
	case jsonText:
		return v, nil
	case fmt.Stringer:
		if _, number := v.(json.Number); !number {
			return toJSON(v.String())
		}
	case []string:
		if v == nil {
			return "[]", nil
		}
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", errors.New("this cannot be written as JSON")
	}
	return jsonText(strings.TrimSuffix(out.String(), "\n")), nil
}

// MarshalJSON writes it as it is.
func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// inString writes a value inside the quotes of a JSON string.
func inString(v any) (string, error) {
	quoted, err := toJSON(plainOf(v))
	if err != nil {
		return "", err
	}
	return string(quoted[1 : len(quoted)-1]), nil
}

// inPath writes a value as one segment of an address, or as a part of one.
func inPath(v any) (string, error) {
	if raw, ok := v.(rawText); ok {
		return string(raw), nil
	}
	s := plainOf(v)
	if s == "." || s == ".." {
		return "", fmt.Errorf("%q is no segment of an address", s)
	}
	return url.PathEscape(s), nil
}

// plainOf is a value as text.
func plainOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []string:
		return strings.Join(v, ", ")
	case map[string]any, []any:
		j, err := toJSON(v)
		if err != nil {
			return ""
		}
		return string(j)
	default:
		return fmt.Sprint(v)
	}
}
