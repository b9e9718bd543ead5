package jsonline

import "errors"

// Kind is the type of a value.
type Kind uint8

// The kinds of values. None is that of no member.
const (
	None Kind = iota
	Number
	String
	True
	False
	Null
	Object
	Array
	Bare // what stands where a value belongs and is none: nan, -Infinity, 0x1F, nothing
)

// Errors of a line. They carry no position: a broken line is counted, not repaired.
var (
	ErrSyntax = errors.New("not a JSON object")
	ErrDepth  = errors.New("JSON nested too deeply")
)

// Scanner gives the members of one object in the order of the line. The zero
// value has no members.
type Scanner struct {
	line []byte
	at   int
	err  error
	open bool // inside the braces
	more bool // a member has been read, so a comma or the end must follow

	ended bool // at the closing brace

	// The member, by its places in line.
	keyFrom, keyEnd int
	rawFrom, rawEnd int
	kind            Kind
	plain           bool // a string that stands for itself
	decimal         Decimal
}

// Reset begins a line. Blanks around the object are allowed.
func (s *Scanner) Reset(line []byte) {
	*s = Scanner{line: line}
	s.at = blank(line, 0)
	if !has(line, s.at, '{') {
		s.err = ErrSyntax
		return
	}
	s.at, s.open = s.at+1, true
}

// Next moves on to the next member. It says false at the end and at an error.
func (s *Scanner) Next() bool {
	if !s.open {
		return false
	}
	s.open = false // until this member proves right
	b, i := s.line, s.at
	if i < len(b) && b[i] <= ' ' {
		i = blank(b, i)
	}
	if has(b, i, '}') {
		s.at, s.ended = i+1, true
		return false
	}
	if s.more {
		if !has(b, i, ',') {
			s.err = ErrSyntax
			return false
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = blank(b, i)
		}
	}
	end, _ := text(b, i)
	if end < 0 {
		s.err = ErrSyntax
		return false
	}
	s.keyFrom, s.keyEnd = i+1, end-1
	if i = end; i < len(b) && b[i] <= ' ' {
		i = blank(b, i)
	}
	if !has(b, i, ':') {
		s.err = ErrSyntax
		return false
	}
	if i++; i < len(b) && b[i] <= ' ' {
		i = blank(b, i)
	}
	return s.value(i)
}

// value takes the value at i and closes the member.
func (s *Scanner) value(i int) bool {
	b, end, kind := s.line, -1, Number
	s.decimal.Plain = false
	if i < len(b) {
		switch c := b[i]; {
		case c <= '9' && c != '"': // mostly
			end = s.decimal.Scan(b, i)
		case c == '"':
			kind = String
			end, s.plain = text(b, i)
		case c == 't':
			kind, end = True, word(b, i, "true")
		case c == 'f':
			kind, end = False, word(b, i, "false")
		case c == 'n':
			kind, end = Null, word(b, i, "null")
		case c == '{':
			kind = Object
			end, s.err = nested(b, i)
		case c == '[':
			kind = Array
			end, s.err = nested(b, i)
		}
	}
	s.kind = kind
	if end < 0 || end < len(b) && b[end] != ',' && b[end] != '}' && b[end] > ' ' {
		if end = s.bare(i); end < 0 {
			return false
		}
	}
	s.at, s.open, s.more = end, true, true
	s.rawFrom, s.rawEnd = i, end
	if kind == String {
		s.rawFrom, s.rawEnd = i+1, end-1
	}
	return true
}

// bare takes what is no value, up to where the next member can begin, or gives -1.
func (s *Scanner) bare(i int) (end int) {
	if s.err == nil && s.kind != String && s.kind != Object && s.kind != Array {
		if end = bare(s.line, i); i < end && end < len(s.line) || has(s.line, i, ',') || has(s.line, i, '}') {
			s.kind, s.decimal.Plain = Bare, false
			return end
		}
	}
	if s.err == nil {
		s.err = ErrSyntax
	}
	return -1
}

// Key is the name of the member: what stands between the quotes, escapes and
// all. It is a part of the line, as Raw is.
func (s *Scanner) Key() []byte { return s.line[s.keyFrom:s.keyEnd] }

// Kind is the type of the member's value.
func (s *Scanner) Kind() Kind { return s.kind }

// Raw is the value as it stands in the line; of a string, what is between the quotes.
func (s *Scanner) Raw() []byte { return s.line[s.rawFrom:s.rawEnd] }

// Plain says whether the Raw of a String stands for itself, so that no Unescape
// is needed.
func (s *Scanner) Plain() bool { return s.plain || Plain(s.Raw()) }

// Decimal is what the digits of a Number say. That of any other value is not
// Plain.
func (s *Scanner) Decimal() Decimal { return s.decimal }

// Err is nil when Next has come to the end of an object. Members given before an
// error came from the part without one.
func (s *Scanner) Err() error { return s.err }

// Rest is what follows the object, without the blanks between.
func (s *Scanner) Rest() []byte { return s.line[blank(s.line, s.at):] }

// End gives the index behind the object that b begins with, or -1 where b begins
// with none. What follows is not looked at.
func End(b []byte) int {
	var s Scanner
	s.Reset(b)
	for s.Next() {
	}
	if !s.ended {
		return -1
	}
	return s.at
}

// Valid says whether the line is one whole object and nothing else. For callers
// that must not act on the first half of a broken line.
func Valid(line []byte) bool {
	end := End(line)
	return end >= 0 && blank(line, end) == len(line)
}
