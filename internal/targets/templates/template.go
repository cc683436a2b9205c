package templates

import (
	"errors"
	htmltemplate "html/template"
	"strings"
	"sync"
	texttemplate "text/template"
	"text/template/parse"
)

// Template is a parsed template. It is safe for concurrent use once its tree
// is not changed any more.
type Template struct {
	text  *texttemplate.Template
	html  *htmltemplate.Template
	bound sync.Once
}

// Name is what templates are called in the errors of Go's packages.
const Name = "template"

// ErrCalls refuses templates that call others: a recursion unwinds slowly, also
// when a budget ends it. It is a sentence that goes after a template's name.
var ErrCalls = errors.New("must not use define, block or template")

// Text parses a template that text/template runs. funcs are the functions that
// it may call; Execute has them again.
func Text(text string, funcs map[string]any) (*Template, error) {
	made, err := texttemplate.New(Name).Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	if len(made.Templates()) > 1 || calls(made.Tree) {
		return nil, ErrCalls
	}
	return &Template{text: made}, nil
}

// HTML parses a template that html/template runs.
func HTML(text string, funcs map[string]any) (*Template, error) {
	made, err := htmltemplate.New(Name).Option("missingkey=error").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	if len(made.Templates()) > 1 || calls(made.Tree) {
		return nil, ErrCalls
	}
	return &Template{html: made}, nil
}

// Tree returns the parsed tree, nil for an empty text. It may be changed until
// the first Execute.
func (t *Template) Tree() *parse.Tree {
	if t.html != nil {
		return t.html.Tree
	}
	return t.text.Tree
}

// Execute fills the template in and returns what it writes, at most limit
// bytes. funcs are the functions of this run, by the names that the template
// was parsed with. The error is b.Err() if the budget is spent or its context
// has ended.
func (t *Template) Execute(b *Budget, limit int, funcs map[string]any, data any) (string, error) {
	if t.Tree() == nil {
		return "", nil
	}
	t.bound.Do(func() { bound(t.Tree()) })
	out := &writer{budget: b, left: limit}
	err := t.execute(out, b.metered(funcs), data)
	if b.Err() != nil {
		return "", b.Err()
	}
	if err != nil {
		return "", err
	}
	return out.String(), nil
}

// The clones keep a parsed template clean: its functions belong to one run.
func (t *Template) execute(out *writer, funcs map[string]any, data any) error {
	if t.html != nil {
		own, err := t.html.Clone()
		if err != nil {
			return err
		}
		return own.Funcs(funcs).Execute(out, data)
	}
	own, err := t.text.Clone()
	if err != nil {
		return err
	}
	return own.Funcs(funcs).Execute(out, data)
}

// errWrites is the end of a template that writes more than its place takes.
var errWrites = errors.New("it writes too much")

// writer keeps what a template writes, pays for it and refuses too much.
type writer struct {
	strings.Builder
	budget *Budget
	left   int
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if err := w.budget.Charge(len(p)); err != nil {
		return 0, err
	}
	if w.left -= len(p); w.left < 0 {
		return 0, errWrites
	}
	return w.Builder.Write(p)
}
