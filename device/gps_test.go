package device

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
	"portti/device/clock"
	"portti/device/thingsee"
)

// gpsPort says its pieces one Read at a time. Where a piece is empty, or the
// driver waits with a deadline at the end, the deadline passes at once.
type gpsPort struct {
	pieces   []string
	deadline time.Time
	waits    int
}

func (p *gpsPort) Read(b []byte) (int, error) {
	if len(p.pieces) > 0 && p.pieces[0] != "" {
		n := copy(b, p.pieces[0])
		if p.pieces[0] = p.pieces[0][n:]; p.pieces[0] == "" {
			p.pieces = p.pieces[1:]
		}
		return n, nil
	}
	if len(p.pieces) > 0 {
		p.pieces = p.pieces[1:]
	}
	if !p.deadline.IsZero() {
		p.waits++
		return 0, os.ErrDeadlineExceeded
	}
	if len(p.pieces) > 0 {
		return p.Read(b)
	}
	return 0, io.EOF
}

func (p *gpsPort) Write(b []byte) (int, error) { return len(b), nil }

func (p *gpsPort) SetReadDeadline(t time.Time) error {
	p.deadline = t
	return nil
}

// gpsOut keeps what came out.
type gpsOut struct {
	lines   []string
	frames  [Results]int
	details []string
}

func (o *gpsOut) Emit(m *thingsee.Message) { o.lines = append(o.lines, string(m.Append(nil))) }
func (o *gpsOut) Frame(r Result)           { o.frames[r]++ }
func (o *gpsOut) Detail(text string)       { o.details = append(o.details, text) }

func (o *gpsOut) detail() string {
	if len(o.details) == 0 {
		return ""
	}
	return o.details[len(o.details)-1]
}

