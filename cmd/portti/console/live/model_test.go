package live

import (
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// gatewayAt is a gateway with four devices after so many seconds.
func gatewayAt(s int) *status.Document {
	n := uint64(s)
	return &status.Document{
		Schema: 1, Running: true, Version: "1.4.0", Time: noon.Add(time.Duration(s) * time.Second), UptimeS: float64(s),
		Gateway: status.Gateway{ID: "XXXX00EFS80560445", Name: "gw-kuopio-07"},
		Link:    status.Link{State: status.LinkOnline, SinceS: 7860 + float64(s), RTTms: 84.2, Ack: "fence"},
		Buffer:  status.Buffer{State: status.BufferOK, Waiting: 12, Bytes: 98_304, OldestAgeS: 3, CapacityBytes: 200_000_000},
		Clock:   status.Clock{Trusted: true, Source: "kernel"},
		Devices: []status.Device{
			{Name: "gps", Type: "gps", State: status.DeviceOK, LastAgeS: 0.4, RateHz: 5, Read: 5 * n, Detail: "3D fix, 11 satellites"},
			{Name: "hall-panel", Type: "lines", State: status.DeviceOK, LastAgeS: float64(s % 2), RateHz: 0.5, Read: n / 2},
			{Name: "ble-bridge", Type: "ble-bridge", State: status.DeviceOK, LastAgeS: 1, RateHz: 12.93, Read: 13 * n, Bad: 3, Detail: "41 tags heard"},
			{Name: "pump-temp", Type: "modbus", Port: "/dev/ttyAMA0", State: status.DeviceSilent, LastAgeS: 250},
		},
		Problems: []status.Problem{{Code: "DEV-SILENT", Severity: status.Warning, Subject: "pump-temp", SinceS: 220,
			Sentence: "pump-temp has sent nothing for 4 min.", Action: "Check the cable and the sensor's power.", Actions: []string{"Check the cable and the sensor's power."}}},
	}
}

// remembered is what that gateway knows of the minutes before noon.
func remembered() *status.History {
	h := &status.History{Schema: 1, Time: noon}
	for i := range 30 {
		h.Minutes.Waiting = append(h.Minutes.Waiting, uint64(60-2*i))
	}
	gps, panel := make([]uint64, 30), make([]uint64, 30)
	for i := range gps {
		gps[i], panel[i] = 300, uint64(20+i%4*5)
	}
	h.Devices = []status.DeviceHour{{Name: "gps", In: gps}, {Name: "hall-panel", In: panel}, {Name: "ble-bridge", In: []uint64{390, 780}}}
	ended, soon := noon.Add(-20*time.Minute), noon.Add(-40*time.Minute)
	h.Outages = []status.Outage{{Ended: &soon, BeganS: 2420, EndedS: 2400}, {Ended: &ended, BeganS: 1920, EndedS: 1200, Code: "NET-DNS"}}
	return h
}

// seen is a model that has looked on for so many seconds.
func seen(o console.Options, w, h, seconds int) *model {
	m := newModel(o, noon)
	m.w, m.h = w, h
	m.remember(remembered())
	for s := range seconds {
		m.take(gatewayAt(s), nil, noon.Add(time.Duration(s)*time.Second))
	}
	m.heard(view{device: "hall-panel"}, `{"tsmId":12100,"tsmEv":10,"tsmTs":1,"tsmTuid":"X","tsmGw":"Y","hallCount":1882,"name":"door"}`)
	return m
}

// shot draws a model on an emulator.
func shot(t *testing.T, m *model) string {
	t.Helper()
	e := newEmulator(m.w, m.h)
	s := screen{}
	s.resize(m.w, m.h)
	if _, err := e.Write(s.change(nil, m.draw())); err != nil || len(e.unknown) > 0 || e.colour != "" {
		t.Fatal(err, e.unknown, e.colour)
	}
	return e.text()
}

func TestPictures(t *testing.T) {
	size := map[string][2]int{"80x24": {80, 24}, "60x20": {60, 20}, "120x40": {120, 40}}
	for name, act := range map[string]func(m *model){
		"list": func(*model) {},
		"ascii": func(m *model) {
			m.o.ASCII = true
			m.events = nil
			m.open = map[string]status.Problem{}
			m.problems(m.doc)
		},
		"offline": func(m *model) {
			doc := gatewayAt(60)
			doc.Link.State, doc.Link.SinceS = status.LinkWaiting, 360
			doc.Buffer.State, doc.Buffer.Waiting, doc.Clock.Trusted = status.BufferFull, 123_456, false
			doc.Problems = []status.Problem{{Code: "UP-AUTH-REJECTED", Severity: status.Error, Sentence: "The server refuses the token."}}
			m.take(doc, nil, noon.Add(time.Minute))
		},
		"gone": func(m *model) {
			m.take(nil, errors.New("portti is not running (no socket at /run/portti/portti.sock)"), noon.Add(70*time.Second))
		},
		"device": func(m *model) {
			m.press(keyDown)
			m.press(keyEnter)
			m.heard(view{device: "hall-panel"}, `{"tsmId":1,"hallCount":1883}`)
		},
		"silent":   func(m *model) { m.selected = "pump-temp"; m.press(keyEnter) },
		"raw":      func(m *model) { m.press("r"); m.heard(view{device: "gps", raw: true}, "12:00:00.000 < $GPRMC,1\\r\\n") },
		"problems": func(m *model) { m.press("e") },
		"help":     func(m *model) { m.press("?") },
		"gps": func(m *model) {
			m.press("g")
			m.gps = &status.GPSDocument{Devices: []status.GPS{{Name: "gps", Fix: status.Fix3D, AgeS: 1, Position: &status.GPSPosition{Latitude: 65, Longitude: 25}}}}
		},
		"no-receiver": func(m *model) { m.press("g"); m.gps = &status.GPSDocument{} },
		"paused":      func(m *model) { m.press("p"); m.take(gatewayAt(90), nil, noon.Add(90*time.Second)) },
		"hostile": func(m *model) {
			doc := gatewayAt(60)
			doc.Gateway.Name = "gw\x1b[2J\n日本"
			doc.Devices[0].Name, doc.Devices[0].Detail = strings.Repeat("x", 100), "e\u0301\u200b\x07 wide 日本"
			doc.Problems[0].Sentence = "\x1b]0;owned\x07 " + strings.Repeat("long ", 100)
			m.take(doc, nil, noon.Add(time.Minute))
			m.heard(view{device: "hall-panel"}, "\x1b[31m{")
		},
	} {
		var all strings.Builder
		for _, at := range []string{"80x24", "60x20", "120x40"} {
			m := seen(console.Options{}, size[at][0], size[at][1], 60)
			act(m)
			text := shot(t, m)
			if name == "ascii" && strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
				t.Errorf("%s: not ASCII:\n%s", name, text)
			}
			all.WriteString(at + "\n" + text)
		}
		testkit.Golden(t, filepath.Join("testdata", name+".txt"), all.String())
		if name == "list" { // the one that docs/top.md explains
			first, _, _ := strings.Cut(strings.TrimPrefix(all.String(), "80x24\n"), "60x20\n")
			testkit.Golden(t, "../../../../docs/img/top.svg", testkit.Screen("portti top on a terminal of 80 columns and 24 rows",
				"Two rows for the link and the buffer, the table of devices with their last minutes, a problem that came, and the keys, as text.", first))
		}
	}
	m := newModel(console.Options{}, noon)
	testkit.Golden(t, filepath.Join("testdata", "begins.txt"), shot(t, m))
	m.take(nil, errors.New("portti is not running"), noon)
	testkit.Golden(t, filepath.Join("testdata", "never.txt"), shot(t, m))
}

