//go:build mutant_noreadback

package actions

const readBack = false
