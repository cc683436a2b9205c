//go:build mutant_hiddengone

package targets

const unseen = VerdictGone
