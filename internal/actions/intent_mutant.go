//go:build mutant_nointent

package actions

const heedIntent = false
