//go:build mutant_nolimits

package outbound

const bounded = false
