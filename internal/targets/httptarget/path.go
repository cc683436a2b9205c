package httptarget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"
	"github.com/theory/jsonpath/spec"

	"pushbutton/internal/targets/text"
)

// maxPath bounds a JSONPath, in bytes.
const maxPath = 500

// path is a JSONPath (RFC 9535); the nil path selects nothing.
type path struct{ p *jsonpath.Path }

// parsePath reads a JSONPath in which {{var "name"}} stands for constants.
func (e *env) parsePath(expr string) (*path, error) {
	var wrong error
	expr = varInPath().ReplaceAllStringFunc(expr, func(action string) string {
		name := varInPath().FindStringSubmatch(action)[1]
		value, ok := e.vars[name]
		switch {
		case !ok:
			wrong = fmt.Errorf("uses the variable %q, which settings.vars does not have", name)
		case strings.Trim(value, pathSafe) != "":
			wrong = fmt.Errorf("uses the variable %q, whose value has a character that a JSONPath cannot take here", name)
		}
		return value
	})
	if wrong != nil {
		return nil, wrong
	}
	if len(expr) > maxPath || strings.Count(expr, "..") > 1 || strings.Count(expr, "?") > 1 || rootInFilter().MatchString(expr) {
		return nil, fmt.Errorf("must be a JSONPath of at most %d bytes with at most one .. and one filter, which does not begin at $ again", maxPath)
	}
	if strings.Count(expr, ",") > maxCommas {
		return nil, fmt.Errorf("must be a JSONPath with at most %d commas", maxCommas)
	}
	if _, filter, _ := strings.Cut(expr, "?"); strings.Contains(filter, "..") && strings.Contains(expr, ",") {
		return nil, errors.New("must be a JSONPath whose filter has no .. beside commas")
	}
	if len(matching().FindAllString(expr, -1)) != len(matchingLittle().FindAllString(expr, -1)) {
		return nil, errors.New("must give match and search a pattern in quotes of at most 50 bytes without braces")
	}
	p, err := jsonpath.Parse(expr)
	if err != nil {
		return nil, fmt.Errorf("is not a JSONPath: %s", text.Title(strings.TrimPrefix(err.Error(), "jsonpath: "), 120))
	}
	return &path{p}, nil
}

const pathSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/ "

// What a JSONPath may cost has to stay in proportion to the answer.
// A comma selects the same again, and in each step anew: 30 steps of ['a','a']
// select a thousand million times. In a filter, .. copies what is below each
// level of the answer, so no comma may repeat it. A pattern is read anew for
// each value.
const maxCommas = 4

func matching() *regexp.Regexp { return regexp.MustCompile(`(?:match|search)\s*\(`) }

func matchingLittle() *regexp.Regexp {
	return regexp.MustCompile(`(?:match|search)\s*\([^,'"]*,\s*(?:'[^'{]{0,50}'|"[^"{]{0,50}")\s*\)`)
}

func rootInFilter() *regexp.Regexp { return regexp.MustCompile(`\?.*[^'"]\$[.\[]`) }

func varInPath() *regexp.Regexp { return regexp.MustCompile(`\{\{\s*var\s+"([^"]*)"\s*\}\}`) }

// nodes are what the path selects. A panic of the library selects nothing: an
// answer to a create must be read to its end, or the push makes another issue.
func (p *path) nodes(doc any) (selected []any) {
	if p == nil || doc == nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			selected = nil
		}
	}()
	selected = []any{doc}
	for _, step := range p.p.Query().Segments() {
		var next []any
		for _, n := range selected {
			next = gather(next, step, n, doc)
		}
		selected = next
	}
	return selected
}

// gather adds what a step selects from n. The library's own Select copies what
// .. finds once for each level that it stands below.
func gather(into []any, step *spec.Segment, n, doc any) []any {
	for _, s := range step.Selectors() {
		into = append(into, s.Select(n, doc)...)
	}
	if !step.IsDescendant() {
		return into
	}
	switch n := n.(type) {
	case []any:
		for _, v := range n {
			into = gather(into, step, v, doc)
		}
	case map[string]any:
		for _, v := range n {
			into = gather(into, step, v, doc)
		}
	}
	return into
}

// first is the first node that is not null.
func (p *path) first(doc any) any {
	for _, n := range p.nodes(doc) {
		if n != nil {
			return n
		}
	}
	return nil
}

// text is the first node that is a text or a number, as text.
func (p *path) text(doc any) string {
	for _, n := range p.nodes(doc) {
		if s := scalar(n); s != "" {
			return s
		}
	}
	return ""
}

// isTruthy reports whether the path selects anything that says yes: not null,
// false, 0 or an empty text.
func (p *path) isTruthy(doc any) bool {
	return slices.ContainsFunc(p.nodes(doc), func(n any) bool {
		switch n := n.(type) {
		case nil:
			return false
		case bool:
			return n
		case string:
			return n != ""
		case json.Number:
			f, err := n.Float64()
			return err != nil || f != 0
		default:
			return true
		}
	})
}

// scalar is a text, a number or a truth value as text, "" for anything else.
func scalar(n any) string {
	switch n := n.(type) {
	case string:
		return n
	case json.Number:
		return n.String()
	case bool:
		return strconv.FormatBool(n)
	default:
		return ""
	}
}

// decode reads a whole body as one JSON value; numbers keep their digits.
func decode(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("the answer is not JSON")
	}
	if dec.More() {
		return nil, errors.New("the answer is more than one JSON value")
	}
	return doc, nil
}
