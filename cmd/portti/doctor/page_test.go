package doctor

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestThePageHasTheChecks holds docs/doctor.md against the checks: a row each, in order.
func TestThePageHasTheChecks(t *testing.T) {
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (C\d\d [^|]*) \| [^|]+ \| [^|]+ \|$`).FindAllStringSubmatch(string(page), -1)
	checks := Checks()
	for i, c := range checks {
		want := strings.Join([]string{c.ID, c.Family, c.Title}, " ")
		if i >= len(rows) {
			t.Errorf("there is no row | %s | ... |", want)
		} else if rows[i][1] != want {
			t.Errorf("row %d is %q, wanted %q", i+1, rows[i][1], want)
		}
	}
	if len(rows) > len(checks) {
		t.Errorf("rows without a check: %q", rows[len(checks):])
	}
}
