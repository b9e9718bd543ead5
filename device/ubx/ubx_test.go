package ubx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake is an epoch of NAV-PVT and NAV-DOP.
type fake struct {
	at       time.Time
	lat, lon int32 // 1e-7 degrees
	fixType  byte
	flags    byte
	valid    byte
}

func someFix() fake {
	return fake{at: time.Date(2026, 11, 22, 12, 0, 0, 200_000_000, time.UTC), lat: 65_0124000, lon: 25_4681000, fixType: 3, flags: 1, valid: 0x37}
}

func (f fake) itow() uint32 {
	return uint32((f.at.UnixMilli() - gpsEpoch + 18_000) % weekMillis)
}

func (f fake) pvt() []byte {
	p := make([]byte, 92)
	le := binary.LittleEndian
	le.PutUint32(p, f.itow())
	le.PutUint16(p[4:], uint16(f.at.Year()))
	p[6], p[7], p[8], p[9], p[10], p[11] = byte(f.at.Month()), byte(f.at.Day()), byte(f.at.Hour()), byte(f.at.Minute()), byte(f.at.Second()), f.valid
	le.PutUint32(p[16:], uint32(f.at.Nanosecond()))
	p[20], p[21], p[23] = f.fixType, f.flags, 11
	le.PutUint32(p[24:], uint32(f.lon))
	le.PutUint32(p[28:], uint32(f.lat))
	le.PutUint32(p[36:], 12_345)
	le.PutUint32(p[40:], 1_500)
	le.PutUint32(p[60:], 5_144)
	le.PutUint32(p[64:], 57_30000)
	return p
}

func (f fake) dop() []byte {
	p := make([]byte, 18)
	binary.LittleEndian.PutUint32(p, f.itow())
	binary.LittleEndian.PutUint16(p[12:], 90)
	return p
}

func (f fake) eoe() []byte { return f.dop()[:4] }

func (f fake) bytes() []byte {
	b := Append(nil, NavPVT, f.pvt()...)
	return Append(b, NavDOP, f.dop()...)
}

func TestPVT(t *testing.T) {
	f := someFix()
	fixes := play(f.bytes())
	want := Fix{
		ITOW: f.itow(), Time: f.at.UnixMilli(), Mode: 3, Has: Position | Altitude | Speed | Course | Sats | HDOP | HAcc,
		Lat: 65_012400000, Lon: 25_468100000, Alt: 123_450, Speed: 5_144, Course: 57_30000, Sats: 11, HDOP: 90, HAcc: 15_000,
	}
	if len(fixes) != 1 || fixes[0] != want {
		t.Fatalf("%+v, want %+v", fixes, want)
	}
}

// TestNoFix: what the receiver does not stand by is no position, and a time that it does
// not know is none.
func TestNoFix(t *testing.T) {
	for name, row := range map[string]struct {
		change func(f *fake, p []byte)
		mode   uint8
		dated  bool
		none   bool // the message is refused
	}{
		"good":                           {func(*fake, []byte) {}, 3, true, false},
		"two-dimensional":                {func(_ *fake, p []byte) { p[20] = 2 }, 2, true, false},
		"dead reckoning":                 {func(_ *fake, p []byte) { p[20] = 1 }, 3, true, false},
		"the time alone":                 {func(_ *fake, p []byte) { p[20] = 5 }, 3, true, false},
		"no fix":                         {func(_ *fake, p []byte) { p[20] = 0 }, 1, true, false},
		"beyond the receiver's masks":    {func(_ *fake, p []byte) { p[21] = 0 }, 1, true, false},
		"position marked as invalid":     {func(_ *fake, p []byte) { p[78] = 1 }, 1, true, false},
		"date not valid":                 {func(_ *fake, p []byte) { p[11] = 0x36 }, 3, false, false},
		"second not certain, with fix":   {func(_ *fake, p []byte) { p[11] = 0x03 }, 3, true, false},
		"second not certain, and no fix": {func(_ *fake, p []byte) { p[11], p[20] = 0x03, 0 }, 1, false, false},
		"fix of a sort there is not":     {func(_ *fake, p []byte) { p[20] = 6 }, 0, false, true},
		"month 13":                       {func(_ *fake, p []byte) { p[6] = 13 }, 0, false, true},
		"30 February":                    {func(_ *fake, p []byte) { p[6], p[7] = 2, 30 }, 0, false, true},
		"latitude 91":                    {func(_ *fake, p []byte) { binary.LittleEndian.PutUint32(p[28:], 91e7) }, 0, false, true},
		"longitude -181":                 {func(_ *fake, p []byte) { v := int32(-181e7); binary.LittleEndian.PutUint32(p[24:], uint32(v)) }, 0, false, true},
		"a week of eight days":           {func(_ *fake, p []byte) { binary.LittleEndian.PutUint32(p, weekMillis) }, 0, false, true},
	} {
		f := someFix()
		p := f.pvt()
		row.change(&f, p)
		fixes := play(Append(nil, NavPVT, p...))
		if row.none {
			var m PVT
			if len(fixes) != 0 || m.Parse(p) != OutOfRange {
				t.Errorf("%s: %+v", name, fixes)
			}
			continue
		}
		if len(fixes) != 1 || fixes[0].Mode != row.mode || (fixes[0].Time != 0) != row.dated || (fixes[0].Has&Position != 0) != (row.mode > 1) {
			t.Errorf("%s: %+v", name, fixes)
		}
	}
}

