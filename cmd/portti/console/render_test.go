package console

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// healthy is a gateway with four devices on a good day.
func healthy() *status.Document {
	at := time.Date(2026, 11, 22, 14, 2, 11, 0, time.UTC)
	return &status.Document{
		Schema: 1, Version: "1.4.0", Time: at.Add(2*time.Hour + 11*time.Minute), UptimeS: 525_600,
		Gateway: status.Gateway{ID: "XXXX00EFS80560445", Name: "gw-kuopio-07"},
		Link: status.Link{State: status.LinkOnline, Since: at, SinceS: 7860, Dialect: "thingsee",
			URLHost: "wss://ingest.example.net", RTTms: 84.2, Ack: "fence"},
		Buffer: status.Buffer{State: status.BufferOK, Waiting: 12, WaitingMemory: 12, Bytes: 98_304, OldestAgeS: 3,
			HeadroomS: 432_000, CapacityBytes: 200_000_000},
		Totals: status.Totals{Ledger: status.Ledger{Read: 1_204_343, Acked: 1_204_331, Waiting: 12}, Accepted: 1_204_343},
		Clock:  status.Clock{Trusted: true, Source: "kernel"},
		Devices: []status.Device{
			{Name: "gps", Type: "gps", Port: "/dev/serial/by-id/usb-u-blox_7-if00", Resolved: "/dev/ttyACM0", State: status.DeviceOK, LastAgeS: 0.4, RateHz: 5, Detail: "3D fix, 11 satellites"},
			{Name: "hall-panel", Type: "lines", Port: "/dev/serial/by-id/usb-FTDI_A50285BI", Resolved: "/dev/ttyUSB1", State: status.DeviceOK, LastAgeS: 2, RateHz: 0.5},
			{Name: "ble-bridge", Type: "ble-bridge", Port: "tcp://192.0.2.7:2000", State: status.DeviceOK, LastAgeS: 1, RateHz: 12.9, Detail: "41 tags heard"},
			{Name: "pump", Type: "lines", Port: "/dev/ttyAMA0", Resolved: "/dev/ttyAMA0", State: status.DeviceOK, LastAgeS: 30, RateHz: 0.03},
		},
		Problems: []status.Problem{},
	}
}

func problem(code, subject string, since float64, args ...string) status.Problem {
	all := status.Catalogue()
	i := slices.IndexFunc(all, func(e status.Entry) bool { return e.Code == code })
	if i < 0 {
		panic(code)
	}
	e := all[i]
	args = append([]string{"subject", subject}, args...)
	actions, commands := e.Advise(args...)
	return status.Problem{Code: code, Subject: subject, Severity: e.Severity, Title: e.Title, Sentence: e.Say(args...), Action: actions[0], Actions: actions, Commands: commands, SinceS: since}
}

