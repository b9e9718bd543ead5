package status

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from outside fit for a terminal, a log or a page: control
// and other unprintable characters become \x.. or \u...., broken UTF-8 becomes
// the replacement character, and what is longer than limit characters is cut
// and ends with an ellipsis.
func Clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		piece := string(r)
		switch {
		case unicode.IsPrint(r) || r == utf8.RuneError:
		case r < 0x100:
			piece = fmt.Sprintf(`\x%02x`, r)
		default:
			piece = fmt.Sprintf(`\u%04x`, r)
		}
		if n += utf8.RuneCountInString(piece); n > limit {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

// CleanLines is Clean for a text of any length: its lines and tabs stay as they are.
func CleanLines(s string) string {
	isPart := func(r rune) bool { return r == '\n' || r == '\t' }
	var b strings.Builder
	for i := strings.IndexFunc(s, isPart); i >= 0; i = strings.IndexFunc(s, isPart) {
		b.WriteString(Clean(s[:i], math.MaxInt))
		b.WriteByte(s[i])
		s = s[i+1:]
	}
	b.WriteString(Clean(s, math.MaxInt))
	return b.String()
}

// Count writes a number with its noun: 1 message, 2 messages.
func Count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// InWords writes a duration as one says it: two units at most.
func InWords(t time.Duration) string {
	switch {
	case t < 0:
		return "ever" // "has sent nothing for ever": no reading since the start
	case t < time.Minute:
		return fmt.Sprintf("%d s", int(t.Seconds()))
	case t < time.Hour:
		return fmt.Sprintf("%d min", int(t.Minutes()))
	case t < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(t.Hours()), int(t.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(t.Hours()/24))
}

// InSeconds is InWords for the seconds of the status document.
func InSeconds(seconds float64) string { return InWords(time.Duration(seconds * float64(time.Second))) }

// Fold breaks text between words into lines of at most width, and one line at least. A
// word that is longer stays whole.
func Fold(text string, width int) []string {
	all := []string{""}
	for _, w := range strings.Fields(text) {
		last := &all[len(all)-1]
		switch {
		case *last == "":
			*last = w
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(w) <= width:
			*last += " " + w
		default:
			all = append(all, w)
		}
	}
	return all
}
