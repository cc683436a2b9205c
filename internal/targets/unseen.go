//go:build !mutant_hiddengone

package targets

// unseen is the verdict on an issue that the account cannot see. `make
// refresh-chaos-mutants` takes it for a deletion; no release is built so.
const unseen = VerdictHidden
