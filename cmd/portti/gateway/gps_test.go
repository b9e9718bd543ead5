package gateway

import (
	"encoding/json"
	"testing"

	"portti/device"
	"portti/device/nmea"
)

// TestGPSDocument: what is not stated is absent, and positions are rounded as they are sent.
func TestGPSDocument(t *testing.T) {
	fix := nmea.Fix{Mode: 3, Time: 1795348800000, Position: nmea.Position{Lat: 65_012_400_049, Lon: -25_468_100_051, Present: true}, Sats: nmea.None,
		Alt: nmea.Decimal{Mantissa: 123, Digits: 1, Present: true}, ErrH: nmea.Decimal{Mantissa: 1132, Digits: 3, Present: true}, HDOP: nmea.Decimal{Mantissa: 9999, Digits: 2, Present: true}}
	for name, c := range map[string]struct {
		sky  device.Sky
		want string
	}{
		"nothing yet": {device.Sky{Name: "a", Type: "gps"}, `{"name":"a","type":"gps","fix":"none","age_s":-1,"satellites":[],"track":[]}`},
		"a fix": {device.Sky{Name: "a", Type: "gps", Heard: true, Fix: fix, Age: 400, Last: fix, LastAge: 400,
			Satellites: []device.Satellite{{System: device.GLONASS, ID: 2, Elevation: 41, Azimuth: 0, SNR: 38, Used: true}, {System: device.GPS, ID: 3, Elevation: -1, Azimuth: -1}}},
			`{"name":"a","type":"gps","fix":"3D","age_s":0.4,"position":{"age_s":0.4,"fix":"3D","time":"2026-11-22T12:00:00Z","latitude":65.0124,"longitude":-25.4681001,"altitude":12.3,"accuracy":1.132},` +
				`"satellites":[{"system":"GLONASS","id":2,"elevation":41,"azimuth":0,"snr":38,"used":true},{"system":"GPS","id":3,"snr":0,"used":false}],"track":[]}`},
		"lost": {device.Sky{Name: "a", Type: "gps", Heard: true, Fix: nmea.Fix{Mode: 1}, Age: 100, Last: nmea.Fix{Mode: 2, Position: nmea.Position{Present: true}, Sats: 4}, LastAge: 60_000},
			`{"name":"a","type":"gps","fix":"none","age_s":0.1,"position":{"age_s":60,"fix":"2D","latitude":0,"longitude":0,"satellites_used":4},"satellites":[],"track":[]}`},
	} {
		got, err := json.Marshal(gpsOf(c.sky))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, c.want)
		}
	}
}
