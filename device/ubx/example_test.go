package ubx_test

import (
	"fmt"
	"time"

	"portti/device/ubx"
)

func Example() {
	join := ubx.NewJoiner(nil, func(f *ubx.Fix) {
		if f.Has&ubx.Position != 0 {
			fmt.Println(time.UnixMilli(f.Time).UTC(), f.Lat, f.Lon, f.Sats, f.HAcc)
		}
	})
	pvt := []byte("\x20\xa4\x58\x11\xe1\x07\x07\x13\x08\x32\x00\x37\x0a\x00\x00\x00\x00\x08\xaf\x2f\x03\x01\x00\x0e" + // iTOW, date, time, fix
		"\x28\x2f\x2e\x0f\x70\xe3\xbf\x26\x50\x63\x00\x00\xdf\x70\x00\x00\x6c\x04\x00\x00\x42\x06\x00\x00" + // place, errors
		"\xf6\xff\xff\xff\xe4\xff\xff\xff\x26\x00\x00\x00\x1e\x00\x00\x00\x8a\x05\x30\x00\xe5\x00\x00\x00\x78\x5f\x0d\x00\x91\x00" + // velocity
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b := []byte("$GNRMC,085000.80,A,6500.74400,N,02528.08600,E,0.1,57.30,190717,,,A*4E\r\n") // as it was read
	b = ubx.Append(b, ubx.NavPVT, pvt...)
	b = ubx.Append(b, ubx.NavEOE, pvt[:4]...)
	for {
		before, f, _ := ubx.Next(b, false) // b[:before] is for whoever reads text
		if f.Form == ubx.None {
			break
		}
		if f.Form == ubx.UBX {
			join.Add(f.ID, f.Payload)
		}
		b = b[before+f.Size:]
	}
	join.Idle() // when the line has been quiet for a while
	// Output:
	// 2017-07-19 08:50:00.8 +0000 UTC 65010980800 25468496800 14 11320
}
