package testbed

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

func newPanel(t *testing.T, o PanelOptions) *Panel {
	t.Helper()
	p, err := NewPanel(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPanelGolden(t *testing.T) {
	golden(t, "panel.json.txt", script(newPanel(t, PanelOptions{Seed: 1}), noon(), 12*time.Second))
	golden(t, "panel.kv.txt", script(newPanel(t, PanelOptions{Seed: 1, Format: "kv"}), noon(), 12*time.Second))
}

// Over a day every value stays where a living room's would, and moves.
func TestPanelValuesArePlausible(t *testing.T) {
	type span struct{ low, high, least, most float64 }
	want := map[string]*span{
		"temp": {15, 28, 1e9, -1e9}, "humd": {20, 60, 1e9, -1e9}, "airp": {98000, 104000, 1e9, -1e9},
		"lght": {0, 2000, 1e9, -1e9}, "carbonDioxide": {380, 2000, 1e9, -1e9}, "batl": {5, 100, 1e9, -1e9},
	}
	p := newPanel(t, PanelOptions{Seed: 2, Every: time.Minute})
	for l := range bytes.Lines(script(p, noon(), 24*time.Hour)) {
		var m map[string]float64
		if err := json.Unmarshal(l, &m); err != nil || len(m) == 0 || !bytes.HasSuffix(l, []byte("\r\n")) {
			t.Fatalf("%q: %v", l, err)
		}
		for name, v := range m {
			s := want[name]
			if s == nil || v < s.low || v > s.high {
				t.Fatalf("%s = %v", name, v)
			}
			s.least, s.most = min(s.least, v), max(s.most, v)
		}
	}
	for name, s := range want {
		if s.most <= s.least {
			t.Errorf("%s never moves from %v", name, s.least)
		}
	}
}

func TestPanelPairsSayWhatTheObjectsSay(t *testing.T) {
	objects := bytes.SplitAfter(script(newPanel(t, PanelOptions{Seed: 4}), noon(), time.Minute), []byte("\n"))
	pairs := bytes.SplitAfter(script(newPanel(t, PanelOptions{Seed: 4, Format: "kv"}), noon(), time.Minute), []byte("\n"))
	if len(objects) != len(pairs) || len(objects) < 70 {
		t.Fatal(len(objects), len(pairs))
	}
	for i := range objects {
		if len(objects[i]) == 0 {
			continue
		}
		var m map[string]json.Number
		if err := json.Unmarshal(objects[i], &m); err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(pairs[i]))
		if len(fields) != len(m) {
			t.Fatalf("%q against %q", pairs[i], objects[i])
		}
		for _, f := range fields {
			name, v, _ := strings.Cut(f, "=")
			if string(m[name]) != v {
				t.Fatalf("%q against %q", pairs[i], objects[i])
			}
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPanelRefusesNonsense(t *testing.T) {
	for _, o := range []PanelOptions{{Format: "xml"}, {Every: time.Microsecond}, {Every: -time.Second}} {
		if _, err := NewPanel(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