// TestOlder: a fix in pieces, as receivers before u-blox 7 send it, in any order.
func TestOlder(t *testing.T) {
	f, le := someFix(), binary.LittleEndian
	itow := f.itow()
	status, llh, vel, utc := make([]byte, 16), make([]byte, 28), make([]byte, 36), make([]byte, 20)
	for _, p := range [][]byte{status, llh, vel, utc} {
		le.PutUint32(p, itow)
	}
	status[4], status[5] = 3, 1
	le.PutUint32(llh[4:], uint32(f.lon))
	le.PutUint32(llh[8:], uint32(f.lat))
	le.PutUint32(llh[16:], 12_345)
	le.PutUint32(llh[20:], 2_500)
	le.PutUint32(vel[20:], 514)
	le.PutUint32(vel[24:], 57_30000)
	le.PutUint16(utc[12:], 2026)
	utc[14], utc[15], utc[16], utc[19] = 11, 22, 12, 7
	le.PutUint32(utc[8:], 200_000_000)
	high := make([]byte, 36)
	le.PutUint32(high[4:], itow)
	le.PutUint32(high[8:], uint32(f.lon))
	le.PutUint32(high[12:], uint32(f.lat))
	le.PutUint32(high[20:], 12_345)
	high[24], high[25], high[27] = 7, 0xFB, 3 // 7 and -5 nanodegrees, 0.3 mm
	le.PutUint32(high[28:], 141)
	all := [][]byte{Append(nil, NavPOSLLH, llh...), Append(nil, NavSTATUS, status...), Append(nil, NavVELNED, vel...), Append(nil, NavTIMEUTC, utc...)}
	want := Fix{ITOW: itow, Time: f.at.UnixMilli(), Mode: 3, Has: Position | Altitude | Speed | Course | HAcc,
		Lat: 65_012400000, Lon: 25_468100000, Alt: 123_450, Speed: 5_140, Course: 57_30000, HAcc: 25_000}
	for i := range all {
		got := play(bytes.Join(append(all[i:len(all):len(all)], all[:i]...), nil))
		if len(got) != 1 || got[0] != want {
			t.Errorf("from %d: %+v, want %+v", i, got, want)
		}
	}
	if got := play(bytes.Join([][]byte{all[0], all[2], all[3]}, nil)); len(got) != 0 {
		t.Errorf("without a word on whether there is a fix: %+v", got)
	}
	want.Lat, want.Lon, want.Alt, want.HAcc = want.Lat-5, want.Lon+7, 123_453, 141
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		parts := [][]byte{Append(nil, NavHPPOSLLH, high...), all[0]}
		got := play(bytes.Join([][]byte{parts[order[0]], parts[order[1]], all[1], all[2], all[3]}, nil))
		if len(got) != 1 || got[0] != want {
			t.Errorf("with two more digits: %+v, want %+v", got, want)
		}
	}
}

// TestEpochs: an epoch leaves once, with its last message as soon as that is known.
func TestEpochs(t *testing.T) {
	for _, ended := range []bool{false, true} {
		var out []Fix
		j := NewJoiner(nil, func(f *Fix) { out = append(out, *f) })
		f := someFix()
		for i := range 8 {
			j.Add(NavPVT, f.pvt())
			j.Add(NavDOP, f.dop())
			if ended {
				j.Add(NavEOE, f.eoe())
			}
			want := i
			if ended || i >= 3 {
				want = i + 1
			}
			if len(out) != want {
				t.Errorf("EOE %v: after %d epochs there are %d", ended, i+1, len(out))
			}
			f.at = f.at.Add(200 * time.Millisecond)
		}
		if j.Idle(); len(out) != 8 || j.Pending() || j.Late() != 0 {
			t.Errorf("EOE %v: %d epochs, pending %v, late %d", ended, len(out), j.Pending(), j.Late())
		}
		if ended {
			continue
		}
		f.at = f.at.Add(-200 * time.Millisecond)
		if j.Add(NavSAT, append(f.dop()[:4], 1, 0, 0, 0)); j.Late() != 1 || len(out) != 8 {
			t.Errorf("a message after its epoch: late %d, %d epochs", j.Late(), len(out))
		}
	}
}

