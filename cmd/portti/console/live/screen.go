package live

import (
	"strconv"
	"unicode"
)

// style is how a character looks.
type style uint8

// The styles. Without colour all are plain.
const (
	plain style = iota
	green
	yellow
	red
	cyan
	bold
)

// sgr selects a style, whatever was selected before.
func (s style) sgr() string {
	return [...]string{"\x1b[m", "\x1b[0;32m", "\x1b[0;33m", "\x1b[0;31m", "\x1b[0;36m", "\x1b[0;1m"}[s]
}

// cell is one character of the screen.
type cell struct {
	r rune
	s style
}

// line is a row of the screen. What lies beyond it is blank.
type line []cell

// add writes text behind a line. A character that may be wider or narrower than one
// column is shown as a question mark, since all that follows would be out of place.
func (l line) add(s style, text string) line {
	for _, r := range text {
		if !oneColumn(r) {
			r = '?'
		}
		l = append(l, cell{r, s})
	}
	return l
}

func oneColumn(r rune) bool {
	switch {
	case r < ' ' || r == 0x7f || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return false
	case r < 0x1100, r >= 0x2010 && r < 0x2600, r == '✗':
		return true
	}
	return false
}

// to goes on with column x, cutting what is beyond it.
func (l line) to(x int) line {
	for len(l) < x {
		l = append(l, cell{' ', plain})
	}
	return l[:x]
}

// at is the cell of a column.
func (l line) at(x int) cell {
	if x >= len(l) {
		return cell{' ', plain}
	}
	return l[x]
}

// screen is what the terminal shows.
type screen struct {
	w, h  int
	shown []line // nil = not known
}

// resize says that the terminal shows something else now.
func (s *screen) resize(w, h int) { s.w, s.h, s.shown = w, h, nil }

// nearby is how many characters that are right are written again rather than jumped over:
// a jump costs six to eight bytes.
const nearby = 5

// change appends to b what makes the terminal show next.
func (s *screen) change(b []byte, next []line) []byte {
	if s.shown == nil {
		b = append(b, "\x1b[m\x1b[2J"...)
		s.shown = make([]line, s.h)
	}
	now := plain
	for y := range s.h {
		var l line
		if y < len(next) {
			l = next[y][:min(len(next[y]), s.w)]
		}
		b, now = s.row(b, y, l, now)
		s.shown[y] = append(s.shown[y][:0], l...)
	}
	if now != plain {
		b = append(b, plain.sgr()...)
	}
	return b
}

// row writes what differs in one row.
func (s *screen) row(b []byte, y int, l line, now style) ([]byte, style) {
	was := s.shown[y]
	end := len(l)
	for end > 0 && l[end-1] == (cell{' ', plain}) {
		end--
	}
	at := -1 // where the cursor stands in this row, -1 = elsewhere
	for x := 0; x < max(end, len(was)); x++ {
		if l.at(x) == was.at(x) {
			continue
		}
		from := x
		if at >= 0 && x-at <= nearby && x < end {
			from = at
		}
		if at < 0 || from == x && x != at {
			b = append(b, "\x1b["...)
			b = strconv.AppendInt(b, int64(y+1), 10)
			b = append(b, ';')
			b = strconv.AppendInt(b, int64(x+1), 10)
			b = append(b, 'H')
		}
		if x >= end { // all that follows is blank
			if now != plain {
				b, now = append(b, plain.sgr()...), plain
			}
			return append(b, "\x1b[K"...), now
		}
		for ; from <= x; from++ {
			c := l.at(from)
			if c.s != now {
				b, now = append(b, c.s.sgr()...), c.s
			}
			b = append(b, string(c.r)...)
		}
		at = x + 1
	}
	return b, now
}
