//go:build mutant_nolimits

package jsonlimit

const bounded = false
