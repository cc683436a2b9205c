//go:build mutant_nofence

package connections

const fencing = false
