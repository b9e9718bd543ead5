package geofence_test

import (
	"fmt"

	"portti/device/geofence"
)

func Example() {
	yard, err := geofence.Polygon([]geofence.Point{
		{Lat: 65.0120, Lon: 25.4680}, {Lat: 65.0120, Lon: 25.4720},
		{Lat: 65.0135, Lon: 25.4720}, {Lat: 65.0135, Lon: 25.4680},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fence := geofence.Fence{Shape: yard, Hysteresis: 20, Dwell: 2000}
	var lorry geofence.Tracker
	for second, lon := range []float64{25.4700, 25.4717, 25.4722, 25.4730, 25.4740, 25.4750} {
		if lorry.Take(&fence, geofence.Point{Lat: 65.0128, Lon: lon}, 3, int64(second)*1000) {
			fmt.Printf("after %d s: %s\n", second, lorry.Now)
		}
	}
	// Output:
	// after 0 s: inside
	// after 5 s: outside
}
