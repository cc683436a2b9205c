//go:build mutant_noobservefence

package connections

const observing = false
