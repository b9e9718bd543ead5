//go:build race

package uplink

// raceDetector says that this run is under the race detector, which makes long
// simulations five times as long; see fewer.
const raceDetector = true