// situations are the documents the pictures are kept of.
func situations() map[string]func(*status.Document) {
	return map[string]func(*status.Document){
		"healthy": func(*status.Document) {},
		"just-started": func(s *status.Document) {
			s.UptimeS, s.Gateway.Name = 0.8, ""
			s.Link = status.Link{State: status.LinkConnecting, SinceS: 0.8, URLHost: "wss://ingest.example.net", Ack: "fence"}
			s.Buffer = status.Buffer{CapacityBytes: 200_000_000}
			s.Totals, s.Clock = status.Totals{}, status.Clock{}
			for i := range s.Devices {
				s.Devices[i].State, s.Devices[i].LastAgeS, s.Devices[i].RateHz, s.Devices[i].Detail = status.DeviceSilent, -1, 0, ""
			}
		},
		"silent-device": func(s *status.Document) {
			s.Devices[3].State, s.Devices[3].LastAgeS, s.Devices[3].RateHz = status.DeviceSilent, 250, 0
			s.Problems = []status.Problem{problem("DEV-SILENT", "pump", 220, "age", "4 min")}
		},
		"token-refused": func(s *status.Document) {
			s.Link.State, s.Link.SinceS, s.Link.NextTryS, s.Link.Problem = status.LinkWaiting, 360, 41, "UP-AUTH-REJECTED"
			s.Link.LastError = "the server says the access token is wrong or expired (close code 4001)"
			s.Buffer.Waiting, s.Buffer.OldestAgeS, s.Buffer.Bytes, s.Buffer.HeadroomS = 6480, 360, 3_800_000, 18_500
			s.Totals.Waiting = 6480
			s.Problems = []status.Problem{problem("UP-AUTH-REJECTED", "", 360, "why", s.Link.LastError,
				"remedy", "Get a new token and run: sudo portti login")}
		},
		"buffer-full": func(s *status.Document) {
			s.Link.State, s.Link.SinceS, s.Link.NextTryS, s.Link.LastError = status.LinkParked, 2_700_000, 290, "the server's certificate has expired"
			s.Link.Since = s.Link.Since.Add(-31 * 24 * time.Hour)
			s.Buffer = status.Buffer{State: status.BufferFull, Waiting: 4_123_456, Bytes: 199_900_000, OldestAgeS: 2_592_000, HeadroomS: 0, CapacityBytes: 200_000_000}
			s.Totals = status.Totals{Ledger: status.Ledger{Acked: 12_000_000, Lost: status.Losses{"full": 77_012, "age": 5, "rate": 0, "odd": 1}, Quarantined: 2}}
			s.Problems = []status.Problem{problem("BUF-FULL", "", 86_400, "what", "the oldest readings are given up to make room"), problem("TLS-EXPIRED", "", 2_700_000)}
		},
		"disk-broken": func(s *status.Document) {
			s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "cannot write segment: input/output error"
			s.Problems = []status.Problem{problem("BUF-IO", "", 65, "why", "input/output error")}
		},
		"clock-unset": func(s *status.Document) {
			s.Clock = status.Clock{Source: "none"}
			s.Link.Since = time.Unix(90, 0)
			s.Problems = []status.Problem{problem("CLK-UNSET", "", 95)}
		},
		"not-proven": func(s *status.Document) {
			s.Link.Ack = "none"
			s.Problems = []status.Problem{problem("CFG-UNPROVEN", "", 10)}
		},
		"devices-ill": func(s *status.Document) {
			s.Devices[0].State, s.Devices[0].LastError = status.DeviceMissing, "cannot open /dev/serial/by-id/usb-u-blox_7-if00: no such file or directory"
			s.Devices[1].State, s.Devices[1].LastError = status.DeviceBusy, "cannot open /dev/ttyUSB1: in use by ModemManager (pid 511)"
			s.Devices[2].State, s.Devices[2].Bad = status.DeviceGarbage, 900
			s.Devices[2].LastLine = "T=21,5 C;H=40 %"
			s.Devices[3].State = "asleep"
			s.Problems = []status.Problem{
				problem("DEV-BUSY", "hall-panel", 30, "port", "/dev/ttyUSB1"),
				problem("DEV-GONE", "gps", 61, "port", "/dev/serial/by-id/usb-u-blox_7-if00", "remedy", "Plug the adapter in, or switch the device server on"),
			}
		},
		"stopped": func(s *status.Document) {
			s.Link.State, s.Link.RTTms = status.LinkStopped, 0
		},
		"no-devices": func(s *status.Document) { s.Devices = nil },
		"hostile": func(s *status.Document) {
			evil := "\x1b[2J\x1b]0;pwned\a\r\n\u202eevil\xff" + strings.Repeat("w", 300)
			s.Version, s.Gateway.Name, s.Link.URLHost, s.Link.LastError = evil, evil, evil, evil
			s.Link.State, s.Clock.Source = evil, evil
			s.Devices[0] = status.Device{Name: evil, Type: evil, Port: evil, Resolved: evil, State: evil, Detail: evil, LastError: evil}
			s.Devices[1].Detail = evil
			s.Devices = s.Devices[:2]
			s.Problems = []status.Problem{{Code: evil, Sentence: evil, Action: evil, Severity: "odd"}}
		},
		"huge-numbers": func(s *status.Document) {
			s.UptimeS, s.Link.RTTms, s.Link.SinceS = 4e9, 123456.7, 3e8
			s.Buffer.Waiting, s.Buffer.OldestAgeS, s.Buffer.HeadroomS, s.Buffer.Bytes, s.Buffer.CapacityBytes = 1<<63, 1e12, 1e9, 1<<40, 1<<41
			s.Totals.Acked, s.Totals.Lost = 1<<63, status.Losses{"full": 1 << 62, "age": 1 << 61, "rate": 1 << 60, "memory": 1 << 59, "io": 1 << 58}
			s.Devices[0].RateHz, s.Devices[1].LastAgeS = 123456.78, 9e8
		},
	}
}

func draw(t *testing.T, s *status.Document, o Options) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPictures holds every situation against the picture that was looked at by
// a person, in the three forms.
func TestPictures(t *testing.T) {
	for name, change := range situations() {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			change(s)
			got := draw(t, s, Options{Zone: time.FixedZone("EET", 7200), Terminal: true}) +
				"-- ascii --\n" + draw(t, s, Options{ASCII: true, Terminal: true}) +
				"-- plain --\n" + draw(t, s, Options{Plain: true, Colour: true}) +
				"-- short --\n" + Short(s) + "\n"
			testkit.Golden(t, filepath.Join("testdata", name+".txt"), got)
			if name == "silent-device" { // the one that docs/first-steps.md explains
				testkit.Golden(t, "../../../docs/img/status.svg", testkit.Screen("portti status, on a gateway with one problem",
					"The link, the buffer, the data, the table of devices, and one problem with what to do about it, as text.", strings.Split(got, "-- ascii --")[0]))
			}
		})
	}
}

