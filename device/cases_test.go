package device

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/device/clock"
)

// cases is where inputs from the field lie next to the project.
const cases = "../../shared/cases/device"

// field reads one of them.
func fieldCase(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(cases, name))
	if err != nil {
		t.Skip("the inputs from the field are not next to the project: ", err)
	}
	return b
}

// TestLinesFromTheField: one bad byte costs its field and not its neighbours, text
// that is not data is no reading, and an object ends by itself.
func TestLinesFromTheField(t *testing.T) {
	for name, want := range map[string]string{
		"byte-before-each-line.bin": `temp":1.25 "humd":11 "temp":20.5 "humd":40 "temp":21.5 "humd":40 "temp":22.5 "humd":40 "temp":30.5 "humd":40 "temp":31.5 "humd":40 "temp":32.5 "humd":40 "temp":40.5 "humd":40 "temp":41.5 "humd":40 "temp":42.5 "humd":40 "temp":50.5 "humd":40 "temp":51.5 "humd":40 "temp":2.25 "humd":12`,
		"firmware-log-lines.log":    `temp":1.25 "humd":11 "temp":2.25 "humd":12`,
		"latin1-degree-sign.txt.in": `temp":1.25 "humd":11 "temp":21.7 "humd":42 "humd":40 "temp":21.6 "humd":41 "temp":2.25 "humd":12`,
		"no-newline-between-objects.jsonl": `temp":1.25 "humd":11 "temp":21.5 "humd":40 "temp":21.6 "humd":41 ` +
			`"temp":21.7 "humd":42 "temp":21.8 "humd":43 "temp":2.25 "humd":12`,
		"unquoted-nan.jsonl": `temp":1.25 "humd":11 "humd":40 "batl":88 "humd":41 "humd":42 "humd":43 "temp":2.25 "humd":12`,
	} {
		t.Run(name, func(t *testing.T) {
			out := &collect{}
			_ = newLines(t, Config{ID: tuid}).Run(&script{chunks: []chunk{{0, string(fieldCase(t, name))}}}, out)
			text := payload(out)
			for _, cut := range []string{"{12100,", "{1110,", "}"} {
				text = strings.ReplaceAll(text, cut, "")
			}
			text = strings.ReplaceAll(text, ",", " ")
			eq(t, "fields", text, `"`+want)
			if name == "unquoted-nan.jsonl" && out.frames[Malformed] != 4 {
				t.Errorf("%v: each nan counts", out.frames)
			}
		})
	}
}

// TestGPSFromTheField: a receiver's fixes as its flags have them.
func TestGPSFromTheField(t *testing.T) {
	for name, want := range map[string][]string{
		"gns-navstatus-v.nmea":          {`"tsmTs":1795870800,"lat":60.5083333,"lon":25.0041667,"alt":89.3,"speed":0.007,"sats":23,"hdop":0.79,"fixType":3`, `"tsmTs":1795870801,`, `"tsmTs":1795870802,`, `"tsmTs":1795870803,`},
		"gga-last-zero-satellites.nmea": {`"tsmTs":1795870800,"lat":60.5125,"lon":25.025,`, `"tsmTs":1795870801,"lat":60.5125`, `"tsmTs":1795870802,`, `"tsmTs":1795870803,`},
		"rmc-date-one-second-late.nmea": {`"tsmTs":1795910399,`, `"tsmTs":1795910400,`, `"tsmTs":1795910401,`},
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "append"}}}, gpsClock(false), string(bytes.ReplaceAll(fieldCase(t, name), []byte("\n"), []byte("\r\n"))))
			if len(out.lines) != len(want) {
				t.Fatalf("%d fixes, want %d: %v", len(out.lines), len(want), out.lines)
			}
			for i, w := range want {
				if !strings.Contains(out.lines[i], w) {
					t.Errorf("fix %d has no %s: %s", i, w, out.lines[i])
				}
			}
		})
	}
}

// TestDateThatNoRolloverExplains: such a date is never moved, and never sent as if it
// were known.
func TestDateThatNoRolloverExplains(t *testing.T) {
	in := bytes.ReplaceAll(fieldCase(t, "date-not-correctable.nmea"), []byte("\n"), []byte("\r\n"))
	for name, c := range map[string]*clock.Clock{
		"a clock that may be right": gpsClock(false), "a clock in 1970": clock.Fake(clock.Now{Mono: 1000, Unix: 1000}, gpsFloor),
	} {
		out, log := runGPS(t, Config{Options: &GPSOptions{PositionOptions: PositionOptions{Detail: "append"}}}, c, string(in))
		if len(out.lines) != 10 || strings.Contains(log, codeRollover) {
			t.Errorf("%s: %d fixes, log %s", name, len(out.lines), log)
		}
		for i, l := range out.lines {
			if !strings.Contains(l, `"tsErr":`) || !strings.Contains(l, `"tsmTs":`) {
				t.Errorf("%s: fix %d: %s", name, i, l)
			}
			for _, moved := range []int64{1554642000, 1573045200, 1734613200, 1997355600, 2174648400} {
				if strings.Contains(l, fmt.Sprintf(`"tsmTs":%d`, moved)) || strings.Contains(l, fmt.Sprintf(`"tsmTs":%d`, moved+1)) {
					t.Errorf("%s: fix %d was moved: %s", name, i, l)
				}
			}
		}
	}
}
