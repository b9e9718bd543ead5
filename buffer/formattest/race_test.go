//go:build race

package formattest_test

// raceDetector makes exhaustive loops take a sample: it slows them tenfold.
const raceDetector = true
