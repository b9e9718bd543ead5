package device

import (
	"bytes"

	"portti/device/jsonline"
)

// columns takes a line of values that stand in columns apart, as CSV has it:
//
//	1700000000;23,6;"kitchen";45
//
// A value may stand in double quotes, in which two stand for one. Blanks around a
// value are not part of it. Where the separator is a blank, any number of blanks
// and tabs is one.
type columns struct {
	line      []byte
	separator byte
	at        int  // behind it lies what was not read yet
	done      bool // the last column was read

	raw    []byte
	quoted bool
	broken bool // text stands before or behind the quotes, or nothing closes them
}

// next reads the next column.
func (c *columns) next() bool {
	if c.done {
		return false
	}
	c.at = c.pastBlanks(c.at)
	c.raw, c.quoted = nil, false
	if c.at < len(c.line) && c.line[c.at] == '"' {
		c.quote()
	} else {
		end := c.end(c.at)
		c.raw = bytes.TrimRight(c.line[c.at:end], " \t")
		c.at = end
	}
	if c.separator == ' ' {
		c.at = c.pastBlanks(c.at)
		c.done = c.at == len(c.line)
		return true
	}
	c.done = c.at == len(c.line)
	c.at++
	return true
}

// quote reads a value in quotes. One without quotes in it needs no copy.
func (c *columns) quote() {
	c.quoted = true
	from, doubled := c.at+1, false
	for i := from; i < len(c.line); i++ {
		switch {
		case c.line[i] != '"':
		case i+1 < len(c.line) && c.line[i+1] == '"':
			doubled = true
			i++
		default:
			if c.raw = c.line[from:i]; doubled { // rare, so it may allocate
				c.raw = bytes.ReplaceAll(c.raw, []byte(`""`), []byte(`"`))
			}
			end := c.pastBlanks(i + 1)
			c.at = c.end(end)
			c.broken = c.broken || c.separator != ' ' && c.at != end || c.separator == ' ' && c.end(i+1) != i+1
			return
		}
	}
	c.broken, c.at = true, len(c.line)
}

// end is where the separator stands that comes next.
func (c *columns) end(from int) int {
	for i := from; i < len(c.line); i++ {
		if b := c.line[i]; b == c.separator || c.separator == ' ' && b == '\t' {
			return i
		}
	}
	return len(c.line)
}

func (c *columns) pastBlanks(i int) int {
	for i < len(c.line) && (c.line[i] == ' ' || c.line[i] == '\t') && (c.line[i] != c.separator || c.separator == ' ') {
		i++
	}
	return i
}

// columns takes the fields of a line of values. One with another number of them is
// none of the device's; one in which there are names and no number is its header.
func (r *reader) columns(line []byte) Result {
	c := columns{line: line, separator: r.separator}
	n, names, numbers := 0, 0, 0
	for c.next() {
		switch {
		case len(c.raw) == 0:
		case numberLike(c.raw) || notNumber(c.raw) || string(c.raw) == "true" || string(c.raw) == "false":
			numbers++
		default:
			names++
		}
		n++
	}
	switch p := (pairs{line: line}); {
	case n != len(r.names) || c.broken:
		return Malformed
	case names > 0 && numbers == 0:
		return Unknown
	default:
		if p.pass(0, 0); !p.text() {
			return Malformed
		}
	}
	c = columns{line: line, separator: r.separator}
	for i := 0; c.next(); i++ {
		if len(r.names[i]) == 0 || len(c.raw) == 0 {
			continue
		}
		k := r.known(r.names[i])
		if k == nil {
			k = r.keys.find(r.names[i])
		}
		r.take(k, r.column(&c))
	}
	return OK
}

// column makes a field of what stands in a column.
func (r *reader) column(c *columns) *field {
	f := &r.cell
	*f = field{raw: c.raw, text: c.quoted}
	switch {
	case c.quoted, f.decimal.Scan(f.raw, 0) == len(f.raw) && f.decimal.Plain:
	case string(f.raw) == "true":
		f.raw = yes
	case string(f.raw) == "false":
		f.raw = no
	default:
		f.decimal = jsonline.Decimal{}
		f.text = !numberLike(f.raw) // never empty: columns leaves that out
	}
	if r.comma && !f.decimal.Plain && len(f.raw) > 0 {
		r.point(f)
	}
	return f
}

// point puts a point for the decimal comma. What has both is left as it is: which
// of them parts the thousands is not known.
func (r *reader) point(f *field) {
	i := bytes.IndexByte(f.raw, ',')
	if i < 0 || !numberLike(f.raw) || bytes.IndexByte(f.raw[i+1:], ',') >= 0 || bytes.IndexByte(f.raw, '.') >= 0 {
		return
	}
	from := len(r.pointed)
	r.pointed = append(r.pointed, f.raw...)
	f.raw = r.pointed[from:len(r.pointed):len(r.pointed)]
	f.raw[i] = '.'
	if end := f.decimal.Scan(f.raw, 0); end != len(f.raw) {
		f.decimal = jsonline.Decimal{}
	}
}

// notNumber: what programs print for a number that is none. It is a bad value, and
// no name of a column.
func notNumber(b []byte) bool {
	if len(b) > 1 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	return len(b) == 3 && (bytes.EqualFold(b, []byte("nan")) || bytes.EqualFold(b, []byte("inf")) || bytes.EqualFold(b, []byte("ovf")))
}
