package httptarget

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"text/template/parse"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// Limits of what a template writes, in bytes.
const (
	maxURL    = 8 << 10
	maxHeader = 8 << 10
	maxBody   = 8 << 20
)

// use is where a template's output goes.
type use uint8

const (
	useURL    use = iota // path segments and query values, escaped
	useHeader            // one line
	useJSON              // JSON values, inside and outside of quotes
	useForm              // application/x-www-form-urlencoded
	useXML               // text and quoted attributes
	useText              // as it is
)

// env holds what templates know beside the item: constants of the settings.
type env struct {
	vars    map[string]string
	secrets map[string]secret.String
	// used collects the names of the secrets that templates use, and derived
	// what the tried templates made of secrets; sealed ends both.
	used    map[string]bool
	derived []string
	sealed  bool
	// known remembers templates: a header of every request is read once.
	known map[source]parsed
}

// source is a template's text and place, parsed what came of it.
type (
	source struct {
		text  string
		where use
	}
	parsed struct {
		tmpl *tmpl
		err  error
	}
)

// tmpl is a parsed template that was tried.
type tmpl struct {
	env    *env
	parsed *templates.Template
	max    int
}

// parse reads a template for a place. Its error is a sentence that goes after
// the setting's path.
func (e *env) parse(text string, where use) (*tmpl, error) {
	if p, ok := e.known[source{text, where}]; ok {
		return p.tmpl, p.err
	}
	t, err := e.read(text, where)
	if err == nil && t.parsed.Tree() != nil {
		err = escapeTree(t.parsed.Tree(), where)
	}
	if e.known == nil {
		e.known = map[source]parsed{}
	}
	e.known[source{text, where}] = parsed{t, err}
	return t, err
}

// read parses and inspects, and escapes nothing yet.
func (e *env) read(text string, where use) (*tmpl, error) {
	parsed, err := templates.Text(text, e.functions(nil))
	if errors.Is(err, templates.ErrCalls) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("is not a template: %s", templateMessage(err))
	}
	t := &tmpl{env: e, parsed: parsed, max: maxBody}
	switch where {
	case useURL:
		t.max = maxURL
	case useHeader:
		t.max = maxHeader
	case useJSON, useForm, useXML, useText:
	}
	if parsed.Tree() == nil { // an empty text
		return t, nil
	}
	if _, err := templates.Inspect(parsed.Tree()); err != nil {
		return nil, err
	}
	if err := e.checkNames(parsed.Tree(), where); err != nil {
		return t, err
	}
	return t, checkSecrets(parsed.Tree())
}

// run fills the template in, within a budget.
func (t *tmpl) run(b *templates.Budget, data any) (string, error) {
	return t.parsed.Execute(b, t.max, t.env.functions(b), data)
}

// functions are what a template can call beside templates.TextFunctions.
func (e *env) functions(b *templates.Budget) map[string]any {
	funcs := templates.TextFunctions(b, nil)
	funcs["var"] = func(name string) string { return e.vars[name] }
	funcs["secret"] = func(name string) string { return e.secrets[name].Reveal() }
	funcs["raw"] = func(v string) (rawText, error) { return rawText(v), rawText(v).check() }
	funcs["base64"] = e.base64
	funcs["json"] = toJSON
	funcs["int"] = whole
	funcs["dict"] = dict
	funcs["chunks"] = func(size int, v any) ([]string, error) { return chunks(b, size, v) }
	maps.Copy(funcs, escapers())
	return funcs
}

// base64 is what basic authentication is made with; what it makes of a secret
// is as secret.
func (e *env) base64(v any) string {
	text := plainOf(v)
	out := base64.StdEncoding.EncodeToString([]byte(text))
	if !e.sealed {
		for _, s := range e.secrets {
			if !s.Empty() && strings.Contains(text, s.Reveal()) {
				e.derived = append(e.derived, out)
			}
		}
	}
	return out
}

// rawText is a constant of the settings that stands for more than one segment
// of an address.
type rawText string

func (r rawText) check() error {
	if strings.ContainsAny(string(r), "?#\\@ \t\r\n") || strings.Contains(string(r), "..") {
		return errors.New("raw takes whole path segments")
	}
	return nil
}

// whole is digits as a number.
func whole(v any) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(plainOf(v)), 10, 64)
	if err != nil {
		return 0, errors.New("int takes digits")
	}
	return n, nil
}

// dict makes a JSON object of names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict takes names and values in turn")
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		out[plainOf(pairs[i])] = pairs[i+1]
	}
	return out, nil
}

