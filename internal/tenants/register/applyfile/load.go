package applyfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// load parses the file into its one document.
func (r *reader) load(data []byte) value {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxSize:
		r.complain(value{}, "is larger than %d bytes", MaxSize)
		return value{}
	case !utf8.Valid(data):
		r.complain(value{}, "is not valid UTF-8")
		return value{}
	}
	if line := emptyRun(data); line > 0 {
		r.problems = append(r.problems, Problem{File: r.name, Line: line, Column: 1, Message: fmt.Sprintf("more than %d empty lines in a row", maxEmptyLines)})
		return value{}
	}
	tokens := lexer.Tokenize(string(data))
	if !r.bounded(tokens) {
		return value{}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return value{}
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		r.complain(value{}, "is empty")
	case len(bodies) > 1:
		r.complain(value{}, "holds more than one document (---)")
	default:
		r.anchors = anchorsIn(bodies[0])
		return value{node: bodies[0]}
	}
	return value{}
}

// emptyRun finds the line in which a run of empty lines becomes too long; 0 if
// there is none. The scanner's time rises with the cube of a run's length.
func emptyRun(data []byte) int {
	line, run := 1, 0
	for _, c := range data {
		switch c {
		case '\n', '\r':
			line++
			if run++; run > maxEmptyLines {
				return line
			}
		case ' ', '\t':
		default:
			run = 0
		}
	}
	return 0
}

// bounded looks at the tokens, so that a hostile file is refused before the
// parser, which is recursive, nests too deep or takes too long.
func (r *reader) bounded(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.complain(value{}, "has more than %d words and signs: split it", maxTokens)
		return false
	}
	flow, compact, line := 0, 0, 0
	var maps openMaps
	for _, t := range tokens {
		if flow == 0 && !r.few(&maps, t) {
			return false
		}
		if t.Position.Line != line {
			line, compact = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			compact++ // "- - - -" nests without any indentation
		default: // does not nest
		}
		if flow > maxDepth || compact > maxDepth {
			r.problems = append(r.problems, Problem{File: r.name, Line: line, Column: t.Position.Column,
				Message: fmt.Sprintf("is nested more than %d deep", maxDepth)})
			return false
		}
	}
	return true
}

// openMaps counts the lines that begin in the same column, without one that
// begins further left between them: as many as keys of one map, at least.
type openMaps struct {
	line, documents int
	maps            []openMap // by column, the innermost last
}

type openMap struct{ column, keys int }

// few adds a token outside brackets and reports whether the parser can take what
// there is so far. False means that a problem was reported.
func (r *reader) few(m *openMaps, t *token.Token) bool {
	at := t.Position
	if t.Type == token.CommentType || at.Line == m.line || inBlock(t) {
		return true
	}
	for len(m.maps) > 0 && m.maps[len(m.maps)-1].column > at.Column {
		m.maps = m.maps[:len(m.maps)-1]
	}
	if t.Type == token.SequenceEntryType {
		return true // a map may begin behind it
	}
	m.line = at.Line
	if t.Type == token.DocumentHeaderType {
		if m.maps, m.documents = nil, m.documents+1; m.documents > maxDocuments {
			r.complain(value{}, "holds more than one document (---)")
		}
		return m.documents <= maxDocuments
	}
	if len(m.maps) == 0 || m.maps[len(m.maps)-1].column < at.Column {
		m.maps = append(m.maps, openMap{column: at.Column})
	}
	last := &m.maps[len(m.maps)-1]
	if last.keys++; last.keys > maxKeys {
		r.problems = append(r.problems, Problem{File: r.name, Line: at.Line, Column: at.Column, Message: fmt.Sprintf("is the key %d of one map, at most %d", last.keys, maxKeys)})
		return false
	}
	return true
}

// inBlock reports whether a token is the text below | or >, and not the next key
// below an empty one.
func inBlock(t *token.Token) bool {
	if t.Next != nil && t.Next.Type == token.MappingValueType {
		return false
	}
	for t = t.Prev; t != nil && t.Type == token.CommentType; t = t.Prev {
	}
	return t != nil && (t.Type == token.LiteralType || t.Type == token.FoldedType)
}

// syntax reports what the parser says, without the piece of the file that it
// would print: a secret may stand there.
func (r *reader) syntax(err error) {
	p := Problem{File: r.name, Message: "is not valid YAML"}
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		p.Message = "is not valid YAML: " + strings.TrimSpace(syntax.Message)
		if t := syntax.Token; t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

// resolve follows aliases and takes anchors and tags off. False means that a
// problem was reported.
func (r *reader) resolve(v value) (value, bool) {
	for {
		r.nodes++
		if r.nodes > maxNodes || v.depth > maxDepth {
			if r.nodes <= maxNodes || r.nodes == maxNodes+1 {
				r.complain(v, "is nested too deep, or aliases make it too large")
			}
			return v, false
		}
		switch n := v.node.(type) {
		case *ast.AnchorNode:
			v.node = n.Value
		case *ast.AliasNode:
			target, ok := r.anchors[n.Value.String()]
			if !ok {
				r.complain(v, "there is no anchor &%s", n.Value.String())
				return v, false
			}
			v.node = target
			v.depth++ // an alias may lead to what is around it
		case *ast.TagNode:
			r.complain(v, "tags (!%s) are not supported", strings.TrimLeft(n.Start.Value, "!"))
			return v, false
		case *ast.CommentGroupNode:
			v.node = nil
		default:
			return v, true
		}
	}
}

// anchorsIn finds every anchor; of two of one name the later counts.
func anchorsIn(root ast.Node) map[string]ast.Node {
	found := anchors{}
	ast.Walk(found, root)
	return found
}

type anchors map[string]ast.Node

// Visit implements ast.Visitor.
func (a anchors) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok {
		a[anchor.Name.String()] = anchor.Value
	}
	return a
}
