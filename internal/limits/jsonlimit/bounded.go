//go:build !mutant_nolimits

package jsonlimit

// bounded has Scan refuse. `make hostile-mutants` switches it off to show that it
// is needed. No release is built that way.
const bounded = true
