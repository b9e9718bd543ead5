//go:build race

package uplink

// raceDetector: it makes long simulations five times as long, so that fewer
// says that they are shorter under it.
const raceDetector = true