// TestNothingIsCutThatFits: where the terminal has room for it, the whole of what is said.
func TestNothingIsCutThatFits(t *testing.T) {
	s := healthy()
	s.Clock.Source = "carried"
	s.Devices = s.Devices[:1]
	s.Devices[0].Resolved, s.Devices[0].Detail = "/dev/ttyACM0", "3D fix, 12 satellites"
	if text := draw(t, s, Options{}); !strings.Contains(text, "clock ok (carried)\n") || !strings.Contains(text, "3D fix, 12 satellites\n") {
		t.Errorf("cut:\n%s", text)
	}
}

// TestNoErrorOfAnEarlierTime: a port from which something comes was opened.
func TestNoErrorOfAnEarlierTime(t *testing.T) {
	const last = "cannot open /dev/ttyUSB1: no such device"
	s := healthy()
	for state, shown := range map[string]bool{status.DeviceGarbage: false, status.DeviceSilent: false, status.DeviceMissing: true, status.DeviceBusy: true} {
		s.Devices[0].State, s.Devices[0].LastError = state, last
		if got := strings.Contains(draw(t, s, Options{}), last); got != shown {
			t.Errorf("%s: shown is %v", state, got)
		}
	}
}

// TestEveryPictureFits: 80 columns unless one word alone is longer (it is not
// broken, so that it can be copied), no control character of a stranger, ASCII
// where asked for, no blanks at the ends.
func TestEveryPictureFits(t *testing.T) {
	for name, change := range situations() {
		s := healthy()
		change(s)
		for _, o := range []Options{{}, {ASCII: true}} {
			for _, line := range strings.Split(draw(t, s, o), "\n") {
				if n := utf8.RuneCountInString(line); n > usualWidth && len(strings.Fields(line)) > 1 {
					t.Errorf("%s: %d columns: %q", name, n, line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s: blanks at the end: %q", name, line)
				}
			}
		}
		for _, o := range []Options{{}, {ASCII: true}, {Plain: true}} {
			text := draw(t, s, o)
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unicode.Is(unicode.C, r) }); i >= 0 {
				t.Errorf("%s: control character %q", name, text[i:min(i+10, len(text))])
			}
			if o.ASCII && strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) {
				t.Errorf("%s: beyond ASCII:\n%s", name, text)
			}
		}
	}
}

// TestEveryWidth: the pictures fit the terminal there is.
func TestEveryWidth(t *testing.T) {
	for name, change := range situations() {
		s := healthy()
		change(s)
		for _, w := range []int{60, 72, 100, 132, 1000} {
			if name == "huge-numbers" && w < 72 {
				continue // which nobody will ever have
			}
			for _, o := range []Options{{Width: w, Terminal: true}, {Width: w, Terminal: true, Verbose: true}} {
				for _, line := range strings.Split(draw(t, s, o), "\n") {
					if n := utf8.RuneCountInString(line); n > w && len(strings.Fields(line)) > 1 {
						t.Errorf("%s at %d: %d columns: %q", name, w, n, line)
					}
				}
			}
		}
	}
}

// TestOffATerminal: a program can read the numbers.
func TestOffATerminal(t *testing.T) {
	text := draw(t, healthy(), Options{})
	if !strings.Contains(text, "1204331 delivered") || strings.Contains(text, "\u202f") {
		t.Error(text)
	}
	var b strings.Builder
	if err := Queue(&b, queueSample(), Options{}); err != nil || !strings.Contains(b.String(), "Delivered   1204331") || strings.Contains(b.String(), "\u202f") {
		t.Error(b.String())
	}
}

// TestQuietAndVerbose: less and more than usual.
func TestQuietAndVerbose(t *testing.T) {
	s := healthy()
	if text := draw(t, s, Options{Quiet: true}); text != "" {
		t.Errorf("nothing is wrong: %q", text)
	}
	situations()["devices-ill"](s)
	if text := draw(t, s, Options{Quiet: true}); !strings.HasPrefix(text, "2 problems\n") || strings.Contains(text, "LINK") {
		t.Error(text)
	}
	if text := draw(t, s, Options{Verbose: true}); !strings.Contains(text, "dialect thingsee, ack fence") || !strings.Contains(text, "900 frames\n") {
		t.Error(text)
	}
}

// TestColourOnlyRepeats: without its colours a picture is the same.
func TestColourOnlyRepeats(t *testing.T) {
	codes := regexp.MustCompile("\x1b\\[[0-9]+m")
	for name, change := range situations() {
		s := healthy()
		change(s)
		coloured := draw(t, s, Options{Colour: true})
		if !strings.Contains(coloured, "\x1b[") || codes.ReplaceAllString(coloured, "") != draw(t, s, Options{}) {
			t.Errorf("%s: colour changes more than colour", name)
		}
	}
}

func TestSpans(t *testing.T) {
	for seconds, want := range map[float64]string{
		-1: "0 s", 0: "0 s", 0.44: "0.4 s", 9.96: "10 s", 0.004: "0 s", 41: "41 s", 119.6: "120 s", 120: "2 min", 3599: "59 min", 3600: "1 h 00 m",
		7860: "2 h 11 m", 86399: "23 h 59 m", 525_600: "6 d 02 h", 1e12: "?",
	} {
		if got := span(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}
