//go:build race

package boundtest

// underRace reports that the race detector is on. It empties pools at random, so
// what is allocated then says nothing about the program.
const underRace = true