// TestColourOnlyRepeats: without colour the picture is the same.
func TestColourOnlyRepeats(t *testing.T) {
	with, without := seen(console.Options{Colour: true}, 80, 24, 60), seen(console.Options{}, 80, 24, 60)
	if shot(t, with) != shot(t, without) {
		t.Error("colour changes more than colour")
	}
	s := screen{}
	s.resize(80, 24)
	if b := string(s.change(nil, without.draw())); strings.Contains(strings.ReplaceAll(b, "\x1b[m", ""), "m") && strings.Contains(b, "\x1b[0;3") {
		t.Error("there is colour where there is to be none")
	}
	s.resize(80, 24)
	if b := string(s.change(nil, with.draw())); !strings.Contains(b, "\x1b[0;33m") {
		t.Error("there is no colour")
	}
}

// TestQuietGatewayWritesLittle: the bytes that a minute of a gateway costs on the line, of
// which one of 9600 baud carries 960 a second.
func TestQuietGatewayWritesLittle(t *testing.T) {
	for name, c := range map[string]struct {
		most int // bytes a second
		doc  func(s int) *status.Document
	}{
		"quiet": {60, func(s int) *status.Document {
			doc := gatewayAt(s)
			for i := range doc.Devices {
				doc.Devices[i].Read, doc.Devices[i].LastAgeS = 0, 100+float64(s)
			}
			return doc
		}},
		"steady": {200, gatewayAt},
	} {
		m := newModel(console.Options{Colour: true}, noon)
		s, e := screen{}, newEmulator(80, 24)
		s.resize(80, 24)
		for i := range 120 {
			m.take(c.doc(i), nil, noon.Add(time.Duration(i)*time.Second))
			m.heard(view{device: "hall-panel"}, fmt.Sprintf(`{"hallCount":%d}`, i/2))
			if i == 60 {
				e.total = 0
			}
			_, _ = e.Write(s.change(nil, m.draw()))
		}
		t.Logf("%s: %d bytes a second", name, e.total/60)
		if e.total/60 > c.most {
			t.Errorf("%s: %d bytes a second, %d at most", name, e.total/60, c.most)
		}
	}
}

