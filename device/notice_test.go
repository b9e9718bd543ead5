package device

import (
	"strings"
	"testing"
)

// TestFieldsThatCannotBeSent: a text and a hexadecimal number are named on the screen,
// and lines of nothing else are a problem, though the device is well.
func TestFieldsThatCannotBeSent(t *testing.T) {
	run := func(c LinesOptions, text string) *flagOut {
		out := &flagOut{on: map[string]bool{}}
		runLines(newLines(t, Config{ID: tuid, Options: &c}), out, text)
		return out
	}
	for _, row := range []struct {
		name, lines, detail string
		c                   LinesOptions
		flag                bool
		sent                int
	}{
		{"next to a number", "temp=21.5 relay=on\n", "field relay is text and cannot be sent", LinesOptions{}, false, 1},
		{"alone", "door=open\n", "field door is text and cannot be sent", LinesOptions{}, true, 0},
		{"alone in JSON", `{"door":"open"}` + "\n", "field door is text and cannot be sent", LinesOptions{}, true, 0},
		{"sent where that is asked for", "door=open\n", "", LinesOptions{Extra: "keep"}, false, 1},
		{"left out where that is asked for", "temp=21.5 relay=on\n", "", LinesOptions{Extra: "drop"}, false, 1},
		{"numbers come again", "door=open\n" + strings.Repeat("temp=1\n", textShown), "field door is text and cannot be sent", LinesOptions{}, false, textShown},
		{"hexadecimal", "temp=21.5 flags=0x1F\n", "field flags is hexadecimal: name it in hex of this [[device]]", LinesOptions{}, false, 1},
		{"hexadecimal where configured", "flags=0x1F\n", "", LinesOptions{Hex: []string{"flags"}}, false, 1},
	} {
		out := run(row.c, row.lines)
		if out.detail() != row.detail || out.on[codeText] != row.flag || len(out.lines) != row.sent || out.frames[Unknown] != 0 {
			t.Errorf("%s: detail %q, %v, %d sent, frames %v", row.name, out.detail(), out.on, len(out.lines), out.frames)
		}
	}
}

// TestLinesHex: a number of base 16 is read where the configuration names its key,
// and never in part.
func TestLinesHex(t *testing.T) {
	named := LinesOptions{Hex: []string{"flags", "temp"}, Scale: map[string]float64{"temp": 0.1}}
	for line, want := range map[string][2]string{ // not named, named
		`flags=1F`:                 {``, `{90200,"flags":31}`},
		`flags=0x1f`:               {``, `{90200,"flags":31}`},
		`flags=1Fh`:                {``, `{90200,"flags":31}`},
		`flags=12E4`:               {``, `{90200,"flags":4836}`},
		`flags=00010020`:           {`{90200,"flags":10020}`, `{90200,"flags":65568}`},
		`{"flags":"12E4"}`:         {``, `{90200,"flags":4836}`},
		`{"flags":0x1F,"x":1}`:     {`{90200,"x":1}`, `{90200,"flags":31,"x":1}`},
		`{"flags":20}`:             {`{90200,"flags":20}`, `{90200,"flags":32}`},
		`flags=7FFFFFFFFFFFFFFF`:   {``, `{90200,"flags":9223372036854775807}`},
		`flags=8000000000000000`:   {`{90200,"flags":8000000000000000}`, ``},
		`flags=1G x=1`:             {`{90200,"x":1}`, `{90200,"x":1}`},
		`flags=0x x=1`:             {`{90200,"x":1}`, `{90200,"x":1}`},
		`temp=0xD7 humd=4`:         {`{12100,"humd":4}`, `{12100,"temp":21.5,"humd":4}`},
		`flags=-1F x=1 flags2=1e5`: {`{90200,"x":1}`, `{90200,"x":1}`},
	} {
		for i, c := range []LinesOptions{{}, named} {
			if got := payload(readLines(t, c, line+"\n")); got != want[i] {
				t.Errorf("%s, named %v: %s, want %s", line, i == 1, got, want[i])
			}
		}
	}
}

// TestChatter: pairs in text that is not data are no readings, and those behind a
// label are.
func TestChatter(t *testing.T) {
	for line, data := range map[string]bool{
		"temp=85":                               true,
		"node1: temp=85":                        true,
		"node1 temp=85":                         true,
		"weather,site=x temp=85":                true,
		"node 7: temp=85":                       true,
		"cellar north 2: temp=85":               true,
		"12:00:00 temp=85":                      true,
		"2026-11-28T12:00:00Z node1: temp=85":   true,
		"2026-11-28 12:00:00.123 temp=85":       true,
		"I (100) sensor: temp=85":               false,
		"\x1b[0;33mW (90) a: temp=85\x1b[0m":    false,
		"[00:00:01.234,000] <inf> s: temp=85":   false,
		"[   12][I][a.cpp:1] f(): temp=85":      false,
		"INFO: temp=85":                         false,
		"12:00:00 WARNING node1: temp=85":       false,
		"D/sensor: temp=85":                     false,
		"D/sensor( 812): temp=85":               false,
		"wifi: connected, temp=85":              false,
		"the heater is on, temp=85":             false,
		"Free heap now: is temp=85":             false,
		">>> temp=85":                           false,
		"... temp=85":                           false,
		"=> printenv temp=85":                   false,
		"=85 humd=40":                           true, // a key that was lost
		"ValueError: temp=85":                   false,
		"assert failed: temp=85 file=main.c":    false,
		"default: temp=85":                      true,
		"$ temp=85":                             false,
		"root@gw:~# temp=85":                    false,
		"ATS0=1":                                false,
		"AT+IPR=115200":                         false,
		"+CREG: temp=85":                        false,
		"*** Booting OS v3 *** temp=85":         false,
		"rst:0x1 (POWERON),boot:0x13 x temp=85": false,
	} {
		if got := len(readLines(t, LinesOptions{}, line+"\n").messages) > 0; got != data {
			t.Errorf("%q: data is %v, want %v", line, got, data)
		}
	}
}
