package web

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"portti/cmd/portti/status"
)

// clean is foreign text as it may be shown.
func clean(s string) string { return status.Clean(s, 400) }

// fill puts values, named in turn, into the places of a text. A place that nobody fills
// gets a question mark.
func fill(pattern string, args ...string) string {
	var b strings.Builder
	for {
		before, after, open := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		name, rest, _ := strings.Cut(after, "}")
		value := "?"
		for i := 0; i+1 < len(args); i += 2 {
			if args[i] == name {
				value = args[i+1]
			}
		}
		b.WriteString(value)
		pattern = rest
	}
}

// languageOf is Finnish where the address asks for it, or where the browser prefers it to
// English.
func languageOf(r *http.Request) *words {
	switch r.URL.Query().Get("lang") {
	case "fi":
		return finnish()
	case "en":
		return english()
	}
	best, finns := 0.0, false
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			q, _ = strconv.ParseFloat(text, 64) // 0 = not wanted
		}
		name, _, _ = strings.Cut(strings.ToLower(name), "-")
		if (name == "fi" || name == "en") && q > best {
			best, finns = q, name == "fi"
		}
	}
	if finns {
		return finnish()
	}
	return english()
}

// narrow separates thousands, and is never broken.
const narrow = "\u202f"

// number is n in groups of three digits.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + narrow + s[i:]
	}
	return s
}

// decimal has one decimal where that says something.
func (w *words) decimal(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v < 0.95 && v > 0:
		return strings.Replace(strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64), ".", w.Decimal, 1)
	}
	return strings.Replace(strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0"), ".", w.Decimal, 1)
}

// span is a length of time in at most two units.
func (w *words) span(seconds float64) string {
	switch s := math.Max(seconds, 0); {
	case math.IsNaN(s) || s > 1e10:
		return "?"
	case s < 120:
		return fmt.Sprintf("%d\u00a0s", int(s))
	case s < 3600:
		return fmt.Sprintf("%d\u00a0%s", int(s)/60, w.Minute)
	case s < 86400:
		return fmt.Sprintf("%d\u00a0%s %02d\u00a0%s", int(s)/3600, w.Hour, int(s)/60%60, w.Minute)
	default:
		return fmt.Sprintf("%d\u00a0%s %d\u00a0%s", int64(s)/86400, w.Day, int64(s)/3600%24, w.Hour)
	}
}

func (w *words) bytes(n int64) string {
	switch {
	case n >= 1e9:
		return w.decimal(float64(n)/1e9) + "\u00a0GB"
	case n >= 1e6:
		return w.decimal(float64(n)/1e6) + "\u00a0MB"
	case n >= 1e3:
		return w.decimal(float64(n)/1e3) + "\u00a0kB"
	}
	return strconv.FormatInt(n, 10) + "\u00a0B"
}

// spoken is a length of time as status.InWords writes it.
func (w *words) spoken(text string) string {
	if w.Lang == "en" {
		return text
	}
	return strings.NewReplacer(" h ", " "+w.Hour+" ", " days", " "+w.Day).Replace(text)
}

// isSpan says whether a text is a length of time as status.InWords writes it.
func isSpan(text string) bool {
	words := strings.Fields(text)
	for i, word := range words {
		if _, err := strconv.Atoi(word); (err == nil) != (i%2 == 0) || i%2 == 1 && !slices.Contains([]string{"s", "min", "h", "days"}, word) {
			return false
		}
	}
	return len(words) > 0 && len(words)%2 == 0
}