// TestChangesShowTheNext: whatever was shown, the terminal shows the next screen.
func TestChangesShowTheNext(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	const w, h = 17, 5
	e, s := newEmulator(w, h), screen{}
	s.resize(w, h)
	for range 3000 {
		var next []line
		for range random.Intn(h + 1) {
			var l line
			for range random.Intn(w + 3) {
				l = l.add(style(random.Intn(3)), string("ab  ● "[random.Intn(3)]))
			}
			next = append(next, l)
		}
		_, _ = e.Write(s.change(nil, next))
		var want strings.Builder
		for y := range h {
			text := ""
			if y < len(next) {
				for _, c := range next[y][:min(len(next[y]), w)] {
					text += string(c.r)
				}
			}
			want.WriteString(strings.TrimRight(text, " ") + "\n")
		}
		if got := e.text(); got != want.String() || len(e.unknown) > 0 {
			t.Fatalf("%v\ngot\n%s\nwant\n%s", e.unknown, got, want.String())
		}
		if again := s.change(nil, next); len(again) != 0 {
			t.Fatalf("the same again writes %q", again)
		}
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string]string{
		"q": "q", "Q": "q", "\x1b[A": "up", "\x1bOB": "down", "\r": "enter", "\x03": "ctrl+c", "\x1a": "ctrl+z", "\x0c": "ctrl+l",
		"\x1b": "escape", "\x1b\x1b[A": "escape up", "\x1b[1;5Cq": "q", "\x1b[200~x": "x", "\x1bq": "escape q", "ä\x00": "", "\x1b[": "escape [",
	} {
		var got, slowly []string
		rest := names([]byte(in), false, func(k string) { got = append(got, k) })
		names(rest, true, func(k string) { got = append(got, k) })
		rest = nil
		for _, c := range []byte(in) {
			rest = names(append(rest, c), false, func(k string) { slowly = append(slowly, k) })
		}
		names(rest, true, func(k string) { slowly = append(slowly, k) })
		if strings.Join(got, " ") != want || strings.Join(slowly, " ") != want {
			t.Errorf("%q: got %q, byte by byte %q, want %q", in, got, slowly, want)
		}
	}
}

// TestFollowsWhatIsSeen: the gateway is asked for no more than the screen shows.
func TestFollowsWhatIsSeen(t *testing.T) {
	m := seen(console.Options{}, 80, 24, 2)
	if got := fmt.Sprint(m.wants()); got != "[{hall-panel false}]" {
		t.Error(got)
	}
	m.press("r")
	if got := fmt.Sprint(m.wants()); got != "[{gps true}]" {
		t.Error(got)
	}
	m.press("e")
	if got := m.wants(); len(got) != 0 {
		t.Error(got)
	}
	m.press(keyEscape)
	m.press("p")
	if got := m.wants(); len(got) != 0 {
		t.Error(got)
	}
}

func TestManyDevicesScroll(t *testing.T) {
	m := newModel(console.Options{}, noon)
	doc := gatewayAt(0)
	doc.Devices = nil
	for i := range 60 {
		doc.Devices = append(doc.Devices, status.Device{Name: fmt.Sprint("dev", i), State: status.DeviceOK})
	}
	m.take(doc, nil, noon)
	for i := range 70 {
		if text := shot(t, m); !strings.Contains(text, fmt.Sprintf(">● dev%d ", min(i, 59))) || !strings.Contains(text, "15 of 60 devices") {
			t.Fatalf("after %d times down:\n%s", i, text)
		}
		m.press(keyDown)
	}
	for range 70 {
		m.press(keyUp)
	}
	if text := shot(t, m); !strings.Contains(text, ">● dev0 ") {
		t.Error(text)
	}
	if n := len(m.wants()); n != 15 {
		t.Errorf("%d are followed", n)
	}
}

// TestAges: a time in the picture changes no more often than it must.
func TestAges(t *testing.T) {
	for in, want := range map[float64]string{-1: "never", 0: "now", 2.9: "now", 3: "3s", 9.4: "9s", 14: "10s", 59: "55s", 60: "1m", 3600: "1h", 200_000: "2d"} {
		if got := ageWords(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0", 0.04: "0.0", 0.5: "0.5", 1.7: "1.7", 12.93: "13", 84.2: "84", 1234: "1200"} {
		if got := twoDigits(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	if n := utf8.RuneCountInString(brief(`{"tsmId":1,"a":"b","c":[1]}`)); n != len("a b  c [1]") {
		t.Error(brief(`{"tsmId":1,"a":"b","c":[1]}`))
	}
}
