//go:build mutant_nobudget

package templates

const bounded = false
