//go:build race

package boundtest

// underRace tells that the race detector is on: it empties pools at random, and
// what is allocated then says nothing of the program.
const underRace = true
