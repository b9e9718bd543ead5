package jsonline

import "errors"

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	None Kind = iota
	Number
	String
	True
	False
	Null
	Object
	Array
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

	key, raw []byte
	kind     Kind
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
	i := blank(s.line, s.at)
	if has(s.line, i, '}') {
		if blank(s.line, i+1) != len(s.line) {
			s.err = ErrSyntax
		}
		return false
	}
	if s.more {
		if !has(s.line, i, ',') {
			s.err = ErrSyntax
			return false
		}
		i = blank(s.line, i+1)
	}
	from := i + 1
	if i = key(s.line, i); i < 0 {
		s.err = ErrSyntax
		return false
	}
	s.key = s.line[from:keyEnd(s.line, from, i)]
	return s.value(i)
}

// value takes the value at i and closes the member.
func (s *Scanner) value(i int) bool {
	end, kind, err := value(s.line, i)
	if err != nil {
		s.err = err
		return false
	}
	s.at, s.open, s.more = end, true, true
	s.kind, s.raw = kind, s.line[i:end]
	if kind == String {
		s.raw = s.line[i+1 : end-1]
	}
	return true
}

// Key is the name of the member: what stands between the quotes, escapes and
// all. It is a part of the line, as Raw is.
func (s *Scanner) Key() []byte { return s.key }

// Kind is the type of the member's value.
func (s *Scanner) Kind() Kind { return s.kind }

// Raw is the value as it stands in the line; of a string, what is between the quotes.
func (s *Scanner) Raw() []byte { return s.raw }

// Err is nil when Next has come to the end of a valid object with nothing
// behind it. Members given before an error came from the valid part.
func (s *Scanner) Err() error { return s.err }

// Valid says whether the line is one whole object. For callers that must not
// act on the first half of a broken line.
func Valid(line []byte) bool {
	var s Scanner
	s.Reset(line)
	for s.Next() {
	}
	return s.err == nil
}
