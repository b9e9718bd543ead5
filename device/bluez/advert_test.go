package bluez

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// TestAdvert: what a signal says becomes a line, and only that.
func TestAdvert(t *testing.T) {
	f := newFake(t)
	l := f.scan(Options{})
	const name, lists = `080952C3BCC3BC7669`, `0503E5FE5055` + `050578563412` + `1107FFEEDDCCBBAA99887766554433221100`
	const mac = `{"mac":"CB:B8:33:4C:88:4F"`
	for _, step := range []struct {
		what  string
		props properties
		gone  []string
		want  string
	}{
		{"data and strength", properties{"RSSI": rssi(-61), "ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x12}})}, nil,
			mac + `,"rssi":-61,"adv":"05FF99040512"}` + "\n"},
		{"the same strength is not signalled again", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x13}})}, nil,
			mac + `,"rssi":-61,"adv":"05FF99040513"}` + "\n"},
		{"the same data again", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x13}})}, nil,
			mac + `,"rssi":-61,"adv":"05FF99040513"}` + "\n"},
		{"a second company beside an old one", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x13}, 0x004C: {2}})}, nil,
			mac + `,"rssi":-61,"adv":"04FF4C0002"}` + "\n"},
		{"neither changes: it is taken for the one before", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x13}, 0x004C: {2}})}, nil,
			mac + `,"rssi":-61,"adv":"04FF4C0002"}` + "\n"},
		{"the first changes", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x14}, 0x004C: {2}})}, nil,
			mac + `,"rssi":-61,"adv":"05FF99040514"}` + "\n"},
		{"services of three lengths", properties{"ServiceData": services(map[string][]byte{
			"0000fcd2-0000-1000-8000-00805f9b34fb": {0x40}, "12345678-0000-1000-8000-00805F9B34FB": {1}, "00112233-4455-6677-8899-aabbccddeeff": {2}})}, nil,
			mac + `,"rssi":-61,"adv":"0416D2FC40` + `1221FFEEDDCCBBAA9988776655443322110002` + `06207856341201"}` + "\n"},
		{"name, power and flags", properties{"RSSI": rssi(-60), "Name": dbus.MakeVariant("Rüüvi"), "TxPower": dbus.MakeVariant(int16(-4)), "AdvertisingFlags": dbus.MakeVariant([]byte{6})}, nil,
			mac + `,"rssi":-60,"adv":"020106` + `020AFC` + name + `"}` + "\n"},
		{"services", properties{"RSSI": rssi(-60), "UUIDs": dbus.MakeVariant([]string{"0000fee5-0000-1000-8000-00805f9b34fb", "00005550-0000-1000-8000-00805f9b34fb", "12345678-0000-1000-8000-00805f9b34fb", "00112233-4455-6677-8899-aabbccddeeff", "x"})}, nil,
			mac + `,"rssi":-60,"adv":"` + lists + name + `"}` + "\n"},
		{"a name and services are kept", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5, 0x15}})}, nil, mac + `,"rssi":-60,"adv":"` + lists + `05FF99040515` + name + `"}` + "\n"},
		{"none any more", properties{"RSSI": rssi(-61), "UUIDs": dbus.MakeVariant([]string{})}, nil, mac + `,"rssi":-61,"adv":"` + name + `"}` + "\n"},
		{"without a name", properties{"RSSI": rssi(-62), "Name": dbus.MakeVariant("")}, nil, mac + `,"rssi":-62,"adv":""}` + "\n"},
		{"strength alone", properties{"RSSI": rssi(-59)}, nil, mac + `,"rssi":-59,"adv":""}` + "\n"},
		{"strength taken back", properties{"ServicesResolved": dbus.MakeVariant(true)}, []string{"RSSI"}, ""},
		{"no strength known", properties{"ManufacturerData": maker(map[uint16][]byte{0x0499: {5}})}, nil, mac + `,"adv":"04FF990405"}` + "\n"},
		{"not heard: somebody connects, and asks for the name", properties{"Connected": dbus.MakeVariant(true), "Name": dbus.MakeVariant("x")}, nil, ""},
		{"no data at all", properties{"ManufacturerData": maker(nil)}, nil, mac + `,"adv":"020978"}` + "\n"},
	} {
		f.hears(step.props, step.gone...)
		if got := waiting(t, l); got != step.want {
			t.Errorf("%s:\n%s is not\n%s", step.what, got, step.want)
		}
	}
}