// TestResync: nothing that is wrong swallows what follows it.
func TestResync(t *testing.T) {
	good, text := someFix().bytes(), "$GNRMC,085000.80,A,6500.74400,N,02528.08600,E,0.1,57.30,190717,,,A*4E\r\n"
	lying := Append(nil, NavSAT, make([]byte, 20)...)
	lying[5] = 4 // 1044 bytes
	flipped := bytes.Clone(Append(nil, NavDOP, make([]byte, 18)...))
	flipped[10] ^= 1
	cutRTCM := "\xd3\x00\x13\x3e\xd7\xd3\x02\x02\x98"
	rtcm := "\xd3\x00\x13\x3e\xd7\xd3\x02\x02\x98\x0e\xde\xef\x34\xb4\xbd\x62\xac\x09\x41\x98\x6f\x33\x36\x0b\x98"
	inside := Append(nil, 0x0404, Append(nil, NavDOP, make([]byte, 18)...)...) // INF, whose text is a frame
	for name, row := range map[string]struct {
		head       string
		fix, other int // frames
		broken     bool
	}{
		"nothing":                      {"", 2, 0, false},
		"a length that lies":           {string(lying), 2, 0, true},
		"a length no message has":      {"\xb5\x62\x01\x07\xff\xff", 2, 0, true},
		"a bit flipped":                {string(flipped), 2, 0, true},
		"cut short":                    {string(good[:50]), 2, 0, true},
		"cut in the header":            {string(good[:3]), 2, 0, true},
		"only marks":                   {strings.Repeat("\xb5\x62", 300), 2, 0, false},
		"half a mark":                  {"\xb5\xb5\xb5\xd3\xb5", 2, 0, false},
		"RTCM 3":                       {rtcm, 2, 1, false},
		"RTCM 3 cut short":             {cutRTCM, 2, 0, true},
		"a frame inside a frame":       {string(inside), 2, 1, false},
		"a frame inside a broken one":  {string(inside[:len(inside)-1]) + "\x00", 3, 0, true},
		"another receiver's (SiRF)":    {"\xa0\xa2\x00\x03\x01\x02\x03\x00\x06\xb0\xb3", 2, 0, false},
		"text that is not in UTF-8":    {"\xb5m \xd3\r\n", 2, 0, false},
		"4 KB of a class there is not": {strings.Repeat("\xb5\x62\xee\x01\x00\x10", 700), 2, 0, false},
	} {
		for _, tail := range []string{"", text} {
			var fix, other int
			rest, broken := frames([]byte(row.head+tail+string(good)+text), func(f Frame) {
				if f.Form == UBX && (f.ID == NavPVT || f.ID == NavDOP) {
					fix++
				} else {
					other++
				}
			})
			if fix != row.fix || other != row.other || (broken > 0) != row.broken || strings.Count(string(rest), text) != 1+len(tail)/len(text) {
				t.Errorf("%s: %d frames of the fix, %d others, broken %d, rest %q", name, fix, other, broken, rest)
			}
		}
	}
}

// TestPieces: it does not matter in which pieces a stream comes.
func TestPieces(t *testing.T) {
	stream := append(someFix().bytes(), "$GNRMC,no checksum\r\n"...)
	stream = append(append(stream, someFix().bytes()[:60]...), "$GNGGA\r\n"...)
	stream = append(append(stream, bytes.Repeat([]byte{0xB5, 0x62, 1, 7, 92, 0}, 9)...), someFix().bytes()...)
	want := cut(stream, len(stream))
	for size := 1; size < 40; size++ {
		if got := cut(stream, size); got != want {
			t.Errorf("in pieces of %d: %s, want %s", size, got, want)
		}
	}
}

