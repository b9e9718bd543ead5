package cross_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"portti/cmd/portti/status"
	"portti/device"
)

var update = flag.Bool("update", false, "write docs/breaks.md")

// breakRow is one of .ci/breaks.toml, as far as a reader is told of it.
type breakRow struct {
	ID      string `toml:"id"`
	Says    string `toml:"says"`
	Quick   bool   `toml:"quick"`
	Code    string `toml:"code"`
	Command string `toml:"command"`
	ByHand  string `toml:"by_hand"`
	Check   string `toml:"check"`
}

// TestBreaksTable: docs/breaks.md is the table that .ci/breaks goes by, and its codes
// are those of the catalogue.
func TestBreaksTable(t *testing.T) {
	text, err := os.ReadFile("../.ci/breaks.toml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Rows []breakRow `toml:"row"`
	}
	if err := toml.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	codes := []string{"STOPPED"}
	for _, e := range status.Catalogue() {
		codes = append(codes, e.Code)
	}
	for _, p := range device.Kinds().Problems() {
		codes = append(codes, p.Code)
	}
	seen, quick := map[string]bool{}, 0
	for _, r := range table.Rows {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		if r.Quick {
			quick++
		}
		if !slices.Contains(codes, r.Code) {
			t.Errorf("%s: there is no problem %s", r.ID, r.Code)
		}
		if r.Says == "" || r.Command == "" && r.ByHand == "" {
			t.Errorf("%s does not say what breaks, or what mends it", r.ID)
		}
	}
	if len(table.Rows) < 40 || quick < 12 {
		t.Errorf("%d rows, %d of them quick: 40 and 12 are promised", len(table.Rows), quick)
	}
	page := breaksPage(table.Rows)
	if *update {
		if err := os.WriteFile("../docs/breaks.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile("../docs/breaks.md"); err != nil || !bytes.Equal(have, page) {
		t.Errorf("docs/breaks.md is not that of .ci/breaks.toml (%v): go test ./cross -run BreaksTable -update", err)
	}
}

func breaksPage(rows []breakRow) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, `# Broken on purpose, and mended

Each row was brought about on the installed service in a container, and mended by what `+"`portti status`"+` said first: a user who is
root only where sudo stands typed the command as it was printed. `+"`.ci/breaks all`"+` tries every row, `+"`.ci/breaks`"+` those with a star,
and `+"`.ci/breaks ID`"+` one. The shell commands that break it are in .ci/breaks.toml, of which this page is made.

"By hand" is what a person does before that, as the same action says; a row without a command is mended by hands alone. STOPPED
is a gateway that does not run, of which `+"`portti status`"+` says why. On the gateway that nothing was done to, `+"`sudo portti doctor`"+`
says "0 failed, 0 warnings"; only the figures of disk and memory are not those of the machine under the container.

| id | broken | first code | first command | by hand | doctor |
|---|---|---|---|---|---|
`)
	for _, r := range rows {
		id, command := r.ID, ""
		if r.Quick {
			id += " *"
		}
		if r.Command != "" {
			command = "`" + strings.ReplaceAll(r.Command, "|", `\|`) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", id, r.Says, r.Code, command, r.ByHand, r.Check)
	}
	return b.Bytes()
}
