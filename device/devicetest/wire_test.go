package devicetest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/device/recording"
	"portti/device/replay"
)

// recorded writes what a hygrometer said, as portti record does.
func recorded(t *testing.T, path, kind string) {
	t.Helper()
	f := replay.Plain(reading(), kind)
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, f.Header)
	for _, r := range append(f.Records, recording.Record{What: recording.Stopped}) {
		if err == nil {
			err = w.Write(r)
		}
	}
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A recording that is dropped into the folder of its type is a test.
func TestRecordingsWithTimes(t *testing.T) {
	if updating() {
		t.Skip("-update is given: this run writes golden files instead of comparing")
	}
	dir := t.TempDir()
	path, records := filepath.Join(dir, "a.wire"), filepath.Join(dir, "a.records")
	recorded(t, path, "hygrometer")
	if found := wires(t, dir); len(found) != 1 || found[0] != path {
		t.Fatalf("found %v", found)
	}
	play := func(how string) string {
		s := newSuite(hygrometers(how), Options{})
		return verdict(t, func(t testing.TB) { s.wire(t, path) })
	}
	if said := play(""); !strings.Contains(said, "replay --update") || !strings.Contains(said, expected()) {
		t.Errorf("without records: %s", said)
	}
	if err := os.WriteFile(records, []byte(expected()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := play(""); said != "" {
		t.Error(said)
	}
	for how, says := range map[string]string{"many": "does not agree", "misnamed": "12100 has no field humidity", "flags": "it raises DROP-ODD"} {
		if said := play(how); !strings.Contains(said, says) {
			t.Errorf("%s: %q, want %q", how, said, says)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-20] ^= 1
	for what, bad := range map[string][]byte{"damaged": text, "not a recording": []byte("x")} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if said := play(""); !strings.Contains(said, what) {
			t.Errorf("%s: %q", what, said)
		}
	}
	recorded(t, path, "lines")
	if said := play(""); !strings.Contains(said, "of type lines") {
		t.Errorf("another type: %q", said)
	}
}
