package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"portti/device/clock"
	"portti/device/ubx"
)

// ubxEpoch is NAV-PVT and NAV-DOP of so many milliseconds after gpsNoon, at 65.0124 N and
// 25.4681 E, 1.132 m.
func ubxEpoch(ms int) (pvt, dop string) {
	at := gpsNoon.Add(time.Duration(ms) * time.Millisecond)
	p, le := make([]byte, 92), binary.LittleEndian
	le.PutUint32(p, uint32((at.Unix()-315964800+18)%604800*1000)+uint32(at.Nanosecond()/1e6))
	le.PutUint16(p[4:], uint16(at.Year()))
	p[6], p[7], p[8], p[9], p[10], p[11] = byte(at.Month()), byte(at.Day()), byte(at.Hour()), byte(at.Minute()), byte(at.Second()), 0x37
	le.PutUint32(p[16:], uint32(at.Nanosecond()))
	p[20], p[21], p[23] = 3, 1, 14
	le.PutUint32(p[24:], 25_4681000)
	le.PutUint32(p[28:], 65_0124000)
	le.PutUint32(p[36:], 12_345)
	le.PutUint32(p[40:], 1_132)
	le.PutUint32(p[60:], 5_144)
	le.PutUint32(p[64:], 57_30000)
	d := make([]byte, 18)
	copy(d, p[:4])
	le.PutUint16(d[12:], 70)
	return string(ubx.Append(nil, ubx.NavPVT, p...)), string(ubx.Append(nil, ubx.NavDOP, d...))
}

// nmeaEpoch is the same in NMEA, with another HDOP.
func nmeaEpoch(ms int) string {
	at := gpsNoon.Add(time.Duration(ms) * time.Millisecond)
	return cycle(at.Format("150405.00"), "6500.74400", "10.0", "57.30")
}

// TestGPSInUBX: a receiver that speaks UBX alone gives what it states, and nothing else.
func TestGPSInUBX(t *testing.T) {
	pvt, dop := ubxEpoch(0)
	out, _ := runGPS(t, Config{}, gpsClock(false), pvt+dop)
	want := []string{
		`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":1.132}`,
		`{"tsmId":90100,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":1.132,"alt":12.345,"speed":5.144,"heading":57.3,"sats":14,"hdop":0.7,"fixType":3}`,
	}
	if got := strings.Join(out.lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
	if out.frames[OK] != 2 {
		t.Errorf("frames %v", out.frames)
	}
}

// TestGPSInBoth: an epoch that comes in NMEA and UBX leaves once, in whatever order and
// with whatever pauses, with the error that UBX states.
func TestGPSInBoth(t *testing.T) {
	const seconds = 9
	order := map[string]func(ms int) []string{
		"NMEA first":      func(ms int) []string { p, d := ubxEpoch(ms); return []string{nmeaEpoch(ms), p, d} },
		"UBX first":       func(ms int) []string { p, d := ubxEpoch(ms); return []string{p, d, nmeaEpoch(ms)} },
		"NMEA in between": func(ms int) []string { p, d := ubxEpoch(ms); return []string{p, nmeaEpoch(ms), d} },
		"UBX in between": func(ms int) []string {
			p, d := ubxEpoch(ms)
			two := strings.SplitAfter(nmeaEpoch(ms), "\n")
			return []string{two[0], p, d, two[1]}
		},
	}
	for name, epoch := range order {
		for _, pause := range []string{"between epochs", "everywhere", "nowhere"} {
			var pieces []string
			for s := range seconds {
				for _, part := range epoch(1000 * s) {
					if pieces = append(pieces, part); pause == "everywhere" && name != "NMEA in between" && name != "UBX in between" {
						pieces = append(pieces, "")
					}
				}
				if pause == "between epochs" {
					pieces = append(pieces, "")
				}
			}
			if pause == "nowhere" {
				pieces = []string{strings.Join(pieces, "")}
			}
			out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), pieces...)
			precise := 0
			for i, l := range out.lines {
				if !strings.Contains(l, fmt.Sprintf(`"tsmTs":%d,"lat":65.0124,"lon":25.4681`, gpsNoon.Unix()+int64(i))) {
					t.Errorf("%s, pauses %s: epoch %d is %s", name, pause, i, l)
				}
				precise += strings.Count(l, `"lacr":1.132`)
			}
			// The first may leave in NMEA, before it is known that UBX comes too, and each does
			// where the receiver pauses in between for longer than a cycle takes to end.
			least := seconds - 1
			if pause == "everywhere" && name == "NMEA first" {
				least = 0
			}
			if len(out.lines) != seconds || precise < least {
				t.Errorf("%s, pauses %s: %d positions, %d with an error, of %d", name, pause, len(out.lines), precise, seconds)
			}
		}
	}
}

