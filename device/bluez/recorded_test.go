package bluez

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"portti/cross/testkit"
)

// updating says whether this run writes golden files instead of comparing.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// TestRecorded plays signals that were recorded, without a bus: what dbusmock sent in
// TestMockBlueZ. Each line is path, name and body, in GVariant's text.
func TestRecorded(t *testing.T) {
	text, err := os.ReadFile("testdata/dbusmock.signals")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	l := f.scan(Options{})
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		s := Signal{Path: dbus.ObjectPath(parts[0]), Name: parts[1]}
		for _, part := range parts[2:] {
			v, err := dbus.ParseVariant(part, dbus.Signature{})
			if err != nil {
				t.Fatalf("%s: %v", part, err)
			}
			s.Body = append(s.Body, v.Value())
		}
		f.deliver(s)
	}
	got := waiting(t, l)
	if _, err := l.Read(make([]byte, 1)); err != nil {
		got += err.Error() + "\n"
	}
	testkit.Golden(t, "testdata/dbusmock.lines", got)
}
