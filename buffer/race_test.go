//go:build race

package buffer

// raceDetector makes exhaustive loops take a sample: it slows them tenfold, and
// make storage runs them in full without it.
const raceDetector = true