// chunks cuts a text into pieces of at most size characters, for trackers that
// take long texts as a list.
func chunks(b *templates.Budget, size int, v any) ([]string, error) {
	if size <= 0 {
		return nil, errors.New("chunks takes a size above 0")
	}
	const header = 16 // of a piece, in bytes
	text := plainOf(v)
	if err := b.Afford(len(text) + len(text)/size*header); err != nil {
		return nil, err
	}
	rest := []rune(text)
	var out []string
	for len(rest) > 0 {
		n := min(size, len(rest))
		out, rest = append(out, string(rest[:n])), rest[n:]
	}
	return out, nil
}

// checkNames sees that var and secret name something that there is, by a
// literal, so that a mistake shows before the first click, and that secrets go
// where they may.
func (e *env) checkNames(tree *parse.Tree, where use) error {
	var wrong error
	visit(tree.Root, func(c *parse.CommandNode) {
		fn, ok := c.Args[0].(*parse.IdentifierNode)
		if !ok || wrong != nil {
			return
		}
		switch fn.Ident {
		case "var", "secret":
			wrong = e.checkName(fn.Ident, c, where)
		case "raw":
			wrong = checkRaw(c, where)
		}
		if strings.HasPrefix(fn.Ident, "_") {
			wrong = fmt.Errorf("calls %s, which is no function", fn.Ident)
		}
	})
	return wrong
}

func (e *env) checkName(kind string, c *parse.CommandNode, where use) error {
	name, ok := literal(c)
	switch {
	case !ok:
		return fmt.Errorf(`must name a %s in quotes: {{%s "name"}}`, kind, kind)
	case kind == "secret" && where != useURL && where != useHeader:
		return errSecretPlace
	case kind == "secret":
		e.used[name] = true
		if e.secrets[name].Empty() {
			return fmt.Errorf("uses the secret %q, which credentials does not have", name)
		}
	case e.vars[name] == "":
		if _, ok := e.vars[name]; !ok {
			return fmt.Errorf("uses the variable %q, which settings.vars does not have", name)
		}
	}
	return nil
}

// secretsOf names the secrets that a template writes.
func secretsOf(t *tmpl) []string {
	tree := t.parsed.Tree()
	if tree == nil {
		return nil
	}
	var out []string
	visit(tree.Root, func(c *parse.CommandNode) {
		if fn, ok := c.Args[0].(*parse.IdentifierNode); ok && fn.Ident == "secret" {
			if name, ok := literal(c); ok {
				out = append(out, name)
			}
		}
	})
	return out
}

// checkRaw lets raw have constants of the settings alone.
func checkRaw(c *parse.CommandNode, where use) error {
	if where == useURL && len(c.Args) == 2 {
		if pipe, ok := c.Args[1].(*parse.PipeNode); ok && len(pipe.Cmds) == 1 && constant(pipe.Cmds[0]) {
			return nil
		}
	}
	return errors.New(`may use raw in addresses only, and of a constant: {{raw (var "name")}} or {{raw (secret "name")}}`)
}

// constant reports whether a command is a var or a secret.
func constant(c *parse.CommandNode) bool {
	fn, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && (fn.Ident == "var" || fn.Ident == "secret")
}

func literal(c *parse.CommandNode) (string, bool) {
	if len(c.Args) != 2 {
		return "", false
	}
	s, ok := c.Args[1].(*parse.StringNode)
	if !ok {
		return "", false
	}
	return s.Text, true
}

// visit calls see for every command of a template.
func visit(n parse.Node, see func(*parse.CommandNode)) {
	branch := func(b *parse.BranchNode) {
		visit(b.Pipe, see)
		visit(b.List, see)
		visit(b.ElseList, see)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				visit(c, see)
			}
		}
	case *parse.ActionNode:
		visit(n.Pipe, see)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.ChainNode:
		visit(n.Node, see)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, c := range n.Cmds {
			see(c)
			for _, a := range c.Args {
				visit(a, see)
			}
		}
	}
}

// templateMessage is a template package's error without what only its authors want to
// know.
func templateMessage(err error) string {
	message := err.Error()
	for _, prefix := range []string{"template: ", "template:"} {
		message = strings.TrimPrefix(message, prefix)
	}
	message = strings.Replace(message, `executing "template" at `, "", 1)
	message, _, _ = strings.Cut(message, " in type ")
	return text.Title(message, 160)
}
