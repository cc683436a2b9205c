//go:build race

package richtext

// underRace reports that the race detector is on. It makes what runs on one
// goroutine ten times as slow, and has nothing to find there.
const underRace = true
