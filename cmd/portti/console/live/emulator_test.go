package live

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// emulator is a terminal that knows what this package writes, and nothing else: what it does
// not know is a fault.
type emulator struct {
	mu      sync.Mutex
	w, h    int
	cells   [][]rune
	x, y    int
	rest    []byte
	total   int
	aside   bool // the second screen is shown
	hidden  bool // the cursor is
	colour  string
	unknown []string
	log     bytes.Buffer
}

func newEmulator(w, h int) *emulator {
	e := &emulator{w: w, h: h}
	e.clear()
	return e
}

func (e *emulator) clear() {
	e.cells = make([][]rune, e.h)
	for y := range e.cells {
		e.cells[y] = []rune(strings.Repeat(" ", e.w))
	}
}

// Write is part of io.Writer.
func (e *emulator) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total += len(b)
	e.log.Write(b)
	e.rest = append(e.rest, b...)
	for len(e.rest) > 0 {
		n := e.step(e.rest)
		if n == 0 {
			break
		}
		e.rest = e.rest[n:]
	}
	return len(b), nil
}

func (e *emulator) step(b []byte) int {
	if b[0] == 0x1b {
		n := sequence(b)
		if n > 1 {
			e.control(string(b[2:n-1]), b[n-1])
		}
		return n
	}
	if !utf8.FullRune(b) {
		return 0
	}
	r, n := utf8.DecodeRune(b)
	switch {
	case r == '\r':
		e.x = 0
	case r == '\n':
		e.y = min(e.y+1, e.h-1)
	case r < ' ':
		e.unknown = append(e.unknown, fmt.Sprintf("%q", r))
	case e.x >= e.w:
		e.unknown = append(e.unknown, "beyond the right edge")
	default:
		e.cells[e.y][e.x] = r
		e.x++
	}
	return n
}

func (e *emulator) control(args string, c byte) {
	number := func(s string) int { n, _ := strconv.Atoi(s); return max(n, 1) - 1 }
	switch {
	case c == 'H':
		row, column, _ := strings.Cut(args, ";")
		e.y, e.x = min(number(row), e.h-1), min(number(column), e.w-1)
	case c == 'J' && args == "2":
		e.clear()
	case c == 'K' && args == "":
		for x := e.x; x < e.w; x++ {
			e.cells[e.y][x] = ' '
		}
	case c == 'm':
		e.colour = args
	case args == "?1049" && (c == 'h' || c == 'l'):
		e.aside = c == 'h'
	case args == "?25" && (c == 'h' || c == 'l'):
		e.hidden = c == 'l'
	default:
		e.unknown = append(e.unknown, args+string(c))
	}
}

// text is what is seen.
func (e *emulator) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, row := range e.cells {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}

// state is what must be as before when the view has ended.
func (e *emulator) state() (aside, hidden bool, colour string, unknown []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.aside, e.hidden, e.colour, e.unknown
}
