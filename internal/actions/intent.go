//go:build !mutant_nointent

package actions

// heedIntent has a create whose outcome is unknown looked up before another
// is sent. `make chaos-mutants` switches it off to prove that it is needed; no
// release is built so.
const heedIntent = true
