//go:build !mutant_nolimits

package memory

// bounded has work wait for memory. `make hostile-mutants` switches it off to prove that
// it is needed; no release is built so.
const bounded = true
