//go:build !mutant_noreadback

package actions

// readBack has a run read the button after it told Productboard. `make
// chaos-mutants` switches it off to prove that it is needed. No release is built
// without it.
const readBack = true
