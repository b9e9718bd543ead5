package device_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"portti/device"
	"portti/device/declared"
	"portti/device/devicetest"
)

// kinds are the drivers, and the example.
func kinds() device.Table {
	all := append(device.Kinds(), device.DewKind())
	slices.SortFunc(all, func(a, b device.Kind) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func named(name string) device.Kind {
	k, _ := kinds().Named(name)
	return k
}

// TestDrivers has one line for each driver.
func TestDrivers(t *testing.T) {
	lines := map[string]devicetest.Options{
		"ais": { // details; each vessel's name, once
			Allocs: 2,
			Bad: map[string]any{
				"vessel_interval": &device.AISOptions{VesselOptions: device.VesselOptions{VesselInterval: "fast"}},
				"static_interval": &device.AISOptions{VesselOptions: device.VesselOptions{StaticInterval: "-1s"}},
			},
		},
		"ble": {Allocs: 60, Bad: map[string]any{ // notes, of which each is logged
			"adapter":   &device.BLEOptions{Adapter: "/dev/hci0"},
			"scan":      &device.BLEOptions{Scan: "fast"},
			"only_tags": &device.BLEOptions{TagOptions: device.TagOptions{OnlyTags: true}},
		}},
		"ble-bridge": {Allocs: 4, Bad: map[string]any{ // details, answers
			"dialect":    &device.BridgeOptions{Dialect: "hayes"},
			"rssi_floor": &device.BridgeOptions{TagOptions: device.TagOptions{RSSIFloor: 5}},
		}},
		"declared": {Keys: declaredKeys(), Checked: true},
		// the example of CONTRIBUTING.md
		"dew": {Checked: true, Bad: map[string]any{"address": &device.DewOptions{Address: 248}}},
		"gpsd": { // details, the log, the question
			Allocs: 8,
			Bad: map[string]any{
				"device":          &device.GPSDOptions{Device: "a\"b"},
				"vessel_interval": &device.GPSDOptions{VesselOptions: device.VesselOptions{VesselInterval: "25h"}},
			},
		},
		// details, the log; a position is two messages
		"gps": {Allocs: 8, Unfinished: 2, Bad: map[string]any{
			"min_distance":   positions(device.PositionOptions{MinDistance: -1}),
			"heading_change": positions(device.PositionOptions{HeadingChange: 181}),
			"min_interval":   positions(device.PositionOptions{MinInterval: "5"}),
			"max_interval":   positions(device.PositionOptions{MinDistance: 5, MaxInterval: "25h"}),
			"clock_out":      positions(device.PositionOptions{ClockOut: "ntpd"}),
			"fence.yard":     positions(device.PositionOptions{Fence: map[string]device.FenceOptions{"yard": {}}}),
			`fence.""`:       positions(device.PositionOptions{Fence: map[string]device.FenceOptions{"": {Radius: 5}}}),
		}},
		"lines": {Allocs: 1}, // a text in Latin-1
		// the CBOR of nine payloads: a library's maps
		"wirepas": {Allocs: 110, Checked: true, Bad: map[string]any{
			"nodes":      &device.WirepasOptions{Nodes: map[string]string{"kitchen": "A"}},
			"nodes_file": &device.WirepasOptions{NodesFile: "/"},
		}},
		// details; a unit that misses an answer sends what it has
		"modbus": {Allocs: 8, Checked: true, Keys: &device.ModbusOptions{Units: map[string]device.ModbusUnit{"meter": {Address: 1, Map: "sdm120"}}}, Bad: badModbus()},
	}
	for name := range shipped(t) {
		lines[name] = devicetest.Options{Checked: true}
	}
	kinds := kinds()
	for name := range lines {
		if !slices.Contains(kinds.Names(), name) {
			t.Errorf("there is a line for %s here and no such kind: kinds.go wants it", name)
		}
	}
	for _, k := range kinds {
		if _, ok := lines[k.Name]; !ok {
			t.Errorf("%s has no line here: add %q: {},", k.Name, k.Name)
		}
		t.Run(k.Name, func(t *testing.T) { devicetest.Run(t, k, lines[k.Name]) })
	}
}

// TestEachKindIsFuzzed: a driver without a fuzz target is one that only its recordings
// have tried.
func TestEachKindIsFuzzed(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ := strings.Cut(rest, "(")
				targets[strings.ToLower(name)] = true
			}
		}
	}
	for _, k := range kinds() {
		if !targets[strings.ReplaceAll(k.Name, "-", "")] {
			t.Errorf("%s has no fuzz target: drivers_test.go wants one, as FuzzDew", k.Name)
		}
	}
}

