package main

import (
	"runtime/debug"
	"testing"
)

func TestCollectEarly(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	collectEarly("100")
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("with GOGC in the environment the collector was set to %d", got)
	}
	collectEarly("")
	if got := debug.SetGCPercent(100); got != 50 {
		t.Errorf("the collector was set to %d, want 50", got)
	}
}
