package nmea

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzStream feeds any bytes, at once and in pieces, and asks for what must
// always hold: the same events either way, right checksums, values in range.
//
// Inputs are short, here and in the other targets: the fuzzer minimises each
// input that reaches new code, which takes up to the square of its length in
// runs. With a seed of 900 bytes it got no further than that.
func FuzzStream(f *testing.F) {
	f.Add([]byte("$GPGG$GPVTG,,T,,M,0.016,N,0.030,K,A*27\r\n!AIVDM,1*00\\s:1*00\\$GPRMC,,V,,,,,,,,,,N*53"), uint8(1))
	f.Add([]byte(sum("GPGSA,A,3,27,23,13,07,25,,,,,,,,,,,,,,,,,,,,07.9,06.0,05.2")+sum("GNGNS,000000,9000.0,N,18000.0,E,NA,99,0,0,0,,,V")), uint8(3))
	f.Add([]byte(sum("GPGGA,235960.999,0000.0,S,00000.0,W,8,9999,999999999999999,-999999999999999,M,1,M,,")+sum("GPZDA,000000,31,12,2199,,")), uint8(200))
	f.Add([]byte(sum("GPGST,000000,,,,,999999999999999,1,1")+sum("GPRMC,000000,A,0000.0,N,00000.0,E,999999999999999,-1,311299,,,A")), uint8(0))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		if len(in) > 256 {
			return
		}
		const limit = 82 // the least, so that sentences beyond it come up
		events, good := scanAll(NewScanner(limit), in)
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if ev, g := scanAll(NewScanner(limit), pieces...); !slices.Equal(ev, events) || !slices.Equal(g, good) {
			t.Fatalf("in pieces of %d: %v %q, at once: %v %q", int(piece)+1, ev, g, events, good)
		}
		for _, g := range good {
			_, body, _ := bytes.Cut([]byte(g), []byte(" "))
			for _, c := range body {
				if c < ' ' || c >= 0x7f || c == '$' || c == '!' || c == '*' {
					t.Fatalf("byte %02x in %q", c, g)
				}
			}
		}
		feedAll(t, in)
	})
}

// feedAll decodes and joins everything, and checks what comes out.
func feedAll(t *testing.T, in []byte) {
	sc := NewScanner(0)
	j := NewJoiner(Options{Floor: gpsdFloor}, func(f *Fix) { checkFix(t, f) })
	for len(in) > 0 {
		n, ev := sc.Scan(in)
		if n == 0 && ev == More {
			t.Fatal("no byte taken and nothing found")
		}
		in = in[n:]
		if ev != Good {
			continue
		}
		j.Add(sc.Sentence())
		if len(in)%5 == 0 {
			j.Idle()
		}
	}
	j.Idle()
	if j.Pending() {
		t.Fatal("something is pending after Idle")
	}
}

func checkFix(t *testing.T, f *Fix) {
	switch {
	case f.Mode < 1 || f.Mode > 3:
		t.Fatalf("mode %d", f.Mode)
	case f.Position.Present != f.Valid():
		t.Fatalf("a position without a fix, or the other way: %+v", f)
	case f.Position.Lat < -90e9 || f.Position.Lat > 90e9 || f.Position.Lon < -180e9 || f.Position.Lon > 180e9:
		t.Fatalf("position %+v", f.Position)
	case f.Time != 0 && (f.Time < gpsdFloor || f.Clock == NoTime):
		t.Fatalf("time %d", f.Time)
	case f.Clock < NoTime || f.Clock > dayMillis+999:
		t.Fatalf("clock %d", f.Clock)
	}
	if mm, ok := f.Error(); ok && mm <= 0 {
		t.Fatalf("error %d mm", mm)
	}
}

// TestDamage: every beginning of a stream and every byte of it turned into
// others survives.
func TestDamage(t *testing.T) {
	in := stream()[:1200]
	for i := range in {
		feedAll(t, in[:i])
		for _, x := range []byte{0x01, 0x20, 0x80, 0xff} {
			bad := bytes.Clone(in)
			bad[i] ^= x
			feedAll(t, bad)
		}
	}
}
