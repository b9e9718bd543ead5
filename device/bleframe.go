package device

import "bytes"

// bleFramer cuts a byte stream into lines. A line over the limit is reported
// once and passed over to its end.
type bleFramer struct {
	buf  []byte
	term []byte // nil: CR or LF
	over bool
}

func newBLEFramer(terminator string, limit int) bleFramer {
	if limit <= 0 {
		limit = bleMaxLine
	}
	f := bleFramer{buf: make([]byte, 0, limit+max(len(terminator), 1))}
	if terminator != "" {
		f.term = []byte(terminator)
	}
	return f
}

// put takes the next byte. done: a line ended with it, or, line being nil, has
// just grown too long. line and end are good until the next put.
func (f *bleFramer) put(c byte) (line, end []byte, done bool) {
	f.buf = append(f.buf, c)
	if n := f.ended(c); n > 0 {
		line, end = f.buf[:len(f.buf)-n], f.buf[len(f.buf)-n:]
		over := f.over
		f.buf, f.over = f.buf[:0], false
		return line, end, !over
	}
	if len(f.buf) < cap(f.buf) {
		return nil, nil, false
	}
	// keep what may be the beginning of the terminator
	keep := f.buf[len(f.buf)-len(f.term):]
	f.buf = f.buf[:copy(f.buf, keep)]
	first := !f.over
	f.over = true
	return nil, nil, first
}

// ended is the length of the terminator that c completes, or 0.
func (f *bleFramer) ended(c byte) int {
	if f.term == nil {
		if c == '\r' || c == '\n' {
			return 1
		}
		return 0
	}
	if bytes.HasSuffix(f.buf, f.term) {
		return len(f.term)
	}
	return 0
}
