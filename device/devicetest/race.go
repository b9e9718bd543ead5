//go:build race

package devicetest

// raceDetector makes the long parts shorter: it slows them thirtyfold.
const raceDetector = true
