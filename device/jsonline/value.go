package jsonline

import "unicode/utf8"

// MaxDepth is how deeply values may be nested inside a member.
const MaxDepth = 32

func has(b []byte, i int, c byte) bool { return i < len(b) && b[i] == c }

func blank(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// nested passes over the object or array at i. Its own stack, one bit a level,
// stands in for recursion.
func nested(b []byte, i int) (int, error) {
	var objects uint64 // bit set: the level is an object
	depth := 0
	for {
		switch { // a value must begin here
		case has(b, i, '{') || has(b, i, '['):
			if depth == MaxDepth {
				return -1, ErrDepth
			}
			depth++
			objects <<= 1
			if b[i] == '{' {
				objects |= 1
			}
			i = blank(b, i+1)
			if !closes(b, i, objects&1 == 1) {
				if objects&1 == 1 {
					i = key(b, i)
				}
				break
			}
			i = after(b, i, &objects, &depth)
		default:
			if i = scalar(b, i); i >= 0 {
				i = after(b, i, &objects, &depth)
			}
		}
		if i < 0 {
			return -1, ErrSyntax
		}
		if depth == 0 {
			return i, nil
		}
	}
}

// closes says whether the bracket at i ends the object or array.
func closes(b []byte, i int, object bool) bool {
	return object && has(b, i, '}') || !object && has(b, i, ']')
}

// after passes what follows a value: closing brackets, then a comma with the
// key of the next member. It stops where a value must begin or all is closed.
func after(b []byte, i int, objects *uint64, depth *int) int {
	for {
		i = blank(b, i)
		switch {
		case closes(b, i, *objects&1 == 1):
			*objects >>= 1
			i++
			if *depth--; *depth == 0 {
				return i
			}
		case has(b, i, ','):
			if i = blank(b, i+1); *objects&1 == 1 {
				return key(b, i)
			}
			return i
		default:
			return -1
		}
	}
}

// key passes over a key and its colon to the value, or gives -1.
func key(b []byte, i int) int {
	if i, _ = text(b, i); i < 0 {
		return -1
	}
	if i = blank(b, i); !has(b, i, ':') {
		return -1
	}
	return blank(b, i+1)
}

// scalar finds the end of the number, string or word at i, or of what stands in
// its place and is none, or gives -1.
func scalar(b []byte, i int) (end int) {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		end, _ = text(b, i)
		return end
	case 't':
		end = word(b, i, "true")
	case 'f':
		end = word(b, i, "false")
	case 'n':
		end = word(b, i, "null")
	default:
		var d Decimal
		end = d.Scan(b, i)
	}
	if far := bare(b, i); far > max(i, end) {
		return far
	}
	return end
}

// bare passes over what can be meant as a value and does not begin or end one.
func bare(b []byte, i int) int {
	if has(b, i, ':') {
		return i
	}
	for i < len(b) && b[i] > ' ' && b[i] != 0x7f {
		switch b[i] {
		case ',', '"', '{', '}', '[', ']', '\\':
			return i
		}
		i++
	}
	return i
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

// text passes over the string at i, or gives -1. plain says that what is
// between the quotes stands for itself.
func text(b []byte, i int) (end int, plain bool) {
	if !has(b, i, '"') {
		return -1, false
	}
	var seen byte
	for j, c := range b[i+1:] {
		switch {
		case c > '\\': // most letters
			seen |= c
		case c == '"':
			return i + 1 + j + 1, seen < utf8.RuneSelf
		case c < ' ':
			return -1, false
		case c == '\\':
			return escapes(b, i+1+j), false
		}
	}
	return -1, false
}

// escapes passes over the rest of a string from its first escape on.
func escapes(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i = escaped(b, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// escaped gives the last byte of the escape whose letter is at i, or -1.
func escaped(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		if _, ok := hex4(b, i+1); ok {
			return i + 4
		}
	}
	return -1
}
