package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portti/device"
)

// block is what stands in a fence or is indented by four spaces.
type block struct {
	language, text string
	line           int
}

// blocksOf are the blocks of a page, those that are indented without a language.
func blocksOf(text string) []block {
	var blocks []block
	fenced, indented := false, false
	for i, line := range strings.Split(text, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		rest, is := strings.CutPrefix(line, "    ")
		switch {
		case fence:
			if fenced = !fenced; fenced {
				blocks = append(blocks, block{language, "", i + 1})
			}
			indented = false
		case fenced:
			blocks[len(blocks)-1].text += line + "\n"
		case is && indented:
			blocks[len(blocks)-1].text += rest + "\n"
		case is:
			blocks = append(blocks, block{"", rest + "\n", i + 1})
			indented = true
		case indented && line == "" && !fenced:
			blocks[len(blocks)-1].text += "\n" // a block may have empty lines
		default:
			indented = false
		}
	}
	return blocks
}

// TestSnippets: each piece of configuration in README and docs loads without a warning,
// with a server where it names none, and each JSON is JSON.
func TestSnippets(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`^(\[\[?[a-z]|[a-z_]+ += ["[{0-9])`)
	settings, documents := 0, 0
	for _, path := range append(pages, "../../../README.md") {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocksOf(string(page)) {
			where := filepath.Base(path)
			switch {
			case b.language == "toml" || b.language == "" && table.MatchString(b.text):
				settings++
				loads(t, where, b)
			case b.language == "json" || b.language == "" && strings.HasPrefix(b.text, "{"):
				documents++
				for line := range strings.Lines(strings.TrimSpace(b.text)) {
					if b.language == "json" {
						line = b.text
					}
					if !json.Valid([]byte(line)) {
						t.Errorf("%s:%d: no JSON: %s", where, b.line, line)
					}
				}
			}
		}
	}
	if settings < 30 || documents < 3 {
		t.Errorf("%d configurations and %d documents: this test looks in the wrong place", settings, documents)
	}
}

// loads tries the piece alone, and then, if it is only some keys, below the table in which
// its page says that they stand.
func loads(t *testing.T, where string, b block) {
	t.Helper()
	tables := []string{""}
	if !regexp.MustCompile(`(?m)^(\[\[?(uplink|device|gateway|buffer|log|metrics|web|clock)\]|config_version)`).MatchString(b.text) {
		tables = []string{"[uplink]\n"}
		for _, kind := range []string{"lines", "gps", "ais", "ble", "ble-bridge"} {
			port := "port = \"/dev/ttyUSB0\"\n"
			if kind == "ble" {
				port = ""
			}
			tables = append(tables, "[[device]]\nname = \"x\"\ntype = \""+kind+"\"\nid = \"XXXX03XXX00000001\"\n"+port)
		}
	}
	var wrong []string
	for _, table := range tables {
		text := withServer(table + b.text)
		cfg, err := Load("x.toml", LoadOptions{Kinds: device.Kinds(), Drafts: map[string][]byte{"x.toml": []byte(text)}})
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		var warned []string
		for _, w := range cfg.Warnings {
			if !strings.Contains(w.Text, "still names the example server") {
				warned = append(warned, w.Text)
			}
		}
		if len(warned) == 0 {
			return
		}
		wrong = append(wrong, warned...)
	}
	slices.SortStableFunc(wrong, func(a, b string) int { return len(a) - len(b) })
	t.Errorf("%s:%d: no configuration has this: %s\n%s", where, b.line, wrong[0], b.text)
}

// withServer adds what a configuration needs and a page does not repeat: a device, a server,
// and how to sign in at it.
func withServer(text string) string {
	if !strings.Contains(text, "[[device]]\n") {
		text += "\n[[device]]\nname = \"x\"\ntype = \"lines\"\nid = \"XXXX03XXX00000001\"\nport = \"/dev/ttyUSB9\"\n"
	}
	before, uplink, found := strings.Cut(text, "[uplink]\n")
	if !found {
		before += "\n"
	}
	uplink, after, more := strings.Cut(uplink, "\n[")
	if more {
		after = "\n[" + after
	}
	has := func(keys string) bool { return regexp.MustCompile(`(?m)^(` + keys + `) += `).MatchString(uplink) }
	if !has("url") {
		uplink = "url = \"wss://example.net/socket\"\n" + uplink
	}
	switch {
	case strings.Contains(uplink, "auth = \"none\""), has("token_file|token_source|credential"):
	case has("auth"):
		uplink = "token_file = \"/etc/portti/credentials/uplink-token\"\n" + uplink
	default:
		uplink = "auth = \"none\"\n" + uplink
	}
	return before + "[uplink]\n" + uplink + after
}