// TestGPSInBothAtRates: what comes in NMEA more often is not lost.
func TestGPSInBothAtRates(t *testing.T) {
	var pieces []string
	for tick := range 30 {
		pieces = append(pieces, nmeaEpoch(200*tick))
		if tick%5 == 0 {
			p, d := ubxEpoch(200 * tick)
			pieces = append(pieces, p+d)
		}
		pieces = append(pieces, "")
	}
	out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), pieces...)
	all := strings.Join(out.lines, "\n")
	if len(out.lines) != 30 || strings.Count(all, "lacr") != 6 {
		t.Errorf("%d positions, %d with an error:\n%s", len(out.lines), strings.Count(all, "lacr"), all)
	}
}

// TestGPSWithoutUBXAgain: where UBX ends, NMEA goes on.
func TestGPSWithoutUBXAgain(t *testing.T) {
	c := gpsClock(false)
	d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: c})
	out := &gpsOut{}
	d.out = out
	for s := range 40 {
		c.Set(clock.Now{Mono: int64(1000 * (s + 1)), Unix: gpsNoon.UnixMilli() + int64(1000*s)})
		d.take([]byte(nmeaEpoch(1000 * s)))
		if s < 5 {
			p, dop := ubxEpoch(1000 * s)
			d.take([]byte(p + dop))
		}
		d.idle()
		if len(out.lines) != s+1 {
			t.Fatalf("after %d epochs there are %d", s+1, len(out.lines))
		}
	}
}

// TestGPSStatusInUBX: messages without a place are no epoch without a fix.
func TestGPSStatusInUBX(t *testing.T) {
	_, dop := ubxEpoch(0)
	status := make([]byte, 16)
	copy(status, dop[6:10])
	var in string
	for s := range 4 {
		in += nmeaEpoch(1000*s) + dop + string(ubx.Append(nil, ubx.NavSTATUS, status...))
	}
	out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), in)
	if len(out.lines) != 4 || out.detail() != "3D fix, 8 satellites, HDOP 0.9" {
		t.Errorf("%d positions, detail %q", len(out.lines), out.detail())
	}
}

// TestGPSBrokenUBX: what is broken counts once, and swallows nothing that follows it.
func TestGPSBrokenUBX(t *testing.T) {
	pvt, dop := ubxEpoch(0)
	flipped := []byte(pvt)
	flipped[50] ^= 0x10
	lying := "\xb5\x62\x01\x35\xf0\x0b" // NAV-SAT of 3056 bytes
	tail := strings.Repeat(sum("GPGSV,1,1,01,02,83,083,40"), 2)
	for name, row := range map[string]struct {
		pieces   []string
		checksum int
		fixes    int
	}{
		"flipped":                 {[]string{string(flipped) + nmeaEpoch(0) + tail}, 1, 1},
		"cut short":               {[]string{pvt[:70] + nmeaEpoch(0) + tail}, 1, 1},
		"a length that lies":      {[]string{lying, nmeaEpoch(0), "", "", "", "", tail}, 1, 1},
		"and no pause after it":   {[]string{lying + nmeaEpoch(0) + tail}, 1, 1},
		"a length no message has": {[]string{"\xb5\x62\x01\x07\xff\xff" + nmeaEpoch(0) + tail}, 1, 1},
		"cut by a whole one":      {[]string{pvt[:70] + pvt + dop}, 1, 1},
		"half before a pause":     {[]string{pvt + dop + pvt[:70]}, 1, 1},
	} {
		out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), row.pieces...)
		if len(out.lines) != row.fixes || out.frames[Checksum] != row.checksum || out.frames[Malformed] != 0 {
			t.Errorf("%s: %d positions, frames %v", name, len(out.lines), out.frames)
		}
	}
}

