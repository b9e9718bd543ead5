package device

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// keysOf lists the keys that an error of Check names.
func keysOf(err error) []string {
	var list []string
	var walk func(error)
	walk = func(err error) {
		var key *KeyError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &key) {
			list = append(list, key.Key)
		} else if err != nil {
			list = append(list, "?"+err.Error())
		}
	}
	walk(err)
	slices.Sort(list)
	return list
}

func TestCheck(t *testing.T) {
	good := Config{Name: "panel-1.a_b", Type: "lines", Port: "/dev/ttyUSB0", ID: tuid}
	yes := true
	for _, row := range []struct {
		name   string
		change func(*Config)
		keys   string // that are blamed, sorted
		says   string
	}{
		{"good", func(*Config) {}, "", ""},
		{"no name", func(c *Config) { c.Name = "" }, "name", "must be set"},
		{"odd name", func(c *Config) { c.Name = "a b" }, "name", "letters"},
		{"letters beyond ASCII", func(c *Config) { c.Name = "näyttö" }, "name", "letters"},
		{"long name", func(c *Config) { c.Name = strings.Repeat("x", 65) }, "name", "64"},
		{"no type", func(c *Config) { c.Type = "" }, "type", "must be one of " + strings.Join(Kinds().Names(), ", ")},
		{"unknown type", func(c *Config) { c.Type = "line" }, "type", `"line" is not known`},
		{"no port", func(c *Config) { c.Port = "" }, "port", "or match"},
		{"port and match", func(c *Config) { c.Match = &Match{VID: "0403"} }, "match", "together with port"},
		{"match", func(c *Config) { c.Port, c.Match = "", &Match{VID: "0403", PID: "aB01", Interface: "00"} }, "", ""},
		{"empty match", func(c *Config) { c.Port, c.Match = "", &Match{} }, "match", "at least one"},
		{"bad match", func(c *Config) { c.Port, c.Match = "", &Match{VID: "0x0403", PID: "403", Interface: "0"} }, "match.interface match.pid match.vid", "hex digits"},
		{"relative port", func(c *Config) { c.Port = "ttyUSB0" }, "port", "path beginning with /"},
		{"tcp", func(c *Config) { c.Port = "tcp://[::1]:4001" }, "", ""},
		{"tcp with a speed", func(c *Config) { c.Port, c.Baud = "tcp://a:4001", 9600 }, "", ""},
		{"tcp without a port", func(c *Config) { c.Port = "tcp://host" }, "port", "tcp://host:port"},
		{"tcp without a host", func(c *Config) { c.Port = "tcp://:4001" }, "port", "tcp://host:port"},
		{"tcp with a named port", func(c *Config) { c.Port = "tcp://host:http" }, "port", "tcp://host:port"},
		{"tcp with a signed port", func(c *Config) { c.Port = "tcp://host:+4001" }, "port", "tcp://host:port"},
		{"tcp with port 0", func(c *Config) { c.Port = "tcp://host:0" }, "port", "tcp://host:port"},
		{"tcp with a great port", func(c *Config) { c.Port = "tcp://host:65536" }, "port", "tcp://host:port"},
		{"tcp with modem lines", func(c *Config) { c.Port, c.DTR, c.RTS = "tcp://a:1", &yes, &yes }, "dtr rts", "device server"},
		{"slow", func(c *Config) { c.Baud = 49 }, "baud", "50"},
		{"fast", func(c *Config) { c.Baud = 4_000_001 }, "baud", "4000000"},
		{"negative speed", func(c *Config) { c.Baud = -9600 }, "baud", "50"},
		{"rate", func(c *Config) { c.RateLimit = -1 }, "rate_limit", "no limit"},
		{"no rate", func(c *Config) { c.RateLimit = math.NaN() }, "rate_limit", "no limit"},
		{"endless rate", func(c *Config) { c.RateLimit = math.Inf(1) }, "rate_limit", "no limit"},
		{"short line", func(c *Config) { c.MaxLine = 63 }, "max_line", "64"},
		{"long line", func(c *Config) { c.MaxLine = 65537 }, "max_line", "65536"},
		{"expect", func(c *Config) { c.ExpectEvery = "500ms" }, "", ""},
		{"expect a number", func(c *Config) { c.ExpectEvery = "5" }, "expect_every", "2s"},
		{"expect nothing", func(c *Config) { c.ExpectEvery = "0s" }, "expect_every", "above 0"},
		{"no identity", func(c *Config) { c.ID = "" }, "id", "tsmTuid"},
		{"identity in the line", func(c *Config) { c.ID, c.Options = "", &LinesOptions{IDField: "id"} }, "", ""},
		{"odd identity", func(c *Config) { c.ID = "a b" }, "id", "without blanks"},
		{"one key for both", func(c *Config) { c.Options = &LinesOptions{IDField: "x", TimeField: "x"} }, "time_field", "id_field"},
		{"message", func(c *Config) { own[LinesOptions](c).Message = 999 }, "message", "1000"},
		{"downlink message", func(c *Config) { own[LinesOptions](c).Message = 1206 }, "message", "only a server sends"},
		{"extra", func(c *Config) { own[LinesOptions](c).Extra = "all" }, "extra", `"separate", "keep" or "drop"`},
		{"map", func(c *Config) {
			own[LinesOptions](c).Map = map[string]string{"a": "tsmId", "b": `"`, "c": "temp", "d": ""}
		}, "map.a map.b map.d", "cannot be the name"},
		{"scale", func(c *Config) { own[LinesOptions](c).Scale = map[string]float64{"a": 0, "b": math.Inf(1), "c": -1} }, "scale.a scale.b", "other than 0"},
		{"offset", func(c *Config) { own[LinesOptions](c).Offset = map[string]float64{"a": 0, "b": math.NaN()} }, "offset.b", "finite"},
		{"everything", func(c *Config) { *c = Config{Baud: 1, MaxLine: 1} }, "baud max_line name port type", ""},
	} {
		c := good
		row.change(&c)
		err := Kinds().Check(c)
		if got := strings.Join(keysOf(err), " "); got != row.keys {
			t.Errorf("%s: blames %q, want %q: %v", row.name, got, row.keys, err)
		}
		if err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q lacks %q", row.name, err, row.says)
		}
	}
}

