package templates

import (
	"slices"
	"strconv"
	"text/template/parse"
)

// The functions that the rewriting calls. They are there only when a template
// runs, so a template that calls one itself cannot be parsed.
const (
	fnStep  = "_step"
	fnSized = "_sized"
)

// paid is the variable that takes what fnStep returns. An action that sets a
// variable writes nothing, in whatever context it stands, and html/template
// leaves it alone. No template can name it.
const paid = "$ paid"

// bound rewrites a tree so that running it is paid for.
func bound(tree *parse.Tree) {
	if tree != nil && tree.Root != nil {
		boundList(tree.Root)
	}
}

// boundList has a list pay for its own nodes, each time it is walked, and
// rewrites what is in it.
func boundList(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := 1
	for _, n := range list.Nodes {
		nodes += weight(n)
		switch n := n.(type) {
		case *parse.ActionNode:
			boundPipe(n.Pipe)
			if len(n.Pipe.Decl) == 0 {
				sizePipe(n.Pipe)
			}
		case *parse.IfNode:
			boundBranch(&n.BranchNode)
		case *parse.WithNode:
			boundBranch(&n.BranchNode)
		case *parse.RangeNode:
			boundBranch(&n.BranchNode)
		}
	}
	list.Nodes = append([]parse.Node{step(list.Pos, nodes)}, list.Nodes...)
}

// calls reports whether a tree calls a template, be it itself.
func calls(tree *parse.Tree) bool {
	if tree == nil {
		return false
	}
	var in func(list *parse.ListNode) bool
	branch := func(n *parse.BranchNode) bool { return in(n.List) || in(n.ElseList) }
	in = func(list *parse.ListNode) bool {
		return list != nil && slices.ContainsFunc(list.Nodes, func(n parse.Node) bool {
			switch n := n.(type) {
			case *parse.TemplateNode:
				return true
			case *parse.IfNode:
				return branch(&n.BranchNode)
			case *parse.WithNode:
				return branch(&n.BranchNode)
			case *parse.RangeNode:
				return branch(&n.BranchNode)
			default:
				return false
			}
		})
	}
	return in(tree.Root)
}

func boundBranch(n *parse.BranchNode) {
	boundPipe(n.Pipe)
	boundList(n.List)
	boundList(n.ElseList)
}

// boundPipe has the built-in functions that read whole texts pay for them;
// every other function pays by itself.
func boundPipe(pipe *parse.PipeNode) {
	if pipe == nil {
		return
	}
	var cmds []*parse.CommandNode
	for _, c := range pipe.Cmds {
		for i, arg := range c.Args {
			boundArg(arg)
			if first := reads(c); first > 0 && i >= first {
				c.Args[i] = sizeArg(arg)
			}
		}
		if reads(c) > 0 && len(cmds) > 0 && !pays(cmds[len(cmds)-1]) {
			cmds = append(cmds, call(c.Pos, fnSized))
		}
		cmds = append(cmds, c)
	}
	pipe.Cmds = cmds
}

func boundArg(arg parse.Node) {
	switch arg := arg.(type) {
	case *parse.PipeNode:
		boundPipe(arg)
	case *parse.ChainNode:
		boundArg(arg.Node)
	}
}

// reads returns the first argument that a built-in function reads from end to
// end, 0 for none.
func reads(c *parse.CommandNode) int {
	switch called(c) {
	case "eq", "ne", "lt", "le", "gt", "ge":
		return 1
	case "index":
		return 2 // the keys
	default:
		return 0
	}
}

// pays reports whether a command is a function that pays for what it returns.
func pays(c *parse.CommandNode) bool {
	switch called(c) {
	case "", "and", "or", "not", "index", "slice", "call", "html", "js", "urlquery", "print", "println":
		return false
	default: // comparisons and len return little
		return true
	}
}

func called(c *parse.CommandNode) string {
	if fn, ok := c.Args[0].(*parse.IdentifierNode); ok {
		return fn.Ident
	}
	return ""
}

// sizeArg pays for an argument that is no constant.
func sizeArg(arg parse.Node) parse.Node {
	switch arg := arg.(type) {
	case *parse.PipeNode:
		sizePipe(arg)
		return arg
	case *parse.FieldNode, *parse.VariableNode, *parse.DotNode, *parse.ChainNode:
		pos := arg.Position()
		return &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{
			{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{arg}}, call(pos, fnSized)}}
	default:
		return arg
	}
}

// sizePipe pays for what a pipe makes, unless its last function has.
func sizePipe(pipe *parse.PipeNode) {
	if n := len(pipe.Cmds); n > 0 && !pays(pipe.Cmds[n-1]) {
		pipe.Cmds = append(pipe.Cmds, call(pipe.Pos, fnSized))
	}
}

func call(pos parse.Pos, name string, args ...parse.Node) *parse.CommandNode {
	fn := parse.NewIdentifier(name).SetPos(pos).SetTree(nil)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: append([]parse.Node{fn}, args...)}
}

// step is an action that pays for so many nodes.
func step(pos parse.Pos, nodes int) parse.Node {
	n := &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(nodes), Text: strconv.Itoa(nodes)}
	taken := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: pos, Ident: []string{paid}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos,
		Decl: []*parse.VariableNode{taken}, Cmds: []*parse.CommandNode{call(pos, fnStep, n)}}}
}

// weight counts the nodes that are evaluated when a node of a list is walked,
// without the lists inside of it.
func weight(n parse.Node) int {
	switch n := n.(type) {
	case *parse.ActionNode:
		return weight(n.Pipe)
	case *parse.IfNode:
		return 1 + weight(n.Pipe)
	case *parse.WithNode:
		return 1 + weight(n.Pipe)
	case *parse.RangeNode:
		return 1 + weight(n.Pipe)
	case *parse.PipeNode:
		sum := 0
		if n != nil {
			for _, c := range n.Cmds {
				sum += weight(c)
			}
		}
		return sum
	case *parse.CommandNode:
		sum := 0
		for _, arg := range n.Args {
			sum += weight(arg)
		}
		return sum
	case *parse.ChainNode:
		return len(n.Field) + weight(n.Node)
	case *parse.FieldNode:
		return len(n.Ident)
	case *parse.VariableNode:
		return len(n.Ident)
	default:
		return 1
	}
}
