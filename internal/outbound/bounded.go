//go:build !mutant_nolimits

package outbound

// bounded has answers refused that are larger than expected. `make hostile-mutants` switches it off to prove that
// it is needed; no release is built so.
const bounded = true
