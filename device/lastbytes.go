package device

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// lastKept is how many bytes are kept of what a device sends while nothing of it can
// be read.
const lastKept = 256

// lastBytes is the end of what came.
type lastBytes struct {
	mu sync.Mutex
	b  [lastKept]byte
	n  int
}

func (l *lastBytes) add(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if over := l.n + len(p) - lastKept; over > 0 {
		drop := min(over, l.n)
		l.n = copy(l.b[:], l.b[drop:l.n])
		p = p[max(0, len(p)-(lastKept-l.n)):]
	}
	l.n += copy(l.b[l.n:], p)
}

// seen is the last line of it, as visible gives it.
func (l *lastBytes) seen() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return visible(l.b[:l.n])
}

// visible is the last line of all, or where it is no text its last bytes, so that a
// person can look at it: nothing in it can do anything to a terminal.
func visible(all []byte) string {
	if !readableText(all) {
		const shown = 24
		return fmt.Sprintf("% x", all[max(0, len(all)-shown):])
	}
	lines := bytes.FieldsFunc(all, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) > 1 && all[len(all)-1] != '\n' && all[len(all)-1] != '\r' {
		lines = lines[:len(lines)-1] // it has not ended yet
	}
	if len(lines) == 0 {
		return ""
	}
	quoted := strconv.Quote(string(lines[len(lines)-1]))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// readableText says whether most of b is text of some kind.
func readableText(b []byte) bool {
	odd := 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			odd++
		}
		i += size
	}
	return odd*4 < len(b)
}