// TestGPSDamageInUBX spoils every byte of a mixed recording: nothing is made up.
func TestGPSDamageInUBX(t *testing.T) {
	p0, d0 := ubxEpoch(0)
	p1, d1 := ubxEpoch(1000)
	raw := []byte(p0 + d0 + nmeaEpoch(0) + nmeaEpoch(1000) + p1 + d1)
	check := func(what string, in []byte) {
		t.Helper()
		out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), string(in))
		if len(out.lines) > 2 {
			t.Fatalf("%s: %d positions", what, len(out.lines))
		}
		for _, l := range out.lines {
			if !strings.Contains(l, `"lat":65.0124,"lon":25.4681`) {
				t.Fatalf("%s: made up %s", what, l)
			}
		}
	}
	for i := range raw {
		check(fmt.Sprintf("cut at %d", i), raw[:i])
		check(fmt.Sprintf("without byte %d", i), append(bytes.Clone(raw[:i]), raw[i+1:]...))
		for _, x := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(raw)
			bad[i] ^= x
			check(fmt.Sprintf("byte %d xor %02x", i, x), bad)
		}
	}
}

// TestGPSDisturbed: what the receiver says of jamming and spoofing is a problem, until it
// says for a while that it is over, or nothing.
func TestGPSDisturbed(t *testing.T) {
	hw := func(jamming byte) []byte {
		p := make([]byte, 60)
		p[22] = jamming << 2
		return ubx.Append(nil, ubx.MonHW, p...)
	}
	status := func(spoofing byte) []byte {
		p := make([]byte, 16)
		p[7] = spoofing << 3
		return ubx.Append(nil, ubx.NavSTATUS, p...)
	}
	signal := func(jamming, spoofing byte) []byte {
		return ubx.Append(nil, ubx.SecSIG, 2, jamming<<1|1|8|spoofing<<4, 0, 0)
	}
	for _, code := range []string{codeJammed, codeSpoofed} {
		say := func(state byte) []byte { return hw(state) }
		if code == codeSpoofed {
			say = status
		}
		c := gpsClock(false)
		var log bytes.Buffer
		d := newGPS(Config{}, Env{Clock: c, Log: slog.New(slog.NewTextHandler(&log, nil))})
		out := &flagOut{on: map[string]bool{}}
		d.out = out
		for i, step := range []struct {
			seconds int64
			say     []byte
			on      bool
		}{
			{1, say(0), false}, {1, say(1), false}, {1, say(2), true}, {1, say(1), true}, {1, say(3), true}, {9, say(1), true}, {1, say(1), false},
			{1, say(2), true}, {20, say(0), true}, {400, []byte("\r\n"), false},
			{1, signal(2, 2), true}, {11, signal(1, 1), false},
		} {
			now := c.Now()
			now.Mono += step.seconds * 1000
			c.Set(now)
			d.take(step.say)
			if out.on[code] != step.on {
				t.Errorf("%s, step %d: %v", code, i, out.on)
			}
		}
		if got := strings.Count(log.String(), "event=gps.disturbed code="+code); got != 3 {
			t.Errorf("%s: the log says so %d times, want 3:\n%s", code, got, log.String())
		}
		if strings.Count(log.String(), "event=gps.undisturbed code="+code) != 3 {
			t.Errorf("%s: the log does not say each time that it is over", code)
		}
	}
}

// deafPort is a port that takes nothing.
type deafPort struct{ gpsPort }

func (p *deafPort) Write([]byte) (int, error) {
	return 0, fmt.Errorf("the device took no bytes for 2s: %w", os.ErrDeadlineExceeded)
}

// TestGPSThatTakesNothing: a receiver that cannot be written to is read.
func TestGPSThatTakesNothing(t *testing.T) {
	d := newGPS(Config{Options: &GPSOptions{Configure: true, Setup: GPSSetup{Rate: 5}}}, Env{Clock: gpsClock(false)})
	out := &gpsOut{}
	p := &deafPort{gpsPort{pieces: []string{nmeaEpoch(0), nmeaEpoch(1000), nmeaEpoch(2000)}}}
	if err := d.Run(&endingPort{p}, out); !errors.Is(err, io.EOF) || len(out.lines) < 4 {
		t.Errorf("%d messages, %v", len(out.lines), err)
	}
}

