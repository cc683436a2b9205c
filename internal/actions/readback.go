//go:build !mutant_noreadback

package actions

// readBack has a button read after Productboard was told. `make
// chaos-mutants` switches it off to prove that it is needed; no release is
// built so.
const readBack = true