// cut plays a stream in pieces and tells what was found.
func cut(stream []byte, size int) string {
	var found, text strings.Builder
	var buf []byte
	for len(stream) > 0 {
		n := min(size, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		for {
			before, f, _ := Next(buf, len(stream) == 0)
			text.Write(buf[:before])
			if buf = buf[before:]; f.Form == None {
				break
			}
			fmt.Fprintf(&found, "%d %04x %d; ", text.Len(), f.ID, len(f.Payload))
			buf = buf[f.Size:]
		}
	}
	return found.String() + text.String()
}

func TestSecurity(t *testing.T) {
	hw := make([]byte, 60)
	hw[22], hw[45] = 2<<2, 77
	old := make([]byte, 68)
	old[22], old[53] = 3<<2, 200
	rf := append([]byte{0, 2, 0, 0}, make([]byte, 48)...)
	rf[4+1], rf[4+16], rf[28+1], rf[28+16] = 1, 10, 3, 99
	status := make([]byte, 16)
	status[7] = 2 << 3
	for name, row := range map[string]struct {
		id   ID
		p    []byte
		want Security
		bad  bool
	}{
		"MON-HW":                        {MonHW, hw, Security{Indicated, Unknown, 77}, false},
		"MON-HW of u-blox 6":            {MonHW, old, Security{Affirmed, Unknown, 200}, false},
		"MON-RF, the worse of two":      {MonRF, rf, Security{Affirmed, Unknown, 99}, false},
		"MON-RF, more than it holds":    {MonRF, append([]byte{0, 3, 0, 0}, make([]byte, 48)...), Security{}, true},
		"NAV-STATUS":                    {NavSTATUS, status, Security{Unknown, Indicated, -1}, false},
		"SEC-SIG 1":                     {SecSIG, []byte{1, 0, 0, 0, 3<<1 | 1, 0, 0, 0, 2<<1 | 1, 0, 0, 0}, Security{Affirmed, Indicated, -1}, false},
		"SEC-SIG 1, not watched":        {SecSIG, []byte{1, 0, 0, 0, 3 << 1, 0, 0, 0, 2 << 1, 0, 0, 0}, Security{Unknown, Unknown, -1}, false},
		"SEC-SIG 2":                     {SecSIG, []byte{2, 3<<4 | 8 | 1<<1 | 1, 0, 1, 0, 0, 0, 0}, Security{Absent, Affirmed, -1}, false},
		"SEC-SIG 2, more than it holds": {SecSIG, []byte{2, 0, 0, 2, 0, 0, 0, 0}, Security{}, true},
		"SEC-SIG 1, cut short":          {SecSIG, []byte{1, 0, 0, 0}, Security{}, true},
	} {
		var got Security
		if fault := got.Parse(row.id, row.p); (fault != Fine) != row.bad || !row.bad && got != row.want {
			t.Errorf("%s: %+v, fault %d", name, got, fault)
		}
	}
}

func TestVersion(t *testing.T) {
	p := make([]byte, 40+60)
	copy(p, "ROM CORE 3.01 (107888)")
	copy(p[30:], "00080000")
	copy(p[40:], "FWVER=SPG 3.01")
	copy(p[70:], "PROTVER=18.00")
	var v Version
	if fault := v.Parse(p); fault != Fine || v.Software != "ROM CORE 3.01 (107888)" || v.Hardware != "00080000" || len(v.Extensions) != 2 || v.Extensions[1] != "PROTVER=18.00" {
		t.Errorf("%+v, fault %d", v, fault)
	}
	if v.Parse(p[:60]) != Malformed {
		t.Error("half an extension")
	}
}

// TestUnixMillis holds dates against those of the standard library.
func TestUnixMillis(t *testing.T) {
	for day := time.Date(1999, 12, 30, 23, 59, 59, 999_600_000, time.UTC); day.Year() < 2030; day = day.Add(31*time.Hour + 7*time.Millisecond) {
		got := unixMillis(day.Year(), int(day.Month()), day.Day(), day.Hour(), day.Minute(), day.Second(), int32(day.Nanosecond()))
		if want := day.Round(time.Millisecond).UnixMilli(); got != want {
			t.Fatalf("%v: %d, want %d", day, got, want)
		}
		if !calendar(day.Year(), int(day.Month()), day.Day(), 0, 0, 0, 0) || calendar(day.Year(), int(day.Month()), daysIn(day.Year(), int(day.Month()))+1, 0, 0, 0, 0) {
			t.Fatalf("%v: the calendar", day)
		}
	}
	if got := unixMillis(2007, 12, 23, 23, 11, 24, -1_000_869); got != 1198451483_999 {
		t.Errorf("a second that is behind: %d", got)
	}
	for year, want := range map[int]int{2026: 18, 2016: 17, 2013: 16, 2010: 15, 2007: 14, 2000: 13, 1998: 12} {
		if got := leapSeconds(time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()); got != want {
			t.Errorf("leap seconds of %d: %d, want %d", year, got, want)
		}
	}
}

// TestGeodetic turns degrees into metres and back.
func TestGeodetic(t *testing.T) {
	for lat := -90.0; lat <= 90; lat += 7.5 {
		for _, h := range []float64{-500, 0, 9000, 20_000_000} {
			sin, cos := math.Sincos(lat * math.Pi / 180)
			n := majorAxis / math.Sqrt(1-eccentric2*sin*sin)
			x, y, z := (n+h)*cos*math.Cos(1), (n+h)*cos*math.Sin(1), (n*(1-eccentric2)+h)*sin
			gotLat, gotLon, ok := geodetic(x, y, z)
			if !ok || math.Abs(gotLat-lat) > 1e-9 || math.Abs(lat) < 90 && math.Abs(gotLon-180/math.Pi) > 1e-9 {
				t.Errorf("%v at %v m: %v %v %v", lat, h, gotLat, gotLon, ok)
			}
		}
	}
	for _, r := range []float64{0, 1000, 1e9, math.NaN()} {
		if _, _, ok := geodetic(r, 0, 0); ok {
			t.Errorf("%v m from the centre is a place", r)
		}
	}
}

// twoEpochs are two epochs as bytes, with what ends them.
func twoEpochs() (epochs [2][]byte) {
	f := someFix()
	for i := range epochs {
		f.at = f.at.Add(time.Second)
		epochs[i] = Append(f.bytes(), NavEOE, f.eoe()...)
	}
	return epochs
}

func feed(j *Joiner, b []byte) {
	for {
		before, fr, _ := Next(b, false)
		if fr.Form == None {
			return
		}
		j.Add(fr.ID, fr.Payload)
		b = b[before+fr.Size:]
	}
}

func TestAllocations(t *testing.T) {
	n := 0
	j := NewJoiner(nil, func(*Fix) { n++ })
	epochs := twoEpochs()
	if a := testing.AllocsPerRun(200, func() { feed(j, epochs[0]); feed(j, epochs[1]) }); a != 0 || n != 402 {
		t.Errorf("%v allocations, %d epochs", a, n)
	}
}

func BenchmarkEpoch(b *testing.B) {
	j := NewJoiner(nil, func(*Fix) {})
	epochs := twoEpochs()
	b.ReportAllocs()
	b.SetBytes(int64(len(epochs[0])))
	for i := range b.N {
		feed(j, epochs[i&1])
	}
}

// BenchmarkWorst is what costs most: headers that each promise the longest frame.
func BenchmarkWorst(b *testing.B) {
	stream := bytes.Repeat([]byte{0xB5, 0x62, 0x02, 0x13, 0x00, 0x10}, 4000)
	b.SetBytes(int64(len(stream)))
	for range b.N {
		frames(stream, func(Frame) {})
	}
}

// FuzzNext: every byte is in a frame or before one, whatever comes, nothing is lost, and
// frames are sound.
func FuzzNext(f *testing.F) {
	f.Add(someFix().bytes())
	f.Add([]byte("$GNRMC,1*00\r\n\xb5\x62\x01\x07\x5c\x00\xd3\x00\x13\x3e\xd7"))
	f.Add(Append(nil, 0x0404, Append(nil, NavEOE, 0, 0, 0, 0)...))
	if logs, _ := filepath.Glob(filepath.Join(pyubx2, "*.log")); len(logs) > 0 {
		for _, log := range logs {
			f.Add(readLog(f, log))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j := NewJoiner(nil, func(fix *Fix) {
			if fix.Has&Position != 0 && (fix.Mode < 2 || fix.Lat < -90e9 || fix.Lat > 90e9 || fix.Lon < -180.1e9 || fix.Lon > 180.1e9) {
				t.Errorf("made up %+v", fix)
			}
		})
		n := 0
		text, _ := frames(b, func(fr Frame) {
			n += fr.Size
			if fr.Form != UBX {
				return
			}
			var s Security
			switch fr.ID {
			case MonHW, MonRF, SecSIG, NavSTATUS:
				s.Parse(fr.ID, fr.Payload)
			case MonVER:
				new(Version).Parse(fr.Payload)
			}
			j.Add(fr.ID, fr.Payload)
		})
		j.Idle()
		if n+len(text) != len(b) {
			t.Errorf("%d bytes in frames, %d in none, of %d", n, len(text), len(b))
		}
		if whole := cut(b, len(b)); len(b) < 400 && cut(b, 7) != whole {
			t.Error("the pieces matter")
		}
	})
}
