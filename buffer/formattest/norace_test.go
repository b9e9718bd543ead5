//go:build !race

package formattest_test

const raceDetector = false
