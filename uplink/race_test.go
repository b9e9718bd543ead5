//go:build race

package uplink

// raceDetector: the race detector makes long simulations five times as long, so they
// are shorter there. The runs on emulated ARM have them whole.
const raceDetector = true
