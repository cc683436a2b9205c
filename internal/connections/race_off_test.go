//go:build !race

package connections

const underRace = false
