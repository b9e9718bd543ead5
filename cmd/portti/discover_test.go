package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"portti/cmd/portti/config"
	"portti/device"
	"portti/device/uarttest"
)

// speaking is a serial line on which a device of that speed says text over and over. A
// verb opens it as any port.
func speaking(t *testing.T, baud int, text string) string {
	t.Helper()
	far, err := uarttest.Open(baud)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); far.Repeat(ctx, []byte(text), 4*time.Millisecond) }()
	t.Cleanup(func() { cancel(); <-done; _ = far.Close() })
	return far.Path()
}

const (
	saysGPS   = "$GPVTG,,,,,,,,,N*30\r\n"
	saysPanel = `{"temp":21.4,"humd":40}` + "\r\n"
)

func portti(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestDiscoverAdds (row 244): what was found is added so that it loads, once; a second device of a kind
// gets a name of its own, and what was there stays as it was.
func TestDiscoverAdds(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "portti.toml")
	mine := fmt.Sprintf("# mine\n[paths]\nstate = %q\nrun = %q\n[[device]]\nname = \"panel\"\ntype = \"lines\"\nport = \"tcp://127.0.0.1:1\"\nid = \"x\"\n", dir, dir)
	if err := os.WriteFile(main, []byte(mine), 0o604); err != nil {
		t.Fatal(err)
	}
	gps, panel := speaking(t, 38400, saysGPS), speaking(t, 57600, saysPanel)
	code, out, errs := portti(t, "discover", "--add", "-c", main, "--port", gps, "--port", panel)
	if code != exitOK || !strings.Contains(out, "Added 2 devices (gps, panel-2)") || !strings.Contains(out, "sudo portti service start") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	for _, line := range strings.Split(out, "\n") {
		if utf8.RuneCountInString(line) > 80 && !strings.Contains(line, dir) {
			t.Errorf("longer than 80 columns: %q", line)
		}
	}
	added := filepath.Join(dir, "conf.d", addedFile)
	text, err := os.ReadFile(added)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(added); info.Mode().Perm() != 0o604 {
		t.Errorf("mode %v", info.Mode())
	}
	cfg, err := config.Load(main, config.LoadOptions{})
	if err != nil || len(cfg.Devices) != 3 {
		t.Fatalf("%v\n%s", err, text)
	}
	g, p := cfg.Devices[1], cfg.Devices[2]
	if g.Type != "gps" || g.Baud != 38400 || g.Port != gps || p.Type != "lines" || p.Baud != 57600 || len(g.ID) != 17 || g.ID == p.ID {
		t.Errorf("%+v\n%+v", g, p)
	}

	// Again: both are configured now.
	if code, out, errs = portti(t, "discover", "--add", "-c", main, "--port", gps); code != exitFailed || !strings.Contains(errs, "nothing to add") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	third := speaking(t, 9600, saysPanel)
	if code, out, errs = portti(t, "discover", "--add", "-c", main, "--port", third); code != exitOK {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	more, _ := os.ReadFile(added)
	if !bytes.HasPrefix(more, text) || !strings.Contains(string(more), `name = "panel-3"`) {
		t.Errorf("%s", more)
	}
	if now, _ := os.ReadFile(main); string(now) != mine {
		t.Errorf("the main file was changed: %s", now)
	}
}

// TestDiscoverRefusesToAdd (row 244) where the configuration would not be good: nothing is written.
func TestDiscoverRefusesToAdd(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(main, []byte("[uplink]\nurl = \"http://x\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := portti(t, "discover", "--add", "-c", main, "--port", speaking(t, 9600, saysGPS))
	if code != exitFailed || !strings.Contains(errs, "portti.toml:2:") || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("%d\n%s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "conf.d")); err == nil {
		t.Error("something was written")
	}
}

// TestDiscoverPrints what loads, and JSON.
func TestDiscoverPrints(t *testing.T) {
	dir, gps := t.TempDir(), speaking(t, 9600, saysGPS)
	none := filepath.Join(dir, "portti.toml")
	code, out, errs := portti(t, "discover", "--toml", "-c", none, "--port", gps)
	if code != exitOK || errs != "" {
		t.Fatalf("%d\n%s", code, errs)
	}
	if cfg, err := config.Load(none, config.LoadOptions{Drafts: map[string][]byte{none: []byte(out)}}); err != nil || len(cfg.Devices) != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	code, out, _ = portti(t, "discover", "--json", "-c", none, "--port", gps, "--port", dir+"/none")
	var doc struct{ Ports []foundJSON }
	loadSchema(t, "discover").validate(t, "discover", []byte(out))
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitOK || len(doc.Ports) != 2 {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	if p := doc.Ports[0]; p.State != string(device.Sure) || p.Guesses[0].Type != "gps" || !strings.Contains(p.ConfigText, "[[device]]") {
		t.Errorf("%+v", p)
	}
	if p := doc.Ports[1]; p.State != portRefused || p.Problem != device.CodeGone || !strings.Contains(p.Why, "no such device") {
		t.Errorf("%+v", p)
	}
	if code, out, _ = portti(t, "discover", "-q", "-c", none, "--port", dir+"/none"); code != exitFailed || out != "" {
		t.Errorf("%d %q", code, out)
	}
	if code, _, errs = portti(t, "discover", "--for", "0s"); code != exitUsage {
		t.Errorf("%d %q", code, errs)
	}
}

// TestDiscoverBesideTheGateway (row 242): a port that the running gateway reads is left to it, by name
// too, and the gateway is told of what was added.
func TestDiscoverBesideTheGateway(t *testing.T) {
	dir := t.TempDir()
	main, gps, panel := filepath.Join(dir, "portti.toml"), speaking(t, 9600, saysGPS), speaking(t, 115200, saysPanel)
	text := fmt.Sprintf("[paths]\nstate = %q\nrun = %q\n[metrics]\nlisten = \"\"\n[web]\nlisten = \"\"\n[[device]]\nname = \"nav\"\ntype = \"gps\"\nport = %q\nid = \"x\"\n", dir, dir, gps)
	if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	g := startVerb(t, "", "run", "-c", main)
	g.says(t, "port opened")
	code, out, errs := portti(t, "discover", "--add", "-c", main, "--port", gps, "--port", panel)
	if code != exitOK || !strings.Contains(out, "read as device nav") || !strings.Contains(out, "Added 1 device (panel)") || strings.Contains(out, "not running") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	g.says(t, "config.reloaded")
	g.cancel()
	g.ends(t, exitOK)
}

// TestFoundInWords: what each state says, and what to do about it.
func TestFoundInWords(t *testing.T) {
	guess := []device.Guess{{Kind: "gps", Name: "NMEA 0183", Baud: 9600, Share: 1, Lines: 2}, {Kind: "ais", Name: "AIS", Baud: 9600, Share: 0.95, Lines: 2}}
	for _, c := range []struct {
		f    found
		want []string
	}{
		{found{state: string(device.Quiet)}, []string{"nothing came", "silent", "--for 5m"}},
		{found{state: string(device.Likely), heard: device.Heard{Guesses: guess[:1]}}, []string{"NMEA 0183 at 9600 (type gps)", "likely (2 lines)"}},
		{found{state: string(device.Unsure), heard: device.Heard{Guesses: guess}}, []string{"NMEA 0183 at 9600 (type gps), or AIS", "(type ais)", "not sure", "config create --device gps"}},
		{found{state: string(device.Unfamiliar), heard: device.Heard{Seems: "binary u-blox (UBX)", GNSS: true, Baud: 9600, Sample: "b5 62"}}, []string{"binary u-blox (UBX) (read at 9600)", "It sent: b5 62", "to NMEA"}},
		{found{state: portRefused, code: device.CodeConsole, why: "cannot open it: the kernel uses it as a console"}, []string{"skipped", "portti service restart"}},
		{found{state: portRefused, code: device.CodePermission, why: "cannot open it: permission denied"}, []string{"sudo portti discover"}},
		{found{state: portConfigured, configured: "gps"}, []string{"read as device gps"}},
	} {
		c.f.port = device.SerialPort{Path: "/dev/ttyUSB0", Name: "/dev/serial/by-id/usb-x", Note: "Another adapter says the same of itself, so it goes by its socket: leave it plugged in there."}
		var out bytes.Buffer
		c.f.show(&out)
		for _, w := range append(c.want, "ttyUSB0", "/dev/serial/by-id/usb-x", "Another adapter") {
			if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), w) {
				t.Errorf("%q lacks %q", out.String(), w)
			}
		}
	}
}

// TestProposals: what has no name of its own is not proposed, and ids stay the same.
func TestProposals(t *testing.T) {
	heard := device.Heard{Verdict: device.Sure, Guesses: []device.Guess{{Kind: "gps", Baud: 4800, Share: 1, Lines: 9}}}
	match := &device.Match{VID: "0403", PID: "6001", Serial: `A"5`}
	all := []*found{
		{state: "sure", heard: heard, port: device.SerialPort{Path: "/dev/ttyUSB0", Note: "alike"}},
		{state: "sure", heard: heard, port: device.SerialPort{Path: "/dev/ttyUSB1", Match: match}},
		{state: "likely", heard: heard, port: device.SerialPort{Path: "/dev/ttyUSB2", Name: "/dev/serial/by-path/x"}},
		{state: "unsure", heard: heard, port: device.SerialPort{Path: "/dev/ttyUSB3", Name: "/dev/serial/by-path/y"}},
	}
	propose(nil, all)
	if all[0].entry.Name != "" || all[1].entry.Name != "gps" || all[2].entry.Name != "gps-2" || all[3].entry.Name != "" {
		t.Errorf("%+v", all)
	}
	text, err := configOf(all)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("x.toml", config.LoadOptions{Drafts: map[string][]byte{"x.toml": []byte(text)}})
	if err != nil || len(cfg.Devices) != 2 || *cfg.Devices[0].Match != *match || cfg.Devices[0].ID != thingID("", asConfigured(all[1].port)) {
		t.Errorf("%v\n%s", err, text)
	}
	if a, b, c := thingID("G1", "p"), thingID("G1", "q"), thingID("G2", "p"); a == b || a == c || len(a) != 17 || a != thingID("G1", "p") {
		t.Errorf("%q %q %q", a, b, c)
	}
}
