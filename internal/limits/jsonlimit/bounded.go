//go:build !mutant_nolimits

package jsonlimit

// bounded has Scan refuse. `make hostile-mutants` switches it off to prove that
// it is needed; no release is built so.
const bounded = true