// own is a device's own keys, to be changed.
func own[T any](c *Config) *T {
	if c.Options == nil {
		c.Options = new(T)
	}
	return c.Options.(*T)
}

func TestOptionsOfAnotherKind(t *testing.T) {
	c := Config{Name: "panel", Type: "lines", Port: "/dev/ttyUSB0", ID: tuid, Options: &GPSOptions{}}
	if err := Kinds().Check(c); err == nil || !strings.Contains(err.Error(), "*device.GPSOptions") {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	no := false
	number := func(name string) (uint16, error) {
		if name == "one" {
			t.Error("a number was taken for a list with mistakes")
		}
		if name == "unlucky" {
			return 0, errors.New("no more numbers")
		}
		return 1, nil
	}
	_, err := New([]Config{
		linesConfig("one", "/dev/ttyUSB0"), linesConfig("one", "/dev/ttyUSB1"),
		{Name: "broken", Type: "lines"}, {Name: "off", Enabled: &no},
	}, number, newSink(), testEnv(), Tuning{})
	for _, want := range []string{`"one": another device has this name`, `"broken": port must be set`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), `"off"`) {
		t.Errorf("a device that is off: %v", err)
	}
	if _, err := New([]Config{linesConfig("unlucky", "/dev/ttyUSB2")}, number, newSink(), testEnv(), Tuning{}); err == nil || !strings.Contains(err.Error(), `"unlucky": no more numbers`) {
		t.Errorf("no room in the ledger: %v", err)
	}
	s, err := New(nil, number, newSink(), Env{}, Tuning{})
	if err != nil || len(s.Status()) != 0 || s.Idle() != 0 {
		t.Errorf("none: %v", err)
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	s.Run(over) // returns at once
}