// shipped are the types that come as declarations.
func shipped(t testing.TB) map[string]declared.File {
	t.Helper()
	files, err := declared.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// declaredKeys describe the frames of the example of CONTRIBUTING.md.
func declaredKeys() *device.DeclaredOptions {
	hundredth, cold, hot, good := 0.01, -40.0, 125.0, int64(0)
	return &device.DeclaredOptions{Frame: "fixed", Start: "AA 0A", Size: 10, Checksum: "sum8", Field: map[string]declared.Field{
		"temp":   {Offset: 3, Type: "i16be", Scale: &hundredth, Min: &cold, Max: &hot},
		"humd":   {Offset: 5, Type: "u16be", Scale: &hundredth},
		"status": {Offset: 7, Is: &good},
	}}
}

func FuzzDeclared(f *testing.F) {
	devicetest.Fuzz(f, named("declared"), devicetest.Options{Keys: declaredKeys()})
}
func FuzzDSMR(f *testing.F)     { devicetest.Fuzz(f, named("dsmr"), devicetest.Options{}) }
func FuzzMHZ19(f *testing.F)    { devicetest.Fuzz(f, named("mhz19"), devicetest.Options{}) }
func FuzzPMS5003(f *testing.F)  { devicetest.Fuzz(f, named("pms5003"), devicetest.Options{}) }
func FuzzSDS011(f *testing.F)   { devicetest.Fuzz(f, named("sds011"), devicetest.Options{}) }
func FuzzSenseair(f *testing.F) { devicetest.Fuzz(f, named("senseair"), devicetest.Options{}) }
func FuzzVEDirect(f *testing.F) { devicetest.Fuzz(f, named("vedirect"), devicetest.Options{}) }

func FuzzDew(f *testing.F) { devicetest.Fuzz(f, named("dew"), devicetest.Options{}) }

// TestExampleIsQuoted: CONTRIBUTING.md shows the driver that these tests run.
func TestExampleIsQuoted(t *testing.T) {
	driver, err := os.ReadFile("dew_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, _ := strings.Cut(string(page), "```go\n")
	if quoted, _, _ = strings.Cut(quoted, "```\n"); quoted != string(driver) {
		t.Error("the code in CONTRIBUTING.md is not that of device/dew_test.go: copy it there")
	}
}

func positions(o device.PositionOptions) *device.GPSOptions {
	return &device.GPSOptions{PositionOptions: o}
}

// TestExampleIsDeclared: the declaration in CONTRIBUTING.md reads what the driver there
// reads.
func TestExampleIsDeclared(t *testing.T) {
	page, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```toml\n")
	text, _, _ = strings.Cut(text, "```\n")
	file, err := declared.Parse("CONTRIBUTING.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.ReadFile("testdata/dew/bench.bin") // in frost.bin humidity is over 100 %, and the driver leaves out the rest of such a frame
	if err != nil {
		t.Fatal(err)
	}
	want := device.Decoded(t, named("dew"), device.Config{ID: "XXXX03DEW00000001"}, in)
	got := device.Decoded(t, named("declared"), device.Config{ID: "XXXX03DEW00000001", Options: &file.Declaration}, in)
	if got != want || want == "" {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}

func FuzzGPS(f *testing.F) { devicetest.Fuzz(f, named("gps"), devicetest.Options{}) }

func FuzzAIS(f *testing.F) { devicetest.Fuzz(f, named("ais"), devicetest.Options{}) }

func FuzzGPSD(f *testing.F) { devicetest.Fuzz(f, named("gpsd"), devicetest.Options{}) }

func FuzzWirepas(f *testing.F) { devicetest.Fuzz(f, named("wirepas"), devicetest.Options{}) }

func FuzzBLE(f *testing.F) { devicetest.Fuzz(f, named("ble"), devicetest.Options{}) }
