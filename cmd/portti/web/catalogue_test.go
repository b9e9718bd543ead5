package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// TestCatalogueIsPacked: what the program holds is what the file says.
func TestCatalogueIsPacked(t *testing.T) {
	text, err := os.ReadFile("catalogue.fi.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]translation
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(text)
	_ = z.Close()
	if reflect.DeepEqual(all, loadFinnish()) { // however another Go packs it
		return
	}
	testkit.Golden(t, "catalogue.fi.json.gz", b.String())
}

// TestFinnishCatalogue: every problem of the gateway is said in Finnish, with the same
// places and the same commands to type. Those of the drivers are held in package main.
func TestFinnishCatalogue(t *testing.T) {
	all := loadFinnish()
	for _, e := range status.Catalogue() {
		if err := CheckFinnish(e); err != "" {
			t.Errorf("%s: %s", e.Code, err)
		}
		delete(all, e.Code)
	}
	for code := range all {
		if !slices.ContainsFunc([]string{"BLE-", "GPS-", "GPSD-", "LINES-", "MOD-", "WPS-"}, func(f string) bool { return strings.HasPrefix(code, f) }) {
			t.Errorf("%s is in Finnish, and no such problem exists", code)
		}
	}
}

func TestProblemInFinnish(t *testing.T) {
	p := New(Options{})
	v := &view{page: p, w: finnish()}
	doc := sample()
	e := v.explain(doc.Problems[0])
	if e.english || e.title != "Portti puuttuu" || e.sentence != "panel: porttia /dev/ttyUSB1 ei ole. Odotetaan sen paluuta." || e.actions[1].command != "ls -l /dev/serial/by-id/" || !strings.Contains(e.actions[1].text, e.actions[1].command) {
		t.Errorf("got %+v", e)
	}
	e = v.explain(status.Problem{Code: "NEW-THING", Title: "New", Sentence: "Something.", Actions: []string{"Do it"}})
	if !e.english || e.sentence != "Something." {
		t.Errorf("what has no Finnish: got %+v", e)
	}
	for value, want := range map[string]string{"3 h 5 min": "3 t 5 min", "2 days": "2 vrk", "forward": "eteenpäin", "a lower": "pienemmällä", "ever": "käynnistyksestä asti", "12 s": "12 s", "the disk": "the disk", "5 messages": "5 messages"} {
		if got := finnish().value(value); got != want {
			t.Errorf("%q: got %q", value, got)
		}
	}
}
