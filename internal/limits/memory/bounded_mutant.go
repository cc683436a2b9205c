//go:build mutant_nolimits

package memory

const bounded = false
