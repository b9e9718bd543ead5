package cross_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/faults.md promises a test for every row. A test that was renamed or
// removed must not leave its name there.
func TestFaultsTable(t *testing.T) {
	text, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	have := testNames(t)
	name, rows := regexp.MustCompile(`\bTest[A-Z]\w+`), map[int]bool{}
	for i, line := range strings.Split(string(text), "\n") {
		names := name.FindAllString(line, -1)
		for _, n := range names {
			if !have[n] {
				t.Errorf("docs/faults.md:%d: there is no test %s", i+1, n)
			}
		}
		if cells := strings.Split(line, "|"); len(cells) == 6 {
			row, err := strconv.Atoi(strings.TrimSpace(cells[1]))
			if err != nil {
				continue
			}
			if rows[row] {
				t.Errorf("docs/faults.md:%d: row %d is there twice", i+1, row)
			}
			if rows[row] = true; !name.MatchString(cells[4]) {
				t.Errorf("docs/faults.md:%d: row %d has no test", i+1, row)
			}
		}
	}
	for _, span := range [][2]int{{1, 50}, {66, 104}} {
		for row := span[0]; row <= span[1]; row++ {
			if !rows[row] {
				t.Errorf("docs/faults.md has no row %d", row)
			}
		}
	}
}

// testNames is every test of the repository.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
