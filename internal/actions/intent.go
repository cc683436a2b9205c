//go:build !mutant_nointent

package actions

// heedIntent has a run look up a create whose outcome is unknown before it sends
// another. `make chaos-mutants` switches it off to prove that it is needed. No
// release is built without it.
const heedIntent = true
