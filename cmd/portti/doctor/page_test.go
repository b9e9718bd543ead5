package doctor

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePageHasTheChecks holds docs/doctor.md against the checks: a row for each of the
// fifty numbers, in order, under the name that portti doctor --list has for it.
func TestThePageHasTheChecks(t *testing.T) {
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (C\d\d) ([^|]*) \| [^|]+ \| [^|]+ \|$`).FindAllStringSubmatch(string(page), -1)
	for i, row := range rows {
		if want := fmt.Sprintf("C%02d", i+1); row[1] != want {
			t.Errorf("row %d is of %s", i+1, row[1])
		}
	}
	if len(rows) != 50 {
		t.Errorf("%d rows", len(rows))
	}
	for _, c := range Checks() {
		want := strings.Join([]string{c.Family, c.Title}, " ")
		i := slices.IndexFunc(rows, func(row []string) bool { return row[1] == c.ID })
		if i < 0 || rows[i][2] != want {
			t.Errorf("there is no row | %s %s | ... |", c.ID, want)
		}
	}
}