// gpsNoon is a day in the life of gpsFloor's build.
var (
	gpsFloor = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	gpsNoon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func gpsClock(trusted bool) *clock.Clock {
	return clock.Fake(clock.Now{Mono: 1000, Unix: gpsNoon.UnixMilli(), Trusted: trusted}, gpsFloor)
}

// runGPS plays pieces to a driver and gives what came out and the log.
func runGPS(t testing.TB, cfg Config, c *clock.Clock, pieces ...string) (*gpsOut, string) {
	t.Helper()
	var log bytes.Buffer
	cfg.Type = "gps"
	d, err := gpsKind().New(cfg, Env{Clock: c, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	out := &gpsOut{}
	if err := d.Run(&gpsPort{pieces: pieces}, out); !errors.Is(err, io.EOF) {
		t.Fatalf("Run returned %v, want the port's error", err)
	}
	return out, log.String()
}

// sum completes a sentence.
func sum(body string) string {
	var x byte
	for i := range len(body) {
		x ^= body[i]
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, x)
}

// cycle is one second of a receiver at the given time of 22 November 2026.
func cycle(clock, lat, knots, course string) string {
	return sum("GPRMC,"+clock+",A,"+lat+",N,02528.08600,E,"+knots+","+course+",221126,,,A") +
		sum("GPGGA,"+clock+","+lat+",N,02528.08600,E,1,08,0.9,12.3,M,19.2,M,,")
}

func TestGPSGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/gps/*.nmea")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out, log := runGPS(t, Config{}, gpsClock(false), string(raw))
			var b strings.Builder
			for _, l := range out.lines {
				fmt.Fprintln(&b, l)
			}
			fmt.Fprintf(&b, "frames %v\ndetail %s\n", out.frames, out.detail())
			if strings.Contains(log, "code=") {
				fmt.Fprintf(&b, "log with %s\n", codesOf(log))
			}
			testkit.Golden(t, strings.TrimSuffix(name, ".nmea")+".golden", b.String())
		})
	}
}

// codesOf lists the catalogue codes of a log in order.
func codesOf(log string) string {
	var codes []string
	for _, word := range strings.Fields(log) {
		if c, ok := strings.CutPrefix(word, "code="); ok {
			codes = append(codes, c)
		}
	}
	return strings.Join(codes, " ")
}

// TestGPSPieces cuts a recording into pieces of every small size: what comes
// out must not depend on how the bytes arrive.
func TestGPSPieces(t *testing.T) {
	raw, err := os.ReadFile("testdata/gps/modern.nmea")
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := runGPS(t, Config{}, gpsClock(false), string(raw))
	for size := 1; size < 200; size += 7 {
		var pieces []string
		for rest := string(raw); rest != ""; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		out, _ := runGPS(t, Config{}, gpsClock(false), pieces...)
		if strings.Join(out.lines, "\n") != strings.Join(whole.lines, "\n") || out.frames != whole.frames {
			t.Fatalf("in pieces of %d bytes: %d messages, frames %v; at once %d, %v", size, len(out.lines), out.frames, len(whole.lines), whole.frames)
		}
	}
}

func TestGPSMessages(t *testing.T) {
	one := cycle("120000.00", "6500.74400", "10.0", "57.30")
	gst := sum("GPGST,120000.00,18,,,,3.0,4.0,2.4")
	tests := []struct {
		name string
		cfg  GPSOptions
		in   string
		want []string // of the fields of each message
	}{
		{"position and detail", GPSOptions{}, one, []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681}`,
			`{"tsmId":90100,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"alt":12.3,"speed":5.144,"heading":57.3,"sats":8,"hdop":0.9,"fixType":3}`}},
		{"error from GST", GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}, one + gst, []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":5}`}},
		{"error from GST before its fix", GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}, gst + one, []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":5}`}},
		{"error from GBS", GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}, one + sum("GPGBS,120000.00,0.6,0.8,3.9,25,,-43.7,27.5"), []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":1}`}},
		{"GST of another second", GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}, one + sum("GPGST,115959.00,18,,,,3.0,4.0,2.4"), []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681}`}},
		{"error from HDOP where asked for", GPSOptions{PositionOptions: PositionOptions{Detail: "off", LacrFromHDOP: 5}}, one, []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"lacr":4.5}`}},
		{"detail appended", GPSOptions{PositionOptions: PositionOptions{Detail: "append"}}, one, []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"alt":12.3,"speed":5.144,"heading":57.3,"sats":8,"hdop":0.9,"fixType":3}`}},
		{"no heading at rest", GPSOptions{PositionOptions: PositionOptions{Detail: "append"}}, cycle("120000.00", "6500.74400", "0.9", "57.30"), []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"alt":12.3,"speed":0.463,"sats":8,"hdop":0.9,"fixType":3}`}},
		{"heading above a floor of its own", GPSOptions{PositionOptions: PositionOptions{Detail: "append", SpeedFloor: 0.4}}, cycle("120000.00", "6500.74400", "0.9", "360.00"), []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681,"alt":12.3,"speed":0.463,"heading":0,"sats":8,"hdop":0.9,"fixType":3}`}},
		{"no checksum, refused", GPSOptions{}, strings.Replace(one, "*", "\r\n", 1), []string{
			`{"tsmId":1210,"tsmEv":11,"lat":65.0124,"lon":25.4681}`,
			`{"tsmId":90100,"tsmEv":11,"lat":65.0124,"lon":25.4681,"alt":12.3,"sats":8,"hdop":0.9,"fixType":3}`}},
		{"no checksum, taken", GPSOptions{Checksum: "optional", PositionOptions: PositionOptions{Detail: "off"}}, "$GPRMC,120000.00,A,6500.74400,N,02528.08600,E,10.0,57.30,221126,,,A\r\n", []string{
			`{"tsmId":1210,"tsmEv":11,"tsmTs":1795348800,"lat":65.0124,"lon":25.4681}`}},
		{"quality 0 with a position", GPSOptions{}, sum("GPGGA,120000.00,6500.74400,N,02528.08600,E,0,08,0.9,12.3,M,19.2,M,,"), nil},
		{"RMC void with a position", GPSOptions{}, sum("GPRMC,120000.00,V,6500.74400,N,02528.08600,E,10.0,57.30,221126,,,N"), nil},
		{"latitude 91", GPSOptions{}, sum("GPRMC,120000.00,A,9100.74400,N,02528.08600,E,10.0,57.30,221126,,,A"), nil},
		{"latitude is no number", GPSOptions{}, sum("GPRMC,120000.00,A,NaN,N,02528.08600,E,10.0,57.30,221126,,,A"), nil},
		{"longitude empty", GPSOptions{}, sum("GPRMC,120000.00,A,6500.74400,N,,E,10.0,57.30,221126,,,A"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, _ := runGPS(t, Config{Options: &tt.cfg}, gpsClock(false), tt.in)
			if got, want := strings.Join(out.lines, "\n"), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestGPSTime is about which time a fix gets.
func TestGPSTime(t *testing.T) {
	at := func(clock, date string) string {
		return sum("GPRMC," + clock + ",A,6500.74400,N,02528.08600,E,10.0,57.30," + date + ",,,A")
	}
	tests := []struct {
		name    string
		trusted bool
		in      string
		ts      string // "" = left to the stamp
		code    string
	}{
		{"agrees with a trusted clock", true, at("120030.00", "221126"), "1795348830", ""},
		{"a minute and more off a trusted clock", true, at("120130.00", "221126"), "1795348800", codeGPSTime},
		{"long before a trusted clock", true, at("120000.00", "211126"), "1795348800", codeGPSTime},
		{"the clock is not trusted", false, at("180000.12", "221126"), "1795370400.12", ""},
		{"a rollover behind, repaired", false, at("120000.00", "080407"), "1795348800", codeRollover},
		{"a rollover behind, repaired, and the clock agrees", true, at("120000.00", "080407"), "1795348800", codeRollover},
		{"a recording, which no rollover explains", false, at("120000.00", "071020"), "1602072000", codeGPSDate},
		{"a recording, but the clock is trusted", true, at("120000.00", "071020"), "1795348800", codeGPSTime},
		{"a little before the floor is no rollover", false, at("120000.00", "311026"), "1793448000", codeGPSDate},
		{"no date", false, sum("GPGGA,120000.00,6500.74400,N,02528.08600,E,1,08,0.9,12.3,M,19.2,M,,"), "", ""},
		{"no date, trusted clock", true, sum("GPGGA,120000.00,6500.74400,N,02528.08600,E,1,08,0.9,12.3,M,19.2,M,,"), "1795348800", ""},
		{"date from ZDA", false, sum("GPZDA,115959.00,22,11,2026,00,00") + sum("GPGGA,120000.00,6500.74400,N,02528.08600,E,1,08,0.9,12.3,M,19.2,M,,"), "1795348800", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, log := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(tt.trusted), tt.in)
			if len(out.lines) != 1 {
				t.Fatalf("%d messages, want one: %v", len(out.lines), out.lines)
			}
			if got := strings.Contains(out.lines[0], `"tsmTs":`+tt.ts+","); got != (tt.ts != "") || tt.ts == "" && strings.Contains(out.lines[0], "tsmTs") {
				t.Errorf("got %s, want tsmTs %q", out.lines[0], tt.ts)
			}
			if got := codesOf(log); got != tt.code {
				t.Errorf("log has %q, want %q", got, tt.code)
			}
		})
	}
}

// TestGPSAtOnce: once the cycle is known a fix leaves with its last sentence,
// without a pause and without the next second's first.
func TestGPSAtOnce(t *testing.T) {
	d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: gpsClock(false)})
	out := &gpsOut{}
	d.out = out
	for i := range 8 {
		d.take([]byte(cycle(fmt.Sprintf("1200%02d.00", i), "6500.74400", "10.0", "57.30")))
		if i >= 3 && len(out.lines) != i+1 {
			t.Errorf("after second %d there are %d fixes, want %d", i, len(out.lines), i+1)
		}
	}
}

// TestGPSPause: before the cycle is known a pause ends it.
func TestGPSPause(t *testing.T) {
	d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: gpsClock(false)})
	out := &gpsOut{}
	port := &gpsPort{pieces: []string{cycle("120000.00", "6500.74400", "10.0", "57.30"), ""}}
	if err := d.Run(port, out); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if len(out.lines) != 1 || port.waits != 1 {
		t.Errorf("%d fixes after %d pauses, want one after one", len(out.lines), port.waits)
	}
	if !port.deadline.IsZero() {
		t.Error("a deadline stands although nothing is pending")
	}
}

// TestGPSUnplugged: a fix that waits for the rest of its cycle when the
// receiver goes is not dropped.
func TestGPSUnplugged(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		_, _ = io.WriteString(there, cycle("120000.00", "6500.74400", "10.0", "57.30"))
		_ = there.Close()
	}()
	d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: gpsClock(false)})
	d.quiet = time.Hour
	out := &gpsOut{}
	if err := d.Run(here, out); err == nil {
		t.Fatal("Run ended without an error")
	}
	if len(out.lines) != 1 {
		t.Errorf("%d fixes, want the one that was pending", len(out.lines))
	}
}

// TestGPSQuiet measures the pause on a line with deadlines: a fix whose cycle is
// not known yet leaves gpsQuiet after its last byte, and a receiver that pauses
// longer within its cycle is waited for longer from then on.
func TestGPSQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		out := &gpsTimes{start: time.Now()}
		d := newGPS(Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, Env{Clock: gpsClock(false)})
		ended := make(chan error)
		go func() { ended <- d.Run(here, out) }()
		say := func(s string) {
			if _, err := there.Write([]byte(s)); err != nil {
				t.Error(err)
			}
		}
		say(cycle("120000.00", "6500.74400", "10.0", "57.30"))
		time.Sleep(time.Second - time.Since(out.start))
		both := strings.SplitAfter(cycle("120001.00", "6500.74400", "10.0", "57.30"), "\n")
		say(both[0])
		time.Sleep(gpsQuiet + 50*time.Millisecond)
		say(both[1]) // too late for its epoch
		time.Sleep(2*time.Second - time.Since(out.start))
		say(cycle("120002.00", "6500.74400", "10.0", "57.30"))
		time.Sleep(time.Second)
		there.Close()
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("Run returned %v", err)
		}
		want := []time.Duration{gpsQuiet, time.Second + gpsQuiet, 2*time.Second + 2*gpsQuiet}
		if fmt.Sprint(out.at) != fmt.Sprint(want) {
			t.Errorf("fixes left at %v, want %v", out.at, want)
		}
	})
}

// gpsTimes notes when messages come out.
type gpsTimes struct {
	nothing
	start time.Time
	at    []time.Duration
}

func (o *gpsTimes) Emit(*thingsee.Message) { o.at = append(o.at, time.Since(o.start)) }

func TestGPSJump(t *testing.T) {
	out, log := runGPS(t, Config{}, gpsClock(false),
		cycle("120000.00", "6500.74400", "10.0", "57.30")+cycle("120001.00", "6500.75000", "10.0", "57.30")+
			cycle("120002.00", "5500.75000", "10.0", "57.30")+cycle("120003.00", "5500.75000", "10.0", "57.30"))
	if len(out.lines) != 8 {
		t.Fatalf("%d messages, want 8", len(out.lines))
	}
	for i, l := range out.lines {
		if got, want := strings.Contains(l, `"jump":1`), i == 5; got != want {
			t.Errorf("message %d: jump %v, want %v: %s", i, got, want, l)
		}
	}
	if codesOf(log) != codeJump {
		t.Errorf("log has %q, want %q", codesOf(log), codeJump)
	}
}

func TestGPSLost(t *testing.T) {
	c := gpsClock(false)
	var log bytes.Buffer
	d := newGPS(Config{}, Env{Clock: c, Log: slog.New(slog.NewTextHandler(&log, nil))})
	out := &gpsOut{}
	d.out = out
	at := func(s int) {
		c.Set(clock.Now{Mono: int64(s) * 1000, Unix: gpsNoon.UnixMilli()})
	}
	void := func(s int) {
		d.take([]byte(sum(fmt.Sprintf("GPRMC,1200%02d.00,V,,,,,,,221126,,,N", s))))
		d.join.Idle()
	}
	at(1)
	void(1)
	if got := out.detail(); got != "no fix" {
		t.Errorf("detail %q", got)
	}
	d.take([]byte(cycle("120002.00", "6500.74400", "10.0", "57.30")))
	d.join.Idle()
	if got := out.detail(); got != "3D fix, 8 satellites, HDOP 0.9" {
		t.Errorf("detail %q", got)
	}
	for s := 3; s < 40; s++ {
		at(s)
		void(s)
	}
	d.take([]byte(cycle("120050.00", "6500.74400", "10.0", "57.30")))
	d.join.Idle()
	if got := codesOf(log.String()); got != codeNoFix {
		t.Errorf("log has codes %q, want one %s", got, codeNoFix)
	}
	if !strings.Contains(log.String(), "event=gps.fix-regained") {
		t.Error("the log does not say that the fix is back")
	}
	if len(out.lines) != 4 {
		t.Errorf("%d messages, want 4", len(out.lines))
	}
}

// TestGPSDamage cuts a recording at every byte and turns every byte into
// others: the driver must survive, emit no position that was not sent, and
// count what it refused.
func TestGPSDamage(t *testing.T) {
	raw := []byte(cycle("120000.00", "6500.74400", "10.0", "57.30") + cycle("120001.00", "6500.75000", "10.0", "57.30"))
	check := func(what string, in []byte) {
		t.Helper()
		out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "off"}}}, gpsClock(false), string(in))
		for _, l := range out.lines {
			if !strings.Contains(l, `"lat":65.0124,"lon":25.4681`) && !strings.Contains(l, `"lat":65.0125,"lon":25.4681`) {
				t.Fatalf("%s: made up %s", what, l)
			}
		}
	}
	for i := range raw {
		check(fmt.Sprintf("cut at %d", i), raw[:i])
		for _, x := range []byte{0x01, 0x80, 0xff, '$' ^ raw[i], '*' ^ raw[i], '\n' ^ raw[i], ',' ^ raw[i]} {
			if x == 0 {
				continue
			}
			bad := bytes.Clone(raw)
			bad[i] ^= x
			check(fmt.Sprintf("byte %d xor %02x", i, x), bad)
		}
	}
}

// TestGPSNoise: what is no NMEA emits nothing, and is counted.
func TestGPSNoise(t *testing.T) {
	for name, in := range map[string]string{
		"zeros":          strings.Repeat("\x00", 100_000),
		"ones":           strings.Repeat("\xff", 100_000),
		"no newline":     "$" + strings.Repeat("A", 1_000_000),
		"only starts":    strings.Repeat("$", 10_000),
		"only newlines":  strings.Repeat("\r\n", 10_000),
		"wrong baud":     strings.Repeat("\xe6\x9e\x06\xf8\x00\x18", 5_000),
		"JSON lines":     strings.Repeat("{\"temp\":21.5}\n", 1000),
		"no checksums":   strings.Repeat("$GPRMC,120000,A,6500.744,N,02528.086,E,1,1,221126,,\r\n", 100),
		"wrong checksum": strings.Repeat("$GPRMC,120000,A,6500.744,N,02528.086,E,1,1,221126,,*00\r\n", 100),
	} {
		out, _ := runGPS(t, Config{}, gpsClock(false), in)
		if len(out.lines) != 0 {
			t.Errorf("%s: made up %s", name, out.lines[0])
		}
		bad := 0
		for _, n := range out.frames[Checksum:] {
			bad += n
		}
		if bad == 0 && name != "only newlines" {
			t.Errorf("%s: nothing counted", name)
		}
	}
}

func TestGPSCheck(t *testing.T) {
	base := Config{Name: "gps", Type: "gps", Port: "/dev/ttyUSB0", ID: tuid}
	if err := Kinds().Check(base); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string]func(*Config){
		"detail":         func(c *Config) { own[GPSOptions](c).Detail = "both" },
		"checksum":       func(c *Config) { own[GPSOptions](c).Checksum = "no" },
		"lacr_from_hdop": func(c *Config) { own[GPSOptions](c).LacrFromHDOP = -1 },
		"speed_floor":    func(c *Config) { own[GPSOptions](c).SpeedFloor = 1e9 },
	} {
		c := base
		change(&c)
		err := Kinds().Check(c)
		var ke *KeyError
		if !errors.As(err, &ke) || ke.Key != key {
			t.Errorf("%s: Check gives %v", key, err)
		}
	}
}

func TestGPSAllocations(t *testing.T) {
	d := newGPS(Config{}, Env{Clock: gpsClock(false)})
	out := &nothing{}
	d.out = out
	a, b := []byte(cycle("120000.00", "6500.74400", "10.0", "57.30")), []byte(cycle("120001.00", "6500.74410", "10.0", "57.30"))
	for range 8 {
		d.take(a)
		d.take(b)
	}
	before := out.emitted
	if n := testing.AllocsPerRun(200, func() { d.take(a); d.take(b) }); n != 0 {
		t.Errorf("%v allocations for two epochs, want none", n)
	}
	if out.emitted-before != 4*201 {
		t.Errorf("%d messages for 402 epochs, want 804", out.emitted-before)
	}
}

func BenchmarkGPSEpoch(b *testing.B) {
	d := newGPS(Config{}, Env{Clock: gpsClock(false)})
	d.out = &nothing{}
	in := [][]byte{[]byte(cycle("120000.00", "6500.74400", "10.0", "57.30")), []byte(cycle("120001.00", "6500.74410", "10.0", "57.30"))}
	b.ReportAllocs()
	b.SetBytes(int64(len(in[0])))
	for i := range b.N {
		d.take(in[i&1])
	}
}
