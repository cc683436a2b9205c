//go:build !mutant_nofence

package connections

// fencing rejects changes of a worker whose run is over. `make chaos-mutants`
// switches it off to prove that it is needed; no release is built so.
const fencing = true
