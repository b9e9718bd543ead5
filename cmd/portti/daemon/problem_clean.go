package daemon

import (
	"fmt"
	"strings"
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