// TestWrongTypes: a property of a type that BlueZ does not document is counted by who
// reads the line, and the others are kept.
func TestWrongTypes(t *testing.T) {
	f := newFake(t)
	l := f.scan(Options{})
	data := maker(map[uint16][]byte{0x0499: {5}})
	for name, wrong := range map[string]properties{
		"aa{qv}, as dbusmock has it": {"RSSI": rssi(-79), "ManufacturerData": dbus.MakeVariant([]map[uint16]dbus.Variant{{1177: dbus.MakeVariant([]byte{1})}})},
		"text for bytes":             {"RSSI": rssi(-79), "ManufacturerData": dbus.MakeVariant(map[uint16]dbus.Variant{1177: dbus.MakeVariant("x")})},
		"strings for companies":      {"RSSI": rssi(-79), "ManufacturerData": dbus.MakeVariant(map[string]dbus.Variant{"1177": dbus.MakeVariant([]byte{1})})},
		"services by number":         {"RSSI": rssi(-79), "ServiceData": dbus.MakeVariant(map[uint16]dbus.Variant{1: dbus.MakeVariant([]byte{1})})},
		"no UUID":                    {"RSSI": rssi(-79), "ServiceData": services(map[string][]byte{"fcd2": {1}})},
		"a UUID of other letters":    {"RSSI": rssi(-79), "ServiceData": services(map[string][]byte{"0000zzzz-0000-1000-8000-00805f9b34fb": {1}})},
		"text for power":             {"RSSI": rssi(-79), "TxPower": dbus.MakeVariant("4")},
		"text for services":          {"RSSI": rssi(-79), "UUIDs": dbus.MakeVariant("fee5")},
		"bytes for a name":           {"RSSI": rssi(-79), "Name": dbus.MakeVariant([]byte("x"))},
		"text for flags":             {"RSSI": rssi(-79), "AdvertisingFlags": dbus.MakeVariant("06")},
		"more than there can be":     {"RSSI": rssi(-79), "ManufacturerData": maker(map[uint16][]byte{0x0499: make([]byte, 252)})},
	} {
		const want = `{"mac":"CB:B8:33:4C:88:4F","rssi":-79,"adv":""}` + "\n" + `{"mac":"CB:B8:33:4C:88:4F","rssi":-79,"adv":"?"}` + "\n"
		f.hears(wrong)
		if got := waiting(t, l); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	f.hears(properties{"RSSI": dbus.MakeVariant("-79"), "ManufacturerData": data})
	if got := waiting(t, l); !strings.Contains(got, `"adv":"04FF990405"`) || !strings.Contains(got, `"adv":"?"`) {
		t.Errorf("a strength in words: %s", got)
	}
	for _, s := range []Signal{
		{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, nil},
		{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, []any{device1}},
		{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, []any{device1, "x", 3}},
		{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, []any{7, properties{"RSSI": rssi(-1)}, 3}},
		{"/", added, []any{"x", 1}}, {"/", removed, []any{1}}, {"", "", nil},
		{hci0, changed, []any{adapter1, properties{"Powered": dbus.MakeVariant("false")}, []string{}}},
		{hci0 + "/dev_CB_B8_33_4C_88_4G", changed, []any{device1, properties{"RSSI": rssi(-1)}, []string{}}},
		{hci0 + "/dev_CB_B8_33_4C_88_4F/service0001", changed, []any{device1, properties{"RSSI": rssi(-1)}, []string{}}},
		{"/org/bluez/hci1/dev_CB_B8_33_4C_88_4F", changed, []any{device1, properties{"RSSI": rssi(-1)}, []string{}}},
	} {
		f.deliver(s)
		if got := waiting(t, l); got != "" {
			t.Errorf("%v gives %s", s, got)
		}
	}
}

// TestCached: a device that BlueZ shows without RSSI was not heard.
func TestCached(t *testing.T) {
	f := newFake(t)
	l := f.scan(Options{})
	shows := func(props properties) {
		f.deliver(Signal{"/", added, []any{hci0 + "/dev_CB_B8_33_4C_88_4F", map[string]map[string]dbus.Variant{device1: props}}})
	}
	data := maker(map[uint16][]byte{0x0499: {5}})
	if shows(properties{"ManufacturerData": data}); waiting(t, l) != "" {
		t.Error("what BlueZ remembers is taken for an advertisement")
	}
	f.deliver(Signal{"/", removed, []any{hci0 + "/dev_CB_B8_33_4C_88_4F", []string{device1}}})
	shows(properties{"ManufacturerData": data, "RSSI": rssi(-70)})
	if got := waiting(t, l); got != `{"mac":"CB:B8:33:4C:88:4F","rssi":-70,"adv":"04FF990405"}`+"\n" {
		t.Errorf("a new device gives %s", got)
	}
	f.deliver(Signal{"/", removed, []any{hci0 + "/dev_CB_B8_33_4C_88_4F", []string{device1}}})
	f.hears(properties{"ManufacturerData": data})
	if got := waiting(t, l); strings.Contains(got, "rssi") {
		t.Errorf("the strength of a device that was forgotten is kept: %s", got)
	}
}

// TestLongAdvert: what has no room in one line becomes several.
func TestLongAdvert(t *testing.T) {
	f := newFake(t)
	l := f.scan(Options{})
	f.hears(properties{"RSSI": rssi(-70), "ManufacturerData": maker(map[uint16][]byte{1: make([]byte, 200), 2: make([]byte, 100)})})
	lines := strings.SplitAfter(waiting(t, l), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"adv":"CBFF0100`) || !strings.Contains(lines[1], `"adv":"67FF0200`) {
		t.Errorf("%q", lines)
	}
}

// TestFlood (S4): made-up addresses take no memory without end, and what is not read in
// time is counted.
func TestFlood(t *testing.T) {
	f := newFake(t)
	l := f.scan(Options{})
	const all = 20_000
	tag := dbus.ObjectPath(hci0 + "/dev_CB_B8_33_4C_88_4F")
	f.deliver(Signal{"/", added, []any{tag, map[string]map[string]dbus.Variant{device1: {"Name": dbus.MakeVariant("A")}}}})
	const digits = "0123456789ABCDEF"
	for i := range all {
		path := []byte("/org/bluez/hci0/dev_00_00_00_00_00_00")
		for at, n := len(path)-1, i; n > 0; n, at = n>>4, at-1 {
			if path[at] == '_' {
				at--
			}
			path[at] = digits[n&15]
		}
		f.deliver(Signal{dbus.ObjectPath(path), changed, []any{device1, properties{"RSSI": rssi(-50)}, []string{}}})
		if i%1000 == 0 {
			f.deliver(Signal{tag, changed, []any{device1, properties{"RSSI": rssi(-60)}, []string{}}})
		}
	}
	if h := l.heard["CB:B8:33:4C:88:4F"]; h == nil || string(h.name) != "\x09A" {
		t.Error("the name of a tag that is heard all the time is forgotten")
	}
	if len(l.heard) > known {
		t.Errorf("%d devices are remembered", len(l.heard))
	}
	got := waiting(t, l)
	if lines := strings.Count(got, "\n"); lines != waitingLines+1 || !strings.HasPrefix(got, `{"note":"dropped","adverts":19764}`+"\n") {
		t.Errorf("%d lines wait, the first %.60s", lines, got)
	}
	if !strings.HasSuffix(got, `{"mac":"00:00:00:00:4E:1F","rssi":-50,"adv":""}`+"\n") {
		t.Errorf("the newest is %s", got[len(got)-60:])
	}
}

// FuzzAdvert: whatever the data are, each line is whole, and says nothing that was not said.
func FuzzAdvert(f *testing.F) {
	f.Add(uint16(0x0499), []byte{5, 0x12}, "0000fcd2-0000-1000-8000-00805f9b34fb", []byte{0x40}, "Ruuvi")
	f.Add(uint16(1), make([]byte, 255), "fcd2", []byte{}, "\x00\"\\")
	f.Fuzz(func(t *testing.T, company uint16, data []byte, uuid string, service []byte, name string) {
		h := new(heard)
		a, ok := h.read(properties{"ManufacturerData": maker(map[uint16][]byte{company: data}), "ServiceData": services(map[string][]byte{uuid: service}), "Name": dbus.MakeVariant(name)})
		if !ok {
			t.Fatal("data were taken for nothing")
		}
		for n := 0; ; n++ {
			var line []byte
			line, a.elements = a.line(nil, "CB:B8:33:4C:88:4F")
			hex, begins := strings.CutPrefix(string(line), `{"mac":"CB:B8:33:4C:88:4F","adv":"`)
			hex, ends := strings.CutSuffix(hex, "\"}\n")
			if !begins || !ends || len(hex) > 2*payload || len(hex)%2 != 0 || strings.Trim(hex, "0123456789ABCDEF") != "" || n > 3 {
				t.Fatalf("%q", line)
			}
			if len(a.elements) == 0 {
				return
			}
		}
	})
}

