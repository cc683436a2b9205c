package applyfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"pushbutton/internal/targets/settings"
)

// reader walks the parsed file and collects problems.
type reader struct {
	name     string // the file's
	opts     Options
	problems Problems
	anchors  map[string]ast.Node
	nodes    int
	// places remembers where each path stands.
	places map[string]place
}

type place struct{ line, column int }

// value is a node with the way to it.
type value struct {
	node ast.Node
	path string
	// depth counts the nodes around it, those that aliases led through too.
	depth int
}

// at is the path of a part, for a problem that is found later.
func (v value) at(name string) value { return value{path: join(v.path, name)} }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// problem makes a Problem at a path: where it stands, or else where the
// closest one around it does.
func (r *reader) problem(path, message string) Problem {
	p := Problem{File: r.name, Path: path, Message: message}
	for at := path; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if where, ok := r.places[at]; ok {
			p.Line, p.Column = where.line, where.column
			break
		}
	}
	return p
}

func (r *reader) complain(v value, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, r.problem(v.path, fmt.Sprintf(format, args...)))
	}
}

// field describes one key of an object.
type field struct {
	name     string
	required bool
	read     func(value)
}

// object reads a map with a fixed set of keys.
func (r *reader) object(v value, fields ...field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	present := map[string]bool{}
	ok := r.entries(v, func(name string, v value) {
		i := slices.Index(names, name)
		if i < 0 {
			hint := "; known keys are " + strings.Join(names, ", ")
			if s := settings.Suggest(name, names); s != "" {
				hint = " (did you mean " + s + "?)"
			}
			r.complain(v, "is not known%s", hint)
			return
		}
		present[name] = true
		fields[i].read(v)
	})
	if !ok {
		return
	}
	for _, f := range fields {
		if f.required && !present[f.name] {
			r.complain(v.at(f.name), "is required")
		}
	}
}

// entries reads a map of any keys; false means that it is none.
func (r *reader) entries(v value, read func(name string, v value)) bool {
	v, ok := r.resolve(v)
	if !ok {
		return false
	}
	var values []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.complain(v, "must be a map of names to values, not %s", kind(v.node))
		return false
	}
	seen := map[string]bool{}
	for _, entry := range values {
		name, ok := r.key(v, entry)
		if !ok {
			continue
		}
		child := value{node: entry.Value, path: join(v.path, name), depth: v.depth + 1}
		if seen[name] {
			where := position(entry.Key)
			r.complain(v, "has the key %q twice, again in line %d", name, where.line)
			continue
		}
		seen[name] = true
		r.places[child.path] = position(entry.Key)
		read(name, child)
	}
	return true
}

// key reads an entry's key, which must be a text that fits into a path.
func (r *reader) key(v value, entry *ast.MappingValueNode) (string, bool) {
	var name string
	switch k := entry.Key.(type) {
	case *ast.StringNode:
		name = k.Value
	case *ast.MergeKeyNode:
		r.complain(v, "merge keys (<<) are not supported: repeat the keys")
		return "", false
	case *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
		name = entry.Key.GetToken().Value
	default:
		r.complain(v, "has a key that is no text")
		return "", false
	}
	if name == "" || len(name) > maxWord || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		r.complain(v, "has a key that is empty, too long or not printable")
		return "", false
	}
	return name, true
}

// list reads a sequence of at most most items.
func (r *reader) list(v value, most int, read func(value)) {
	v, ok := r.resolve(v)
	if !ok {
		return
	}
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		r.complain(v, "must be a list, not %s", kind(v.node))
		return
	}
	if len(seq.Values) > most {
		r.complain(v, "has %d entries, at most %d", len(seq.Values), most)
		return
	}
	for i, item := range seq.Values {
		child := value{node: item, path: v.path + "[" + strconv.Itoa(i) + "]", depth: v.depth + 1}
		if item != nil {
			r.places[child.path] = position(item)
		}
		read(child)
	}
}

// text reads a text of least to most characters; "" if it is none.
func (r *reader) text(v value, least, most int) string {
	v, ok := r.resolve(v)
	if !ok {
		return ""
	}
	s, ok := scalarText(v.node)
	if !ok {
		hint := ""
		if _, scalar := v.node.(ast.ScalarNode); scalar && kind(v.node) != "nothing" {
			hint = "; put it in quotes"
		}
		r.complain(v, "must be a text, not %s%s", kind(v.node), hint)
		return ""
	}
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		r.complain(v, "must not hold line breaks or other control characters")
	case n > most:
		r.complain(v, "has %d characters, at most %d", n, most)
	case n < least || strings.TrimSpace(s) == "":
		r.complain(v, "must not be empty")
	default:
		return s
	}
	return ""
}

func (r *reader) flag(v value) bool {
	v, ok := r.resolve(v)
	if !ok {
		return false
	}
	b, ok := v.node.(*ast.BoolNode)
	if !ok {
		r.complain(v, "must be true or false, not %s", kind(v.node))
		return false
	}
	return b.Value
}

func (r *reader) choice(v value, allowed ...string) string {
	s := r.text(v, 1, maxWord)
	if s != "" && !slices.Contains(allowed, s) {
		r.complain(v, "must be one of %s", strings.Join(allowed, ", "))
	}
	return s
}

// plain reads anything that JSON can hold.
func (r *reader) plain(v value) any {
	v, ok := r.resolve(v)
	if !ok {
		return nil
	}
	if s, ok := scalarText(v.node); ok {
		if len(s) > maxText || !utf8.ValidString(s) {
			r.complain(v, "must be valid UTF-8 of at most %d bytes", maxText)
		}
		return s
	}
	switch n := v.node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return r.number(v)
	case *ast.SequenceNode:
		out := []any{}
		r.list(v, maxNodes, func(v value) { out = append(out, r.plain(v)) })
		return out
	case *ast.MappingNode, *ast.MappingValueNode:
		out := map[string]any{}
		r.entries(v, func(name string, v value) { out[name] = r.plain(v) })
		return out
	default:
		r.complain(v, "must be a text, a number, true or false, a list or a map, not %s", kind(v.node))
		return nil
	}
}

// exact is the largest whole number that a float64, and so JSON as it is
// stored, keeps exactly.
const exact = 1 << 53

func (r *reader) number(v value) any {
	var f float64
	switch n := v.node.(type) {
	case *ast.FloatNode:
		f = n.Value
	case *ast.IntegerNode:
		switch i := n.Value.(type) {
		case int64:
			f = float64(i)
		case uint64:
			f = float64(i)
		}
		if math.Abs(f) > exact {
			r.complain(v, "is too large a number; put it in quotes")
		}
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		r.complain(v, "is not a number")
		return nil
	}
	return f
}

func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	default:
		return "", false
	}
}

// kind names what a node is, for people.
func kind(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	default:
		return "something else"
	}
}

// position is where a node begins; of a map in block style that is its first
// key, not the colon that the parser names.
func position(n ast.Node) place {
	switch m := n.(type) {
	case *ast.MappingValueNode:
		return position(m.Key)
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return position(m.Values[0].Key)
		}
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return place{}
	}
	p := n.GetToken().Position
	return place{p.Line, p.Column}
}
