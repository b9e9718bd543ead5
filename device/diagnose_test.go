package device

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/uarttest"
	"portti/device/ubx"
)

// said is a second or two of devices that send text, and of some that do not.
func said() map[string][]byte {
	r := rand.New(rand.NewPCG(91, 92))
	var nmea, object, sparse strings.Builder
	random := make([]byte, 2000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for i := range 30 {
		nmea.WriteString(cycle(fmt.Sprintf("1200%02d.00", i), fmt.Sprintf("65%02d.%05d", r.IntN(60), r.IntN(100_000)), "10.0", "57.30"))
		fmt.Fprintf(&object, "{\"temp\":%d.%02d,\"humd\":%d,\"airp\":%d}\r\n", 15+r.IntN(15), r.IntN(100), r.IntN(100), 99_000+r.IntN(3000))
		frame := make([]byte, 64)
		copy(frame, "\xAA\x55\x01\x40")
		for j := range 15 {
			frame[4+4*j] = byte(r.IntN(256))
		}
		sparse.Write(frame)
	}
	return map[string][]byte{"NMEA": []byte(nmea.String()), "JSON": []byte(object.String()), "random frames": random, "sparse frames": []byte(sparse.String())}
}

// TestSpeedOf: at the right speed nothing is said to be at a wrong one, and the
// direction is never the wrong one.
func TestSpeedOf(t *testing.T) {
	for name, sent := range said() {
		for _, pause := range []int{0, 3} {
			if s := speedOf(sent[:sampleSize]); s != 0 {
				t.Errorf("%s at the right speed: %d", name, s)
			}
			for _, sentAt := range []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200} {
				for _, readAt := range []int{4800, 9600, 19200, 38400, 115200} {
					got := uarttest.Heard(sent, pause, float64(sentAt)/float64(readAt))
					got = got[:min(len(got), sampleSize)]
					s := speedOf(got)
					lower := sentAt*2 <= readAt
					text := name == "NMEA" || name == "JSON"
					switch {
					case sentAt == readAt && s != 0, lower && s > 0, sentAt > readAt && s < 0:
						t.Errorf("%s sent at %d and read at %d: %d", name, sentAt, readAt, s)
					case lower && s == 0:
						t.Errorf("%s sent at %d and read at %d: not seen", name, sentAt, readAt)
					case text && sentAt >= readAt*2 && s == 0 && len(got) > 100:
						t.Logf("%s sent at %d and read at %d, pause %d: not seen, %d bytes", name, sentAt, readAt, pause, len(got))
					}
				}
			}
		}
	}
}

// ubxOf is a frame of u-blox's binary format.
func ubxOf(class, id byte, payload []byte) []byte {
	return ubx.Append(nil, ubx.ID(class)<<8|ubx.ID(id), payload...)
}

