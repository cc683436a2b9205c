//go:build !mutant_noobservefence

package connections

// observing rejects readings of a record that has changed since. `make
// refresh-chaos-mutants` switches it off to prove that it is needed; no release is
// built so.
const observing = true
