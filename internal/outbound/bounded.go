//go:build !mutant_nolimits

package outbound

// bounded has answers refused that are larger than expected. `make
// hostile-mutants` switches it off to show that it is needed. No release is built
// that way.
const bounded = true
