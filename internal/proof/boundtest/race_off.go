//go:build !race

package boundtest

const underRace = false
