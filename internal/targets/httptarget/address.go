package httptarget

import (
	"errors"
	"net/url"
	"strings"
	"text/template/parse"

	"pushbutton/internal/targets/templates"
)

// address is the template of an address whose scheme, host and port are known
// before any item is: no item can lead a request, and the credentials in it,
// elsewhere.
type address struct {
	*tmpl
	origin string // "https://tracker.example.com"
}

// parseAddress reads the template of an address.
func (e *env) parseAddress(text string) (*address, error) {
	t, err := e.read(text, useURL)
	if err != nil {
		return nil, err
	}
	fixed, err := e.beginning(t.parsed.Tree())
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(fixed)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must begin with https:// or http:// and a host")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password")
	}
	return &address{tmpl: t, origin: u.Scheme + "://" + u.Host}, escapeTree(t.parsed.Tree(), useURL)
}

// beginning is the address up to where its host surely ends. Only text and
// variables of the settings may stand there; a variable may hold a path too.
func (e *env) beginning(tree *parse.Tree) (string, error) {
	if tree == nil {
		return "", nil
	}
	var fixed strings.Builder
	for _, n := range tree.Root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			fixed.Write(n.Text)
			continue
		case *parse.ActionNode:
			if name, ok := variable(n); ok {
				fixed.WriteString(e.vars[name])
				continue
			}
		}
		return finished(fixed.String())
	}
	return fixed.String(), nil
}

// finished returns an address' beginning if its host has ended in it.
func finished(fixed string) (string, error) {
	_, rest, ok := strings.Cut(fixed, "://")
	if !ok || !strings.ContainsAny(rest, "/?") {
		return "", errors.New(`must name its host itself or by {{var "name"}}: nothing else may lead a request elsewhere`)
	}
	return fixed, nil
}

// variable returns the name in {{var "name"}}.
func variable(n *parse.ActionNode) (string, bool) {
	if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 {
		return "", false
	}
	c := n.Pipe.Cmds[0]
	if fn, ok := c.Args[0].(*parse.IdentifierNode); !ok || fn.Ident != "var" {
		return "", false
	}
	return literal(c)
}

// render fills the address in and sees once more that it leads to where it
// was said to.
func (a *address) render(b *templates.Budget, data any) (string, error) {
	text, err := a.run(b, data)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme+"://"+u.Host != a.origin || u.User != nil || u.Fragment != "" {
		return "", errors.New("the address is not what the settings describe")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "", errors.New("the address has a segment that leads out of it")
		}
	}
	return text, nil
}
