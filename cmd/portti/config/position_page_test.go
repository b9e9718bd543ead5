package config

import (
	"os"
	"strings"
	"testing"

	"portti/device"
)

// TestPositionPage: the configurations in docs/position.md load, and the messages there
// are some that the recording of a drive is known to give.
func TestPositionPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/position.md")
	if err != nil {
		t.Fatal(err)
	}
	records, err := os.ReadFile("../../../device/testdata/gps/fences.records")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	inside, messages := false, 0
	for line := range strings.Lines(string(page)) {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && strings.HasPrefix(text, "{"):
			messages++
			if !strings.Contains(string(records), text) {
				t.Errorf("no such message comes of fences.wire: %s", text)
			}
		case indented && !inside:
			blocks, inside = append(blocks, text), true
		case indented:
			blocks[len(blocks)-1] += text
		default:
			inside = false
		}
	}
	if len(blocks) != 4 || messages == 0 {
		t.Errorf("the page has %d configurations and %d messages: this test looks in the wrong place", len(blocks), messages)
	}
	for _, b := range blocks {
		text := "[uplink]\nurl = \"wss://example.net/socket\"\nauth = \"none\"\n" + b
		cfg, err := Load("x.toml", LoadOptions{Kinds: device.Kinds(), Drafts: map[string][]byte{"x.toml": []byte(text)}})
		if err != nil {
			t.Errorf("%v\n%s", err, b)
			continue
		}
		if len(cfg.Warnings) > 0 {
			t.Errorf("%v\n%s", cfg.Warnings, b)
		}
	}
}
