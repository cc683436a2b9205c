//go:build !mutant_nobudget

package templates

// bounded has a Budget end. `make hostile-mutants` switches it off to check
// that it is needed; no release is built so.
const bounded = true
