package config

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{
		"20kB/s": 20_000, "20KB/s": 20_000, "20 kB/s": 20_000, "20kB /s": 20_000, "1.5MB": 1_500_000, "64KiB/s": 65536, "0": 0, "0B/s": 0, " 100B/s ": 100,
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q: %d, %v", text, int64(r), err)
		}
		again := Rate(7)
		shown, _ := want.MarshalText()
		if err := again.UnmarshalText(shown); err != nil || again != want {
			t.Errorf("%d is shown as %s, which reads as %d, %v", int64(want), shown, int64(again), err)
		}
	}
	for _, text := range []string{"", "/s", "20", "20/s", "20kbit/s", "-1kB/s", "20kB/min", "20kB/s/s", "1e3B/s"} {
		r := Rate(7)
		if err := r.UnmarshalText([]byte(text)); err == nil || r != 7 {
			t.Errorf("%q accepted as %v", text, r)
		}
	}
}

// No zone named is the machine's own.
func TestZone(t *testing.T) {
	if z, err := (Uplink{}).Zone(); err != nil || z != time.Local {
		t.Errorf("zone %v, %v", z, err)
	}
}