// TestDiagnose: what is recognised is named, advice on the speed comes only where the
// bytes say so, and in the right direction.
func TestDiagnose(t *testing.T) {
	gps, lines := gpsKind(), linesKind()
	payload := make([]byte, 92)
	for i := range payload {
		payload[i] = byte(7 + i)
	}
	ubxStream := strings.Repeat(string(ubxOf(1, 7, payload)), 3)
	all := said()
	for _, row := range []struct {
		name  string
		kind  Kind
		bytes string
		want  diagnosis
	}{
		{"UBX without a fix, for a gps", gps, ubxStream[30:], diagnosis{CodeUnknown, "binary u-blox (UBX) without values that can be used", "Switch on NAV-PVT, or NMEA, in the receiver with its maker's program"}},
		{"UBX for lines", lines, ubxStream, diagnosis{CodeUnknown, "binary u-blox (UBX)", "Set type = \"gps\" in this [[device]], then: `sudo portti reload`"}},
		{"RTCM 3", gps, strings.Repeat("\xd3\x00\x13\x3e\xd7\xd3\x02\x02\x98\x0e\xde\xef\x34\xb4\xbd\x62\xac\x09\x41\x98\x6f\x33\x36\x0b\x98", 4), diagnosis{CodeUnknown, "RTCM 3 corrections", "Switch the receiver to NMEA with its maker's program"}},
		{"SiRF", gps, strings.Repeat("\xa0\xa2\x00\x03\x01\x02\x03\x00\x06\xb0\xb3", 9), diagnosis{CodeUnknown, "binary SiRF", "Switch the receiver to NMEA with its maker's program"}},
		{"MTK", gps, strings.Repeat("\x04\x24\x0b\x00\x01\x01\x05\x06\x08\x0d\x0a", 9), diagnosis{CodeUnknown, "binary MTK", "Switch the receiver to NMEA with its maker's program"}},
		{"TSIP", gps, strings.Repeat("\x10\x41\x48\x9b\x10\x10\x00\x10\x03", 9), diagnosis{CodeUnknown, "binary Trimble (TSIP) or Garmin", "Switch the receiver to NMEA with its maker's program"}},
		{"MAVLink", gps, strings.Repeat("\xfe\x03\x01\x01\x01\x00\x05\x06\x07\xaa\xbb\xfe\x03\x02\x01\x01\x00\x05\x06\x07\xaa\xbb", 5), diagnosis{CodeUnknown, "MAVLink", checkType}},
		{"MAVLink 2", gps, strings.Repeat("\xfd\x01\x00\x00\x01\x01\x01\x00\x00\x00\x05\xaa\xbb\xfd\x01\x00\x00\x02\x01\x01\x00\x00\x00\x05\xaa\xbb", 9), diagnosis{CodeUnknown, "MAVLink", checkType}},
		{"Plantower", lines, strings.Repeat("\x42\x4d\x00\x04\x00\x0c\x00\x9f", 9), diagnosis{CodeUnknown, "Plantower frames of a dust sensor", checkType}},
		{"Modbus RTU", lines, strings.Repeat("\x01\x03\x02\x00\xd7\xf8\x1a", 9), diagnosis{CodeUnknown, "Modbus RTU", checkType}},
		{"NMEA for lines", lines, string(all["NMEA"]), diagnosis{CodeUnknown, "NMEA 0183", "Set type = \"gps\" in this [[device]], then: `sudo portti reload`"}},
		{"JSON for a gps", gps, string(all["JSON"]), diagnosis{CodeUnknown, "JSON lines", "Set type = \"lines\" in this [[device]], then: `sudo portti reload`"}},
		{"random bytes", gps, string(all["random frames"]), diagnosis{CodeUnknown, "a binary format that is not known here", checkType}},
		{"sparse frames", lines, string(all["sparse frames"]), diagnosis{CodeUnknown, "a binary format that is not known here", checkType}},
		{"a higher speed set than sent", gps, string(uarttest.Heard(all["NMEA"], 0, 0.5)), diagnosis{CodeWrongBaud, "a lower", "Try baud = 4800, then 2400, then 1200 in this [[device]], then: `sudo portti reload`"}},
		{"a lower speed set than sent", gps, string(uarttest.Heard(all["NMEA"], 0, 4)), diagnosis{CodeWrongBaud, "a higher", "Try baud = 19200, then 38400, then 57600, then 115200 in this [[device]], then: `sudo portti reload`"}},
		{"text", lines, strings.Repeat("hello out there, this is no reading\n", 4), diagnosis{code: CodeGarbage}},
		{"nothing", lines, "", diagnosis{code: CodeGarbage}},
	} {
		if got := diagnose(Kinds(), []byte(row.bytes)[:min(len(row.bytes), sampleSize)], row.kind, 9600, false); row.name != "nothing" && got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
	if got := trySpeeds(0, true); !strings.Contains(got, "manual") {
		t.Errorf("a speed that is not ours: %s", got)
	}
}

// TestUBXOnAGPSPort: frames at the right speed that say nothing that can be are named, and
// the speed is not blamed.
func TestUBXOnAGPSPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		w := watchOne(t, Config{Name: "gps", Type: "gps", Port: "/dev/fake", ID: tuid}, always(line))
		defer w.stop()
		for i := range 15 {
			payload := make([]byte, 92)
			for j := range payload {
				payload[j] = byte(i*7 + j)
			}
			line.feed <- string(ubxOf(1, 7, payload))
			time.Sleep(time.Second)
		}
		w.is("UBX", Garbage, CodeUnknown)
		if s := w.set.Status()[0]; s.Found != "binary u-blox (UBX) without values that can be used" || !strings.Contains(s.Remedy, "NMEA") || s.Baud != 9600 {
			t.Errorf("found %q, remedy %q, baud %d", s.Found, s.Remedy, s.Baud)
		}
	})
}

// TestDiagnoseMakesNoTable: it runs for each read of a port on which nothing is decoded,
// and the table of kinds is made of files.
func TestDiagnoseMakesNoTable(t *testing.T) {
	kinds := Kinds()
	k, _ := kinds.Named("lines")
	noise := make([]byte, sampleSize)
	for i := range noise {
		noise[i] = byte(i * i * 7 >> 3)
	}
	made := testing.AllocsPerRun(5, func() { Kinds() })
	if n := testing.AllocsPerRun(5, func() { diagnose(kinds, noise, k, 9600, false) }); n > made/2 {
		t.Errorf("%v allocations; the table alone is %v", n, made)
	}
}
