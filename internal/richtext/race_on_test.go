//go:build race

package richtext

// underRace tells that the race detector is on: it makes what runs on one
// goroutine ten times as slow, and has nothing to find there.
const underRace = true
