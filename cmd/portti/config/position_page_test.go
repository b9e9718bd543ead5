package config

import (
	"os"
	"strings"
	"testing"
)

// TestPositionPage: the messages in docs/position.md are some that the recording of a drive
// is known to give.
func TestPositionPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/position.md")
	if err != nil {
		t.Fatal(err)
	}
	records, err := os.ReadFile("../../../device/testdata/gps/fences.records")
	if err != nil {
		t.Fatal(err)
	}
	messages := 0
	for line := range strings.Lines(string(page)) {
		text, indented := strings.CutPrefix(line, "    ")
		if !indented || !strings.HasPrefix(text, "{") {
			continue
		}
		if messages++; !strings.Contains(string(records), text) {
			t.Errorf("no such message comes of fences.wire: %s", text)
		}
	}
	if messages == 0 {
		t.Error("the page has no message: this test looks in the wrong place")
	}
}
