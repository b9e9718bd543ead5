//go:build race

package device

// raceDetector makes the long tests shorter: it slows them thirtyfold.
const raceDetector = true
