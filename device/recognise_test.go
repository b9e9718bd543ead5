package device

import "testing"

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		kind, name, in string
		least, most    float64
	}{
		{"gps", "NMEA 0183", "GA,x*00\r\n" + cycle("120000.00", "6500.74400", "10.0", "57.30") + "$GPR", 1, 1},
		{"gps", "NMEA 0183", "\n$GPTXT,hello*00\r\n" + sum("GPVTG,,,,,,,,,N"), 0.4, 0.6},
		{"gps", "NMEA 0183", "\n{\"temp\":1}\n", 0, 0},
		{"lines", "JSON lines", "p\":1}\n{\"temp\":1}\n{\"humd\":2}\n{\"te", 1, 1},
		{"lines", "key=value lines", "\ntemp=1 humd=2\n# started\ntemp=2\n", 0.6, 0.8},
		{"lines", "JSON lines", "\nhello world\na = b\n", 0, 0},
		{"ble-bridge", "Bluetooth receiver", "\n{\"mac\":\"CB:B8:33:4C:88:4F\",\"rssi\":-61,\"adv\":\"020106\"}\n", 1, 1},
		{"ble-bridge", "Bluetooth receiver", "\n{\"temp\":1}\n", 0, 0},
	} {
		k, _ := Kinds().Named(c.kind)
		if name, share := k.Recognise([]byte(c.in)); name != c.name || share < c.least || share > c.most {
			t.Errorf("%s: %q, %.2f of %q", c.kind, name, share, c.in)
		}
	}
}
