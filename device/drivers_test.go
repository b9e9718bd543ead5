package device_test

import (
	"maps"
	"slices"
	"testing"

	"portti/device"
	"portti/device/devicetest"
)

// TestDrivers has one line for each driver.
func TestDrivers(t *testing.T) {
	lines := map[string]devicetest.Options{
		"ble-bridge": {Allocs: 4},                // details, answers
		"gps":        {Allocs: 8, Unfinished: 2}, // details, the log; a position is two messages
		"lines":      {},
	}
	kinds := device.Kinds()
	if tested := slices.Sorted(maps.Keys(lines)); !slices.Equal(tested, kinds.Names()) {
		t.Errorf("tested are %v, but there are %v", tested, kinds.Names())
	}
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) { devicetest.Run(t, k, lines[k.Name]) })
	}
}
