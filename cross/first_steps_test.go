package cross_test

import (
	"os"
	"strings"
	"testing"
)

// The five commands of docs/first-steps.md are those of README.md, which .ci/container-first
// types.
func TestFiveCommands(t *testing.T) {
	commands := func(path, before string) []string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		_, rest, _ := strings.Cut(string(text), before)
		for line := range strings.Lines(rest) {
			if line = strings.TrimPrefix(strings.TrimSpace(line), "$ "); strings.HasPrefix(line, "sudo ") || strings.HasPrefix(line, "portti ") {
				all = append(all, line)
			} else if len(all) > 0 {
				return all
			}
		}
		return all
	}
	typed, shown := commands("../README.md", "## Install"), commands("../docs/first-steps.md", "## Five commands")
	if len(typed) != 5 || strings.Join(typed, "\n") != strings.Join(shown, "\n") {
		t.Errorf("README.md has\n%q\nand docs/first-steps.md\n%q", typed, shown)
	}
}
