//go:build !race

package quarantine

// allowed limits what a process of a test may allocate.
const allowed = Memory

const raceDetector = false
