package device

import (
	"bytes"
	"unicode/utf8"
)

// pairs takes a line of key=value pairs apart. Pairs stand between blanks,
// commas and semicolons; blanks around the equals sign are allowed; a value
// may stand in single or double quotes, which know no escapes.
//
// A word without an equals sign spoils the pair before it: "t=21,5" and
// "t=70 F" are not 21 and 70. Words before the first pair are a label.
type pairs struct {
	line []byte
	at   int

	key     []byte
	value   field // without its key
	spoiled bool  // junk follows: the word ahead

	label int    // where the first pair begins
	begun bool   // the next pair's key and equals sign have been read
	ahead []byte // that key
	seen  mark   // of the characters passed over

	// other is 0 where an equals sign stands between key and value, and otherColon where
	// a colon does: what makes the one of the other by exclusive or, which costs no jump.
	other mark
}

// otherColon makes a colon the sign between key and value: T:23.6 H:45.
const otherColon = equals ^ colon

// mark is what a character means between and within pairs.
type mark uint8

const (
	blank mark = 1 << iota
	comma
	equals
	control // in no text
	high    // beyond ASCII
	colon
	separator = blank | comma
)

var marks = newMarks()

func newMarks() (m [256]mark) {
	for c := range m {
		switch {
		case c == ' ', c == '\t':
			m[c] = blank
		case c == ',', c == ';':
			m[c] = comma
		case c == '=':
			m[c] = equals
		case c == ':':
			m[c] = colon
		case c < ' ', c == 0x7f:
			m[c] = control
		case c >= utf8.RuneSelf:
			m[c] = high
		}
	}
	return m
}

// next finds the next pair.
func (p *pairs) next() bool {
	for !p.begun {
		if p.at = past(p.line, p.at, separator); p.at == len(p.line) {
			return false
		}
		if p.key == nil {
			p.label = p.at
		}
		p.begin()
	}
	p.key, p.begun = p.ahead, false
	p.finish()
	return true
}

// begin reads "key =", or passes over a word.
func (p *pairs) begin() {
	sign := equals ^ p.other
	word := p.pass(p.at, separator|sign)
	p.ahead = p.line[p.at:word]
	p.at = word
	if word < len(p.line) && marks[p.line[word]]&sign == 0 {
		word = past(p.line, word, blank)
	}
	if word < len(p.line) && marks[p.line[word]]&sign != 0 {
		p.at, p.begun = word+1, true
	}
}

// listed says whether a comma or semicolon stands before i.
func (p *pairs) listed(i int) bool {
	for i > 0 && marks[p.line[i-1]]&blank != 0 {
		i--
	}
	return i > 0 && marks[p.line[i-1]]&comma != 0
}

// unit says whether the word that spoils the pair is its value's unit, and goes on
// behind it.
func (p *pairs) unit(unit string) bool {
	behind := p.at - len(p.ahead)
	if p.value.text || p.begun || !isUnit(p.ahead, unit) || p.listed(behind) {
		return false
	}
	if p.at = past(p.line, p.at, separator); p.at < len(p.line) {
		p.begin()
		return p.begun
	}
	return true
}

// finish reads the value and looks whether junk follows.
func (p *pairs) finish() {
	from := past(p.line, p.at, blank)
	p.value.text, p.value.decimal.Plain, p.spoiled = false, false, false
	first := byte(0)
	if from < len(p.line) {
		first = p.line[from]
	}
	switch {
	case '0' <= first && first <= '9', first == '-':
		p.number(from)
	case first == '"', first == '\'':
		p.quote(from)
	default:
		p.word(from)
	}
	if p.value.text && !p.separated(p.at) {
		p.at, p.spoiled = p.pass(p.at, separator), true
		return
	}
	if p.at = past(p.line, p.at, separator); p.at < len(p.line) {
		p.begin()
		p.spoiled = !p.begun
	}
}

// number reads a value that may be a number as JSON has it.
func (p *pairs) number(from int) {
	end := p.value.decimal.Scan(p.line, from)
	if end < 0 || !p.separated(end) {
		p.value.decimal.Plain = false
		p.word(from)
		return
	}
	p.value.raw, p.at = p.line[from:end], end
}

// quote reads a value that may be in quotes.
func (p *pairs) quote(from int) {
	inside := p.line[from+1:]
	end := bytes.IndexByte(inside, p.line[from])
	if end < 0 {
		p.word(from)
		return
	}
	p.value.raw, p.value.text = inside[:end], true
	for _, c := range p.value.raw {
		p.seen |= marks[c]
	}
	p.at = from + 1 + end + 1
}

// word reads a value without quotes.
func (p *pairs) word(from int) {
	end := p.pass(from, separator)
	p.value.raw = p.line[from:end]
	if from > p.at && p.other == 0 && bytes.IndexByte(p.value.raw, '=') >= 0 {
		p.value.raw, end = nil, from // "a= b=1": a has no value
	}
	p.at = end
}

// separated says whether what ends at i stands for itself.
func (p *pairs) separated(i int) bool { return i == len(p.line) || marks[p.line[i]]&separator != 0 }

// pass passes over characters with none of the marks.
func (p *pairs) pass(from int, stop mark) (end int) {
	var seen mark
	end, marks := len(p.line), &marks
	for i, c := range p.line[from:] {
		m := marks[c]
		if m&stop != 0 {
			end = from + i
			break
		}
		seen |= m
	}
	p.seen |= seen
	return end
}

// past passes over characters with one of the marks.
func past(b []byte, i int, m mark) int {
	for i < len(b) && marks[b[i]]&m != 0 {
		i++
	}
	return i
}

// strayShare is the most of a line that may be bytes which no text has: one in so
// many. Of noise it is more than half; a degree sign in Latin-1 is one in a line.
const strayShare = 8

// text says whether the line, passed over to its end, can be text at all: nearly no
// control characters but the tab, and nearly no broken UTF-8.
func (p *pairs) text() bool {
	if p.seen&control == 0 && (p.seen&high == 0 || utf8.Valid(p.line)) {
		return true
	}
	stray := 0
	for rest := p.line; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		if c == utf8.RuneError && size == 1 || c < utf8.RuneSelf && marks[c]&control != 0 {
			stray++
		}
		rest = rest[size:]
	}
	return stray*strayShare <= len(p.line)
}

// plainKey says whether a key is one: letters, digits and . _ - / after a
// letter or an underscore.
func plainKey(key []byte) bool {
	for i, c := range key {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '.' || c == '-' || c == '/')) {
			return false
		}
	}
	return len(key) > 0
}

// clockTime says whether what a colon parts is a time of day, as in 12:00:00 T:23.6.
func clockTime(key, value []byte) bool {
	return len(key) > 0 && len(key) < 3 && pastDigits(key, 0) == len(key) && len(value) >= 2 && pastDigits(value, 0) >= 2
}
