package linearfake

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// field is one of a document's selected fields.
type field struct {
	name string
	// args are the field's arguments: a variable's name with its $, or the
	// text of a number or a truth value.
	args map[string]string
	set  []field
}

// operation is a parsed document: one operation, no fragments, no aliases, no
// directives, and arguments that are variables, numbers or truth values. That
// is all the adapter has, and what is more fails.
type operation struct {
	kind, name string
	vars       map[string]bool
	set        []field
}

type parser struct {
	tokens []string
	at     int
}

func parse(text string) (operation, error) {
	p := &parser{tokens: tokens(text)}
	op := operation{kind: p.next(), name: p.next(), vars: map[string]bool{}}
	if op.kind != "query" && op.kind != "mutation" {
		return op, fmt.Errorf("%q is no operation", op.kind)
	}
	if p.peek() == "(" {
		for p.next(); p.peek() != ")" && p.peek() != ""; { // $name : Type !
			if t := p.next(); strings.HasPrefix(t, "$") {
				op.vars[t] = true
			}
		}
		p.next()
	}
	var err error
	op.set, err = p.selection()
	if err == nil && p.peek() != "" {
		err = errors.New("more than one operation")
	}
	return op, err
}

// tokens splits a document into names, with their $, and signs.
func tokens(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		c := rune(text[i])
		switch {
		case unicode.IsSpace(c) || c == ',':
			i++
		case c == '$' || c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
			end := i + 1
			for end < len(text) && (text[end] == '_' || unicode.IsLetter(rune(text[end])) || unicode.IsDigit(rune(text[end]))) {
				end++
			}
			out = append(out, text[i:end])
			i = end
		default:
			out = append(out, string(c))
			i++
		}
	}
	return out
}

func (p *parser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *parser) next() string {
	t := p.peek()
	p.at++
	return t
}

func (p *parser) selection() ([]field, error) {
	if t := p.next(); t != "{" {
		return nil, fmt.Errorf("expected {, found %q", t)
	}
	var out []field
	for p.peek() != "}" {
		f := field{name: p.next(), args: map[string]string{}}
		if f.name == "" || !unicode.IsLetter(rune(f.name[0])) {
			return nil, fmt.Errorf("unexpected %q", f.name)
		}
		if p.peek() == "(" {
			for p.next(); p.peek() != ")"; {
				arg, colon, value := p.next(), p.next(), p.next()
				if colon != ":" || value == "" {
					return nil, fmt.Errorf("argument %q of %s is not name: value", arg, f.name)
				}
				f.args[arg] = value
			}
			p.next()
		}
		if p.peek() == "{" {
			var err error
			if f.set, err = p.selection(); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	p.next()
	return out, nil
}

// pick returns an object as it was asked for. A field that it does not have, and
// an object of which nothing was selected, is a fault of the document.
func pick(set []field, value any) (any, error) {
	switch v := value.(type) {
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			one, err := pick(set, v[i])
			if err != nil {
				return nil, err
			}
			out[i] = one
		}
		return out, nil
	case map[string]any:
		if len(set) == 0 {
			return nil, errors.New("must have a selection of subfields")
		}
		out := map[string]any{}
		for _, f := range set {
			inner, ok := v[f.name]
			if !ok {
				return nil, fmt.Errorf("cannot query field %q", f.name)
			}
			one, err := pick(f.set, inner)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			out[f.name] = one
		}
		return out, nil
	case nil:
		return nil, nil
	default:
		if len(set) > 0 {
			return nil, errors.New("has no subfields")
		}
		return v, nil
	}
}
