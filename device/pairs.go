package device

import (
	"bytes"
	"unicode/utf8"

	"portti/device/jsonline"
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

	key, value []byte
	decimal    jsonline.Decimal // what value says, where that was seen at once
	quoted     bool
	spoiled    bool // junk follows

	begun bool   // the next pair's key and equals sign have been read
	ahead []byte // that key
}

// mark is what a character means between and within pairs.
type mark uint8

const (
	blank mark = 1 << iota
	comma
	equals
	separator = blank | comma
)

var marks = [256]mark{' ': blank, '\t': blank, ',': comma, ';': comma, '=': equals}

// next finds the next pair.
func (p *pairs) next() bool {
	for !p.begun {
		if p.at = past(p.line, p.at, separator); p.at == len(p.line) {
			return false
		}
		p.begin()
	}
	p.key, p.begun = p.ahead, false
	p.finish()
	return true
}

// begin reads "key =", or passes over a word.
func (p *pairs) begin() {
	word := until(p.line, p.at, separator|equals)
	p.ahead = p.line[p.at:word]
	p.at = word
	if at := past(p.line, word, blank); at < len(p.line) && p.line[at] == '=' {
		p.at, p.begun = at+1, true
	}
}

// finish reads the value and looks whether junk follows.
func (p *pairs) finish() {
	from := past(p.line, p.at, blank)
	p.quoted, p.spoiled, p.decimal.Plain = false, false, false
	switch end := p.decimal.Scan(p.line, from); {
	case end > 0 && p.separated(end):
		p.value, p.at = p.line[from:end], end
	case p.quote(from):
		if !p.separated(p.at) {
			p.at, p.spoiled = until(p.line, p.at, separator), true
			return
		}
	default:
		p.decimal.Plain = false
		p.word(from)
	}
	if p.at = past(p.line, p.at, separator); p.at < len(p.line) {
		p.begin()
		p.spoiled = !p.begun
	}
}

// quote reads a value in quotes.
func (p *pairs) quote(from int) bool {
	if from == len(p.line) || p.line[from] != '"' && p.line[from] != '\'' {
		return false
	}
	end := bytes.IndexByte(p.line[from+1:], p.line[from])
	if end < 0 {
		return false
	}
	p.value, p.quoted = p.line[from+1:from+1+end], true
	p.at = from + 1 + end + 1
	return true
}

// word reads a value without quotes.
func (p *pairs) word(from int) {
	end := until(p.line, from, separator)
	p.value = p.line[from:end]
	if from > p.at && bytes.IndexByte(p.value, '=') >= 0 {
		p.value, end = nil, from // "a= b=1": a has no value
	}
	p.at = end
}

// separated says whether what ends at i stands for itself.
func (p *pairs) separated(i int) bool { return i == len(p.line) || marks[p.line[i]]&separator != 0 }

// past passes over characters with one of the marks.
func past(b []byte, i int, m mark) int {
	for i < len(b) && marks[b[i]]&m != 0 {
		i++
	}
	return i
}

// until passes over characters with none of the marks.
func until(b []byte, i int, m mark) int {
	for i < len(b) && marks[b[i]]&m == 0 {
		i++
	}
	return i
}

// plainText says whether a line can be text at all: no control characters but
// the tab, and valid UTF-8. Noise is hardly ever both.
func plainText(line []byte) bool {
	for i, c := range line {
		if c < ' ' || c > '~' {
			return plainRest(line[i:])
		}
	}
	return true
}

func plainRest(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(line)
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
