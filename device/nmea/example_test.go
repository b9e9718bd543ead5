package nmea_test

import (
	"fmt"
	"time"

	"portti/device/nmea"
)

func Example() {
	floor := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli() // it cannot be earlier
	scan := nmea.NewScanner(0)
	join := nmea.NewJoiner(nmea.Options{Floor: floor}, func(f *nmea.Fix) {
		if f.Valid() {
			fmt.Println(time.UnixMilli(f.Time).UTC(), f.Position.Lat, f.Position.Lon, f.Sats)
		}
	})
	b := []byte("$GPRMC,143252.00,A,4002.10513,N,07531.20562,W,5.1,84.4,221126,,,A*74\r\n" + // as it was read
		"$GPGGA,143252.00,4002.10513,N,07531.20562,W,1,07,1.72,183.8,M,-34.4,M,,*61\r\n")
	for len(b) > 0 {
		n, event := scan.Scan(b)
		b = b[n:]
		if event == nmea.Good {
			join.Add(scan.Sentence())
		}
	}
	join.Idle() // when the line has been quiet for a while
	// Output:
	// 2026-11-22 14:32:52 +0000 UTC 40035085500 -75520093667 7
}
