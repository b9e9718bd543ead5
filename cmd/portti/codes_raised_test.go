package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryCodeHasATest: some test names each problem, by its code or by the constant that
// stands for it: one that none raises could be missing, or be shown for ever, unseen. Pages
// and lists of all codes do not count.
func TestEveryCodeHasATest(t *testing.T) {
	constant := regexp.MustCompile(`\b([A-Za-z]\w+)\s*=\s*"([A-Z]+-[A-Z0-9-]+)"`)
	var tests strings.Builder
	names := map[string][]string{} // of a code
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		base := filepath.Base(path)
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" && base != "breaks.toml" || base == "codes_page_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(base, "_test.go") || base == "breaks.toml" {
			tests.Write(text)
		} else {
			for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
				names[m[2]] = append(names[m[2]], m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, w := range regexp.MustCompile(`[A-Z]+-[A-Z0-9-]+|\b[A-Za-z]\w+\b`).FindAllString(tests.String(), -1) {
		words[w] = true
	}
	for _, e := range everyProblem() {
		found := words[e.Code]
		for _, name := range names[e.Code] {
			found = found || words[name]
		}
		if !found {
			t.Errorf("no test names %s", e.Code)
		}
	}
}
