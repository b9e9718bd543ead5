package figures

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// verdict says whether what was measured keeps its budget: "met", "missed", or
// nothing where there is no budget or no measure. A budget is one number or more,
// each an upper bound, and a lower one where it ends in "/s"; what was measured has
// the same in the same units and order. What stands in brackets is not looked at.
func verdict(budget, measured string) string {
	limits, got := numbers(budget), numbers(measured)
	if len(limits) == 0 || len(got) < len(limits) {
		return ""
	}
	for i, limit := range limits {
		least := strings.HasSuffix(budget, "/s")
		if least && got[i] < limit || !least && got[i] > limit {
			return "missed"
		}
	}
	return "met"
}

func numbers(text string) (out []float64) {
	text = regexp.MustCompile(`\([^)]*\)|p\d+ `).ReplaceAllString(text, "")
	for _, s := range regexp.MustCompile(`\d[\d,]*(\.\d+)?`).FindAllString(text, -1) {
		if x, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64); err == nil {
			out = append(out, x)
		}
	}
	return out
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct{ budget, measured, want string }{
		{"13 MB", "11.9 MB", "met"}, {"12 MB", "16.9 MB (5.7 MB anonymous)", "missed"}, {"", "1 MB", ""}, {"12 MB", "not measured", ""},
		{"550,000/s", "515361 (425401-563717)/s", "missed"}, {"400,000/s", "515361 (425401-563717)/s", "met"},
		{"p50 0.4, p99 1.2 ms", "p50 0.39, p99 0.68 ms, n 149", "met"}, {"p50 0.4, p99 1.2 ms", "p50 0.39, p99 1.68 ms, n 149", "missed"},
		{"8.5 KB, 2 flushes", "8.2 KB, 2.0 flushes", "met"}, {"8.5 KB, 2 flushes", "8.2 KB, 2.7 flushes", "missed"},
		{"2 s/million", "2.52 (2.44-2.73) s/million", "missed"}, {"0", "0", "met"}, {"1 MB/day", "0.0 MB/day", "met"},
	} {
		if got := verdict(c.budget, c.measured); got != c.want {
			t.Errorf("%q for %q: %q, want %q", c.measured, c.budget, got, c.want)
		}
	}
}
