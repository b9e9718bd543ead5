//go:build figures

package figures

import (
	"os/exec"
	"strings"
	"testing"
)

// allocations are the rooms' own benchmarks.
func allocations(t *testing.T, _ plan) []row {
	var rows []row
	for _, w := range works() {
		if w.bench == "^BenchmarkMarshal$" {
			continue
		}
		out, err := exec.Command("go", "test", "-vet=off", "-run", "^$", "-bench", w.bench, "-benchmem", "-benchtime", "20000x", "portti/"+w.room).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for text := range strings.Lines(string(out)) {
			if f := strings.Fields(text); strings.HasPrefix(text, "Benchmark") && len(f) > 4 && f[len(f)-1] == "allocs/op" {
				rows = append(rows, row{"allocations, " + w.what, "0", f[len(f)-2], f[2] + " " + f[3] + " here; " + w.name()})
			}
		}
	}
	return rows
}
