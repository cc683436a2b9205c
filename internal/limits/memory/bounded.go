//go:build !mutant_nolimits

package memory

// bounded has work wait for memory. `make hostile-mutants` switches it off to
// show that it is needed. No release is built that way.
const bounded = true