// endingPort ends after what it has to say, though somebody waits.
type endingPort struct{ *deafPort }

func (p *endingPort) Read(b []byte) (int, error) {
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	return p.deafPort.Read(b)
}

// TestGPSSilence: a receiver that was told to be slow is not silent between its epochs.
func TestGPSSilence(t *testing.T) {
	for _, row := range []struct {
		configure bool
		rate      float64
		want      time.Duration
	}{{true, 0.02, 150 * time.Second}, {true, 5, 10 * time.Second}, {true, 0, 10 * time.Second}, {false, 0.02, 10 * time.Second}} {
		d := &device{kind: gpsKind(), cfg: Config{Options: &GPSOptions{Configure: row.configure, Setup: GPSSetup{Rate: row.rate}}}}
		if got := d.silence(); got != row.want {
			t.Errorf("configure %v, rate %v: silent after %v, want %v", row.configure, row.rate, got, row.want)
		}
	}
}

// TestGPSTimeInNMEA: where UBX has the place without the time, as from a receiver that was
// told to send NAV-POSLLH and NAV-STATUS, what NMEA says counts, which has both.
func TestGPSTimeInNMEA(t *testing.T) {
	for _, first := range []string{"NMEA", "UBX"} {
		c := gpsClock(false)
		d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: c})
		out := &gpsOut{}
		d.out = out
		for s := range 30 {
			c.Set(clock.Now{Mono: int64(1000 * (s + 1)), Unix: 1000})
			pvt, _ := ubxEpoch(1000 * s)
			llh, status := make([]byte, 28), make([]byte, 16)
			copy(llh, pvt[6:10])
			copy(llh[4:], pvt[6+24:6+32])
			copy(status, pvt[6:10])
			status[4], status[5] = 3, 1
			b := ubx.Append(ubx.Append(nil, ubx.NavPOSLLH, llh...), ubx.NavSTATUS, status...)
			if s == 20 { // NMEA ends
				out.lines = nil
			}
			switch {
			case s >= 20:
				d.take(b)
			case first == "UBX":
				d.take(append(b, nmeaEpoch(1000*s)...))
			default:
				d.take(append([]byte(nmeaEpoch(1000*s)), b...))
			}
			d.idle()
			if s == 19 {
				dated := strings.Count(strings.Join(out.lines, "\n"), `"tsmTs":17953`)
				if n := len(out.lines); n < 20 || n > 21 || dated != 20 {
					t.Errorf("%s first: %d positions of 20 epochs, %d dated:\n%s", first, n, dated, strings.Join(out.lines, "\n"))
				}
			}
		}
		if n := len(out.lines); n == 0 {
			t.Errorf("%s first: nothing in UBX once NMEA has ended", first)
		}
	}
}

func TestGPSAllocationsInUBX(t *testing.T) {
	d := newGPS(Config{}, Env{Clock: gpsClock(false)})
	out := &nothing{}
	d.out = out
	var in [2][]byte
	for i := range in {
		p, dop := ubxEpoch(1000 * i)
		in[i] = []byte(p + dop)
	}
	for range 8 {
		d.take(in[0])
		d.take(in[1])
	}
	before := out.emitted
	if n := testing.AllocsPerRun(200, func() { d.take(in[0]); d.take(in[1]) }); n != 0 {
		t.Errorf("%v allocations for two epochs, want none", n)
	}
	if out.emitted-before != 4*201 {
		t.Errorf("%d messages for 402 epochs, want 804", out.emitted-before)
	}
}

func BenchmarkGPSEpochInUBX(b *testing.B) {
	d := newGPS(Config{}, Env{Clock: gpsClock(false)})
	d.out = &nothing{}
	var in [2][]byte
	for i := range in {
		p, dop := ubxEpoch(1000 * i)
		in[i] = []byte(p + dop)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(in[0])))
	for i := range b.N {
		d.take(in[i&1])
	}
}
