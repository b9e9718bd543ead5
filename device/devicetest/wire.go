package devicetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cross/testkit"
	"portti/device"
	"portti/device/recording"
	"portti/device/replay"
)

// wires lists the recordings with times in a folder.
func wires(t testing.TB, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.wire"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// wire plays a recording with times and holds what comes of it against NAME.records and
// the catalogue of messages.
func (s suite) wire(t testing.TB, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := recording.Read(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, damage := range f.Damaged {
		t.Errorf("%s: %v: remove the line, or let it be as it was", path, damage)
	}
	if f.Header.Type != s.kind.Name {
		t.Fatalf("%s is of a device of type %s: it belongs into the folder of that type", path, f.Header.Type)
	}
	res, err := replay.Run(context.Background(), f, replay.Options{Kinds: device.Table{s.kind}})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if res.Crash != "" {
		t.Fatalf("%s: Run panics: %s", path, res.Crash)
	}
	catalogued(t, res.Messages)
	for _, code := range res.Flags {
		s.explained(t, code)
	}
	records := strings.TrimSuffix(path, ".wire") + ".records"
	if _, err := os.Stat(records); err != nil && !updating() {
		t.Fatalf("%s is missing: portti replay --update %s writes it, for you to check by eye; it would be\n%s", records, path, res.Golden())
	}
	testkit.Golden(t, records, res.Golden())
}
