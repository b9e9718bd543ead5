package devicetest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"portti/device"
)

// Options are what the suite cannot know of a kind. Most need none.
type Options struct {
	// Keys are the kind's own keys, where the plainest device needs some.
	Keys any
	// Allocs is how often playing a recording once may allocate: for a detail for
	// people, an answer, a line of the log. Never for each reading.
	Allocs float64
	// Unfinished is how many records at the end may differ where the recording is
	// cut off: for a driver that sends what it has of an interrupted cycle.
	Unfinished int
	// Checked says that a record is made of nothing but frames with a checksum,
	// so that a spoiled byte may lose records and never changes one.
	Checked bool
	// Bad are values of own keys that the kind must refuse: by key, the Options
	// with it wrong. Every own key that has a rule wants one.
	Bad map[string]any
}

// longest is how much of a recording is played.
const longest = 2048

// Run tests a driver by all of the above.
func Run(t *testing.T, kind device.Kind, o Options) {
	s := newSuite(kind, o)
	t.Run("facts", func(t *testing.T) { s.facts(t) })
	folder := filepath.Join("testdata", kind.Name)
	if asks(t, kind, folder) {
		t.Run("recognise", func(t *testing.T) { s.recognise(t, askedRecordings(t, folder)) })
		for _, path := range wires(t, folder) {
			t.Run(filepath.Base(path), func(t *testing.T) { s.wire(t, path) })
			t.Run(filepath.Base(path)+"/asked", func(t *testing.T) { s.polled(t, path) })
		}
		return
	}
	recordings := load(t, folder)
	t.Run("recognise", func(t *testing.T) { s.recognise(t, recordings) })
	for _, path := range slices.Sorted(maps.Keys(recordings)) {
		in := recordings[path]
		for name, part := range map[string]func(testing.TB){
			"golden":      func(t testing.TB) { s.golden(t, path, in) },
			"damage":      func(t testing.TB) { s.damage(t, in) },
			"allocations": func(t testing.TB) { s.allocations(t, in) },
		} {
			t.Run(filepath.Base(path)+"/"+name, func(t *testing.T) {
				// No time passes in a bubble: drivers look at the pauses between
				// bytes, and in real time a loaded machine makes some.
				synctest.Test(t, func(t *testing.T) { part(t) })
			})
		}
	}
	for _, path := range wires(t, folder) {
		t.Run(filepath.Base(path), func(t *testing.T) { s.wire(t, path) })
	}
}

// load reads the recordings of a folder, by their paths.
func load(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, path := range plain(t, folder) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = b[:min(len(b), longest)]
	}
	if len(all) == 0 {
		t.Fatalf("no recordings in %s: add what came from the wire, unchanged, as NAME.txt, NAME.bin, NAME.nmea or NAME.log; then go test -update writes NAME.records, the records expected of it, for you to check", folder)
	}
	return all
}

// plain lists the recordings of a folder that hold nothing but what was read.
func plain(t testing.TB, folder string) (all []string) {
	t.Helper()
	for _, pattern := range []string{"*.txt", "*.bin", "*.nmea", "*.log"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, paths...)
	}
	return all
}

// isNoise says whether a recording holds what the driver must pass over.
func isNoise(path string) bool { return strings.HasPrefix(filepath.Base(path), "noise") }
