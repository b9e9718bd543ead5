package device

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/device/clock"
)

// runGPSD plays lines to a driver and gives what came out, raised codes and what it wrote.
func runGPSD(t testing.TB, o GPSDOptions, c *clock.Clock, lines ...string) (*flagOut, string) {
	t.Helper()
	d, err := gpsdKind().New(Config{Name: "gpsd", Type: "gpsd", ID: "XXXX03GPS00000001", Options: &o},
		Env{Gateway: "XXXX00GTW00000001", Clock: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	out, port := &flagOut{on: map[string]bool{}}, &blePort{piece: 999, in: []byte(strings.Join(lines, "\r\n") + "\r\n")}
	_ = d.Run(port, out)
	return out, port.wrote.String()
}

const (
	gpsdHello = `{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}`
	gpsdOld   = `{"class":"VERSION","release":"3.17","rev":"3.17","proto_major":3,"proto_minor":12}`
)

// tpv is a report dated so many milliseconds after noon.
func tpv(device string, ms int, more string) string {
	return fmt.Sprintf(`{"class":"TPV","device":%q,"mode":3,"time":"2026-11-22T12:00:%02d.%03dZ","lat":60.17,"lon":24.94%s}`, device, ms/1000, ms%1000, more)
}

func TestGPSDIsAskedToWatch(t *testing.T) {
	out, wrote := runGPSD(t, GPSDOptions{}, gpsClock(true), gpsdHello)
	if wrote != gpsdWatch || out.detail() != "gpsd 3.22, no report yet" || out.frames[OK] != 1 {
		t.Errorf("wrote %q, says %q, %v", wrote, out.detail(), out.frames)
	}
	if _, wrote := runGPSD(t, GPSDOptions{}, gpsClock(true), tpv("/dev/a", 0, "")); wrote != "" {
		t.Errorf("without a word of gpsd it wrote %q", wrote)
	}
}

// TestGPSDFields: what becomes of the members of a TPV, whichever release sends it.
func TestGPSDFields(t *testing.T) {
	for name, c := range map[string]struct {
		hello, more, want string
	}{
		"altitudes":              {gpsdHello, `,"altHAE":28.3,"altMSL":10.3,"alt":99`, `"alt":10.3,"fixType":3`},
		"one over the ellipsoid": {gpsdHello, `,"altHAE":28.3,"geoidSep":18.1`, `"alt":10.2,"fixType":3`},
		"one that cannot be":     {gpsdHello, `,"altHAE":999999999999999999,"geoidSep":-999999999999999999`, `"lon":24.94,"fixType":3`},
		"that alone":             {gpsdHello, `,"altHAE":28.3,"alt":99`, `"lon":24.94,"fixType":3`},
		"an old release":         {gpsdOld, `,"alt":10.3`, `"alt":10.3,"fixType":3`},
		"a horizontal error":     {gpsdHello, `,"eph":8.1,"epx":5,"epy":6`, `"lacr":8.1,"fixType":3`},
		"an error each way":      {gpsdHello, `,"epx":3,"epy":4`, `"lacr":5,"fixType":3`},
		"an error one way":       {gpsdHello, `,"epx":3`, `"lon":24.94,"fixType":3`},
		"speed and track":        {gpsdHello, `,"speed":6.328,"track":224.1`, `"speed":6.328,"heading":224.1,"fixType":3`},
		"null":                   {gpsdHello, `,"speed":null,"track":null,"altMSL":null`, `"lon":24.94,"fixType":3`},
		"no numbers":             {gpsdHello, `,"speed":nan,"track":"north","altMSL":[1],"x":{"y":[]}`, `"lon":24.94,"fixType":3`},
	} {
		out, _ := runGPSD(t, GPSDOptions{}, gpsClock(true), c.hello, tpv("/dev/a", 0, c.more))
		if len(out.lines) != 2 || !strings.HasSuffix(out.lines[1], c.want+"}") || !strings.Contains(out.lines[1], `"tsmTs":1795348800,`) {
			t.Errorf("%s: %q", name, out.lines)
		}
	}
}

func TestGPSDTime(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-22T12:00:00.000Z"`:  `"tsmTs":1795348800,`,
		`"2026-11-22T12:00:00Z"`:      `"tsmTs":1795348800,`,
		`"2026-11-22T11:59:59.250Z"`:  `"tsmTs":1795348799.25,`,
		`"2026-11-22T11:59:59.2509Z"`: `"tsmTs":1795348799.25,`,
		`1795348799.5`:                `"tsmTs":1795348799.5,`,
		// What is no time: the clock's.
		`"2026-11-22T12:00:00.000"`: `"tsmTs":1795348800,`, `"2026-13-22T11:00:00.000Z"`: `"tsmTs":1795348800,`,
		`"x026-11-22T11:00:00.000Z"`: `"tsmTs":1795348800,`, `"2026-11-22T11:00:00,000Z"`: `"tsmTs":1795348800,`, `null`: `"tsmTs":1795348800,`, `""`: `"tsmTs":1795348800,`,
	} {
		out, _ := runGPSD(t, GPSDOptions{PositionOptions: PositionOptions{Detail: "off"}}, gpsClock(true), `{"class":"TPV","device":"/dev/a","mode":2,"time":`+text+`,"lat":60.17,"lon":24.94}`)
		if len(out.lines) != 1 || !strings.Contains(out.lines[0], want) {
			t.Errorf("%s: %q", text, out.lines)
		}
	}
}

// TestGPSDRepeats: gpsd may report one time more than once.
func TestGPSDRepeats(t *testing.T) {
	out, _ := runGPSD(t, GPSDOptions{}, gpsClock(true), gpsdHello, tpv("/dev/a", 0, ""), tpv("/dev/a", 0, `,"speed":1`), tpv("/dev/a", 1000, ""))
	if len(out.lines) != 4 || out.frames[OK] != 4 {
		t.Errorf("%v %q", out.frames, out.lines)
	}
}

func TestGPSDSky(t *testing.T) {
	for name, c := range map[string]struct{ sky, want string }{
		"counted":       {`{"class":"SKY","device":"/dev/a","hdop":0.94,"uSat":9,"satellites":[{"PRN":1,"used":true}]}`, `"sats":9,"hdop":0.94`},
		"to be counted": {`{"class":"SKY","device":"/dev/a","satellites":[{"PRN":1,"used":true},{"PRN":2,"used":false},{"PRN":3,"used":true}]}`, `"sats":2,"fixType"`},
		"another's":     {`{"class":"SKY","device":"/dev/b","hdop":0.94,"uSat":9}`, `"lon":24.94,"fixType"`},
		"nonsense":      {`{"class":"SKY","device":"/dev/a","hdop":"good","uSat":-1,"satellites":7}`, `"lon":24.94,"fixType"`},
	} {
		out, _ := runGPSD(t, GPSDOptions{}, gpsClock(true), gpsdHello, tpv("/dev/a", 0, ""), c.sky, tpv("/dev/a", 1000, ""))
		if len(out.lines) != 4 || !strings.Contains(out.lines[3], c.want) {
			t.Errorf("%s: %q", name, out.lines)
		}
	}
}

// TestGPSDReceivers: what gpsd says of its receivers.
func TestGPSDReceivers(t *testing.T) {
	a, b := tpv("/dev/a", 0, ""), tpv("/dev/b", 500, "")
	none := `{"class":"DEVICES","devices":[]}`
	two := `{"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/a","activated":1},{"class":"DEVICE","path":"/dev/b"}]}`
	gone := `{"class":"DEVICE","path":"/dev/a","activated":0}`
	for name, c := range map[string]struct {
		option   string
		lines    []string
		messages int
		flags    string
		detail   string
	}{
		"none":                      {"", []string{none}, 0, codeNoReceiver, "gpsd has no receiver"},
		"none, then one":            {"", []string{none, two, a}, 2, "", "3D fix"},
		"two that speak":            {"", []string{two, a, b}, 2, codeSeveral, "3D fix"},
		"the second is meant":       {"/dev/b", []string{two, a, b}, 2, "", "3D fix"},
		"one that is not there":     {"/dev/c", []string{two, a, b}, 0, codeNoReceiver, "gpsd does not have /dev/c"},
		"two, and one of them goes": {"", []string{two, a, b, strings.Replace(gone, "/dev/a", "/dev/b", 1)}, 2, "", "3D fix"},
		"it went":                   {"", []string{two, a, gone}, 2, codeNoReceiver, "gpsd has no receiver"},
		"it went, another speaks":   {"", []string{two, a, gone, b}, 4, "", "3D fix"},
		"an error":                  {"", []string{`{"class":"ERROR","message":"Can't open \"x\""}`}, 0, "", `gpsd says: Can't open "x"`},
		"a fix that is none":        {"", []string{`{"class":"TPV","device":"/dev/a","mode":1}`}, 0, "", "no fix"},
		"a mode without a position": {"", []string{`{"class":"TPV","device":"/dev/a","mode":3}`}, 0, "", "3D fix"},
	} {
		out, _ := runGPSD(t, GPSDOptions{Device: c.option}, gpsClock(true), append([]string{gpsdHello}, c.lines...)...)
		var flags []string
		for code, on := range out.on {
			if on {
				flags = append(flags, code)
			}
		}
		slices.Sort(flags)
		if len(out.lines) != c.messages || strings.Join(flags, " ") != c.flags || out.detail() != c.detail {
			t.Errorf("%s: %d messages, flags %v, detail %q", name, len(out.lines), flags, out.detail())
		}
	}
}

// gpsdTalk is a port on which time passes before each line.
type gpsdTalk struct {
	blePort
	clock *clock.Clock
	lines []gpsdLine
	at    clock.Now
}

type gpsdLine struct {
	after int64 // ms
	text  string
}

func (p *gpsdTalk) Read(b []byte) (int, error) {
	if len(p.lines) == 0 {
		return 0, io.EOF
	}
	p.at.Mono += p.lines[0].after
	p.at.Unix += p.lines[0].after
	p.clock.Set(p.at)
	n := copy(b, p.lines[0].text+"\r\n")
	p.lines = p.lines[1:]
	return n, nil
}

// TestGPSDLeavesAReceiverWithoutAFix: the first that speaks is not held on to while it
// knows no place and another one does.
func TestGPSDLeavesAReceiverWithoutAFix(t *testing.T) {
	blind := `{"class":"TPV","device":"/dev/a","mode":1}`
	nowhere := `{"class":"TPV","device":"/dev/b","mode":3}`
	for name, c := range map[string]struct {
		device string
		lines  []gpsdLine
		want   string // the receivers whose fixes came
	}{
		"it never had one": {"", []gpsdLine{{0, blind}, {500, tpv("/dev/b", 0, "")}, {30_000, blind}, {500, tpv("/dev/b", 31_000, "")}, {500, tpv("/dev/b", 32_000, "")}}, "bb"},
		"it lost it":       {"", []gpsdLine{{0, tpv("/dev/a", 0, "")}, {1000, blind}, {28_000, tpv("/dev/b", 29_000, "")}, {2000, tpv("/dev/b", 31_000, "")}}, "ab"},
		"it has one":       {"", []gpsdLine{{0, tpv("/dev/a", 0, "")}, {29_000, tpv("/dev/a", 29_000, "")}, {29_000, tpv("/dev/b", 58_000, "")}}, "aa"},
		"both have none":   {"", []gpsdLine{{0, blind}, {40_000, nowhere}, {1000, tpv("/dev/a", 41_000, "")}}, "a"},
		"it comes back":    {"", []gpsdLine{{0, blind}, {30_000, tpv("/dev/b", 30_000, "")}, {1000, tpv("/dev/a", 31_500, "")}, {500, tpv("/dev/b", 32_000, "")}}, "bb"},
		"it is meant":      {"/dev/a", []gpsdLine{{0, blind}, {60_000, tpv("/dev/b", 0, "")}, {1000, tpv("/dev/a", 31_500, "")}}, "a"},
	} {
		at := clock.Now{Mono: 1000, Unix: time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC).UnixMilli(), Trusted: true}
		port := &gpsdTalk{clock: clock.Fake(at, time.Time{}), at: at}
		for _, l := range c.lines {
			l.text = strings.Replace(l.text, `"/dev/a","mode":3,`, `"/dev/a","mode":3,"speed":1,`, 1)
			l.text = strings.Replace(l.text, `"/dev/b","mode":3,`, `"/dev/b","mode":3,"speed":2,`, 1)
			port.lines = append(port.lines, l)
		}
		d, err := gpsdKind().New(Config{Name: "gpsd", Type: "gpsd", ID: "XXXX03GPS00000001", Options: &GPSDOptions{Device: c.device}},
			Env{Gateway: "XXXX00GTW00000001", Clock: port.clock, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		out := &flagOut{on: map[string]bool{}}
		_ = d.Run(port, out)
		got := ""
		for _, m := range out.lines {
			switch {
			case strings.Contains(m, `"speed":1,`):
				got += "a"
			case strings.Contains(m, `"speed":2,`):
				got += "b"
			}
		}
		if got != c.want {
			t.Errorf("%s: fixes of %q, want %q\n%q", name, got, c.want, out.lines)
		}
	}
}

// TestGPSDSaysOfVesselsWhatTheirSentencesSay: gpsd's reports of a recording give the
// same messages as the recording itself.
func TestGPSDSaysOfVesselsWhatTheirSentencesSay(t *testing.T) {
	corpus := func(name string) []byte {
		b, err := os.ReadFile("../../shared/corpora/gpsd/ais/" + name)
		if err != nil {
			t.Skip("the corpora are not next to the project: ", err)
		}
		return b
	}
	var sentences []byte
	for line := range bytes.Lines(corpus("ais-nmea-type6-fid55.log")) {
		if !bytes.HasPrefix(line, []byte("#")) {
			sentences = append(sentences, line...)
		}
	}
	var reports []string
	for line := range bytes.Lines(corpus("ais-nmea-type6-fid55.log.chk")) {
		if bytes.HasPrefix(line, []byte(`{"class":"AIS"`)) {
			reports = append(reports, strings.TrimSpace(string(line)))
		}
	}
	always := VesselOptions{VesselInterval: "0s", StaticInterval: "0s"}
	direct, _ := runAIS(t, Config{Options: &AISOptions{always}}, gpsClock(false), sentences)
	through, _ := runGPSD(t, GPSDOptions{VesselOptions: always}, gpsClock(false), reports...)
	count := map[string]int{}
	for _, l := range direct.lines {
		count[anyones(l)]++
	}
	missing := 0
	for _, l := range through.lines {
		if count[l]--; count[l] < 0 {
			missing++
			t.Logf("only through gpsd: %s", l)
		}
	}
	left := 0
	for l, n := range count {
		if n > 0 && left < 20 {
			t.Logf("only of the sentences: %s", l)
		}
		left += max(n, 0)
	}
	t.Logf("%d messages of the sentences, %d through gpsd, %d and %d differ", len(direct.lines), len(through.lines), left, missing)
	if missing > 0 || left > 40 || len(through.lines) < 1500 {
		t.Error("they differ in more than halves of type 24 that gpsd keeps to itself")
	}
}

// anyones leaves out what gpsd does not say: that it was the receiver's own vessel.
func anyones(line string) string { return strings.Replace(line, `,"own":1`, "", 1) }
