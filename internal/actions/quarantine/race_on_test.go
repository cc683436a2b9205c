//go:build race

package quarantine

// allowed limits what a process of a test may allocate. The race detector's own
// memory is many times that of the program.
const allowed = 64 << 30

const raceDetector = true
