package config

import (
	"reflect"
	"strings"
	"testing"

	"portti/device"
)

type fenced struct {
	Shared
	Fence map[string]fence  `toml:"fence"`
	Keys  map[string]string `toml:"keys" secret:"yes"`
	Code  string            `toml:"code" secret:"yes"`
}

// Shared are keys that several types embed.
type Shared struct {
	Speed float64 `toml:"speed"`
}

type fence struct {
	Lat    float64     `toml:"lat"`
	Dwell  Duration    `toml:"dwell"`
	Corner [][]float64 `toml:"corner"`
	Point  map[string]struct {
		At int `toml:"at"`
	} `toml:"point"`
}

const fencedDevice = `[[device]]
name = "gps"
type = "gps"
port = "/dev/ttyUSB0"
id = "T1"
speed = 0.5
code = "hush-code"
keys = { "A4:C1" = "hush-key" }
[device.fence.yard]
lat = 61.5
dwell = "10s"
corner = [[1, 2.5], [3, 4]]
[device.fence.yard.point.p1]
at = 7
[device.fence."the gate"]
lat = -1.0
`

func fencedKinds() device.Table {
	return device.Table{{
		Name: "gps", Options: func() any { return new(fenced) },
		New: func(device.Config, device.Env) (device.Driver, error) { return nil, nil },
	}}
}

func loadFenced(text string) (*Config, error) {
	return Load("x.toml", LoadOptions{Kinds: fencedKinds(), Drafts: map[string][]byte{"x.toml": []byte(text)}})
}

// Tables by name inside a device are loaded, shown, written and compared.
func TestTablesOfADevice(t *testing.T) {
	cfg, err := loadFenced(fencedDevice)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadFenced(cfg.Text())
	if err != nil || !reflect.DeepEqual(cfg.Devices, again.Devices) {
		t.Errorf("%v: what was written is another configuration:\n%s", err, cfg.Text())
	}
	var shown strings.Builder
	if err := cfg.Show(&shown, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[device.fence.yard]\n", `[device.fence."the gate"]`, "[device.fence.yard.point.p1]", "x.toml:11", `dwell = "10s"`, "corner = [[1.0, 2.5], [3.0, 4.0]]"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%q is not shown:\n%s", want, shown.String())
		}
	}
	settings := cfg.Settings()
	if settings["device.gps.fence.yard.lat"] != "61.5" || settings[`device.gps.fence."the gate".lat`] != "-1" || settings["device.gps.fence.yard.point.p1.at"] != "7" {
		t.Errorf("%v", settings)
	}
	if fences := cfg.Tree()["device"].([]any)[0].(map[string]any)["fence"].(map[string]any); fences["yard"].(map[string]any)["lat"] != 61.5 {
		t.Errorf("%v", fences)
	}
}

// What a driver has marked as secret is not shown anywhere.
func TestSecretsOfADevice(t *testing.T) {
	cfg, err := loadFenced(fencedDevice)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := cfg.Show(&shown, false); err != nil {
		t.Fatal(err)
	}
	all := shown.String()
	for _, v := range cfg.ShownSettings() {
		all += v
	}
	device := cfg.Tree()["device"].([]any)[0].(map[string]any)
	all += device["code"].(string) + device["keys"].(map[string]any)["A4:C1"].(string) + cfg.Shown("device.gps.code")
	if strings.Contains(all, "hush") || !strings.Contains(all, "[9 characters]") {
		t.Errorf("%s", all)
	}
}

func TestMistakesInTablesOfADevice(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(fencedDevice, "lat = 61.5", "lta = 61.5", 1):              `x.toml:10:1: unknown setting "lta" in [[device]] gps.fence.yard`,
		strings.Replace(fencedDevice, "lat = 61.5", `lat = "north"`, 1):           "x.toml:10:7",
		strings.Replace(fencedDevice, "[3, 4]", "[3, true]", 1):                   "x.toml:12:10",
		strings.Replace(fencedDevice, `"hush-code"`, "7", 1):                      "x.toml:7:8",
		strings.Replace(fencedDevice, "[device.fence.yard]", "[device.fence]", 1): `"lat" must be`,
	} {
		if _, err := loadFenced(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
