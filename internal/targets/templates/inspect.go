package templates

import (
	"errors"
	"fmt"
	"slices"
	"text/template/parse"
)

const (
	// maxNumber bounds the numbers in a template, and maxLoops how deep loops
	// may nest: `range` counts.
	maxNumber = 1000
	maxLoops  = 2
)

// Inspection holds what a template's text shows without running it.
type Inspection struct {
	// Fields are those that it names by a literal: {{field "Effort"}}.
	Fields []string
	// Actions is set if there is anything between braces.
	Actions bool
}

// Inspect refuses what a template must not hold, because of what it could cost:
// large numbers, deeply nested loops. Its error is a sentence that goes after
// the setting's path.
func Inspect(tree *parse.Tree) (Inspection, error) {
	walk := &inspection{}
	if tree != nil { // an empty text has none
		walk.node(tree.Root, 0)
	}
	if walk.wrong != "" {
		return walk.Inspection, errors.New(walk.wrong)
	}
	slices.Sort(walk.Fields)
	walk.Fields = slices.Compact(walk.Fields)
	return walk.Inspection, nil
}

// inspection looks through a template for what must not be there, and for the
// fields that it names.
type inspection struct {
	Inspection
	wrong string
}

func (w *inspection) node(n parse.Node, loops int) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				w.node(c, loops)
			}
		}
	case *parse.ActionNode:
		w.node(n.Pipe, loops)
	case *parse.PipeNode:
		if n != nil {
			if n.IsAssign {
				w.wrong = "sets a variable again, which could make it grow without end"
			}
			for _, c := range n.Cmds {
				w.node(c, loops)
			}
		}
	case *parse.CommandNode:
		w.command(n, loops)
	case *parse.IfNode:
		w.branch(n.BranchNode, loops)
	case *parse.WithNode:
		w.branch(n.BranchNode, loops)
	case *parse.RangeNode:
		if loops == maxLoops {
			w.wrong = fmt.Sprintf("nests more than %d loops", maxLoops)
			return
		}
		w.loop(n.Pipe)
		w.branch(n.BranchNode, loops+1)
	case *parse.ChainNode:
		w.node(n.Node, loops)
	case *parse.IdentifierNode:
		w.called(n.Ident)
	case *parse.NumberNode:
		if !n.IsInt || n.Int64 > maxNumber || n.Int64 < -maxNumber {
			w.wrong = fmt.Sprintf("has the number %s; whole numbers up to %d are possible", n.Text, maxNumber)
		}
	}
}

// loop wants a list of the item's to go over: a number, or what a text is
// long, could make a loop that does not end in time.
func (w *inspection) loop(pipe *parse.PipeNode) {
	if len(pipe.Cmds) == 1 {
		switch n := pipe.Cmds[0].Args[0].(type) {
		case *parse.FieldNode:
			return
		case *parse.VariableNode:
			if len(n.Ident) > 1 {
				return
			}
		case *parse.IdentifierNode: // of the functions only these can give a number
			if !slices.Contains([]string{"and", "or", "index", "default"}, n.Ident) {
				return
			}
		}
	}
	w.wrong = "loops over something else than a list of the item, such as .Tags"
}

// called refuses functions that make long texts out of short ones.
func (w *inspection) called(name string) {
	switch name {
	case "print", "println", "html", "js", "urlquery", "call", "len", "slice":
		w.wrong = fmt.Sprintf("uses %s, which is not there; see docs/trackers.md for what is", name)
	}
}

// calls refuses a printf that cannot work, or could make a long text of nothing.
func (w *inspection) calls(n *parse.CommandNode) {
	fn, ok := n.Args[0].(*parse.IdentifierNode)
	if !ok || fn.Ident != "printf" || len(n.Args) < 2 {
		return
	}
	if format, ok := n.Args[1].(*parse.StringNode); !ok || widens(format.Text) {
		w.wrong = "uses printf with something else than a format in quotes without widths"
	}
}

func (w *inspection) branch(n parse.BranchNode, loops int) {
	w.node(n.Pipe, loops)
	w.node(n.List, loops)
	w.node(n.ElseList, loops)
}

func (w *inspection) command(n *parse.CommandNode, loops int) {
	w.Actions = true
	w.calls(n)
	if fn, ok := n.Args[0].(*parse.IdentifierNode); ok && fn.Ident == "field" {
		if len(n.Args) != 2 {
			w.wrong = `must name a field in quotes: {{field "Effort"}}`
			return
		}
		name, ok := n.Args[1].(*parse.StringNode)
		if !ok {
			w.wrong = `must name a field in quotes: {{field "Effort"}}`
			return
		}
		w.Fields = append(w.Fields, name.Text)
		return
	}
	for _, a := range n.Args {
		w.node(a, loops)
	}
}
