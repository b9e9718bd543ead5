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

	key, value []byte
	quoted     bool
	spoiled    bool // junk follows
}

// next finds the next pair.
func (p *pairs) next() bool {
	for p.passSeparators(); p.at < len(p.line); p.passSeparators() {
		if p.begin() {
			p.finish()
			return true
		}
	}
	return false
}

// begin reads "key =", or passes over a word.
func (p *pairs) begin() bool {
	from := p.at
	for p.at < len(p.line) && !separator(p.line[p.at]) && p.line[p.at] != '=' {
		p.at++
	}
	p.key = p.line[from:p.at]
	word := p.at
	p.passBlanks()
	if p.at < len(p.line) && p.line[p.at] == '=' {
		p.at++
		return true
	}
	p.at = word
	return false
}

// finish reads the value and looks whether junk follows.
func (p *pairs) finish() {
	equals := p.at
	p.passBlanks()
	p.quoted = false
	if q := p.at; q < len(p.line) && (p.line[q] == '"' || p.line[q] == '\'') {
		if end := bytes.IndexByte(p.line[q+1:], p.line[q]); end >= 0 {
			p.value, p.quoted = p.line[q+1:q+1+end], true
			p.at = q + 1 + end + 1
		}
	}
	if !p.quoted {
		from := p.at
		p.passWord()
		p.value = p.line[from:p.at]
		if from > equals && bytes.IndexByte(p.value, '=') >= 0 {
			p.value, p.at = nil, from // "a= b=1": a has no value
		}
	}
	p.spoiled = p.junk()
}

// junk says whether something other than a pair comes next.
func (p *pairs) junk() bool {
	if p.quoted && p.at < len(p.line) && !separator(p.line[p.at]) {
		p.passWord()
		return true
	}
	ahead := *p
	ahead.passSeparators()
	return ahead.at < len(ahead.line) && !ahead.begin()
}

func (p *pairs) passBlanks() {
	for p.at < len(p.line) && (p.line[p.at] == ' ' || p.line[p.at] == '\t') {
		p.at++
	}
}

func (p *pairs) passSeparators() {
	for p.at < len(p.line) && separator(p.line[p.at]) {
		p.at++
	}
}

func (p *pairs) passWord() {
	for p.at < len(p.line) && !separator(p.line[p.at]) {
		p.at++
	}
}

func separator(c byte) bool { return c == ' ' || c == ',' || c == ';' || c == '\t' }

// plainText says whether a line can be text at all: no control characters but
// the tab, and valid UTF-8. Noise is hardly ever both.
func plainText(line []byte) bool {
	ascii := true
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(line)
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