func BenchmarkAdvert(b *testing.B) {
	l := &Line{path: hci0, heard: map[string]*heard{}, stall: newStall()}
	l.come.L = &l.mu
	s := Signal{hci0 + "/dev_CB_B8_33_4C_88_4F", changed, []any{device1, properties{"RSSI": rssi(-60), "ManufacturerData": maker(map[uint16][]byte{0x0499: make([]byte, 24)})}, []string{}}}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		l.signal(s)
		_, _ = l.Read(buf)
	}
}

// TestRemembered: names that BlueZ had before the scan, and those of devices that it shows
// without having heard them, stand in the lines.
func TestRemembered(t *testing.T) {
	f := newFake(t)
	f.objects[hci0+"/dev_CB_B8_33_4C_88_4F"] = map[string]map[string]dbus.Variant{device1: {"Name": dbus.MakeVariant("A")}}
	l := f.scan(Options{})
	if waiting(t, l) != "" {
		t.Error("what BlueZ remembers is taken for an advertisement")
	}
	for _, name := range []string{"0209" + "41", "0209" + "42"} {
		f.hears(properties{"RSSI": rssi(-60)})
		if got := waiting(t, l); got != `{"mac":"CB:B8:33:4C:88:4F","rssi":-60,"adv":"`+name+`"}`+"\n" {
			t.Errorf("%s: %s", name, got)
		}
		f.deliver(Signal{"/", added, []any{hci0 + "/dev_CB_B8_33_4C_88_4F", map[string]map[string]dbus.Variant{device1: {"Name": dbus.MakeVariant("B")}}}})
	}
}
