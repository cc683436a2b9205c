package httptarget

import (
	"errors"
	"slices"
	"text/template/parse"
)

// errSecretPlace is why a template is refused that has a secret where it does not
// belong.
var errSecretPlace = errors.New("uses a secret; only addresses and headers of requests may")

// errForm is why a template is refused that would write a secret in a form in
// which nobody recognises it: an answer or an error that repeats it would show it.
var errForm = errors.New(`may write a secret as it is, by raw, or by base64, print and printf, and in no other way`)

// checkSecrets lets secrets be written only in the forms that secret.Mask finds
// again.
func checkSecrets(tree *parse.Tree) error {
	if tree == nil || !badForm(tree.Root) {
		return nil
	}
	return errForm
}

// badForm reports whether a node uses a secret otherwise.
func badForm(n parse.Node) bool {
	branch := func(b *parse.BranchNode) bool {
		return hasSecret(b.Pipe) || badForm(b.List) || b.ElseList != nil && badForm(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return n != nil && slices.ContainsFunc(n.Nodes, badForm)
	case *parse.ActionNode:
		return len(n.Pipe.Decl) > 0 && hasSecret(n.Pipe) || badPipe(n.Pipe)
	case *parse.IfNode:
		return branch(&n.BranchNode)
	case *parse.WithNode:
		return branch(&n.BranchNode)
	case *parse.RangeNode:
		return branch(&n.BranchNode)
	default:
		return false
	}
}

// badPipe reports whether a pipeline hands a secret to a function that is not
// to have it.
func badPipe(p *parse.PipeNode) bool {
	found := false
	for _, c := range p.Cmds {
		hasIt := found
		for _, a := range c.Args {
			switch a := a.(type) {
			case *parse.PipeNode:
				if badPipe(a) {
					return true
				}
				hasIt = hasIt || hasSecret(a)
			case *parse.ChainNode:
				if hasSecret(a) {
					return true
				}
			}
		}
		if hasIt && !keepsForm(c) {
			return true
		}
		found = found || hasIt || isSecret(c)
	}
	return false
}

// keepsForm reports whether a command writes a secret in a form that is found
// again. A pair of brackets alone is no function.
func keepsForm(c *parse.CommandNode) bool {
	switch fn := c.Args[0].(type) {
	case *parse.IdentifierNode:
		return slices.Contains([]string{"raw", "base64", "print", "printf"}, fn.Ident)
	case *parse.PipeNode:
		return len(c.Args) == 1
	default:
		return false
	}
}

func isSecret(c *parse.CommandNode) bool {
	fn, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && fn.Ident == "secret"
}

func hasSecret(n parse.Node) bool {
	found := false
	visit(n, func(c *parse.CommandNode) { found = found || isSecret(c) })
	return found
}
