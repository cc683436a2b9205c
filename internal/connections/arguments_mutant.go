//go:build mutant_uncut

package connections

const maxArguments = 1 << 30
