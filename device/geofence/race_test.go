//go:build race

package geofence

// raceDetector makes the long tests shorter: it slows them thirtyfold.
const raceDetector = true
