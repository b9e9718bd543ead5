package recording

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"unicode/utf8"
)

// magic begins the first line; the version and the header follow.
const magic = "portti recording "

// Is says whether data begins as a recording does.
func Is(data []byte) bool { return len(data) >= len(magic) && string(data[:len(magic)]) == magic }

// Writer writes a recording, each line with one Write.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes the first line.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("cannot write the head of the recording: %w", err)
	}
	r := &Writer{w: w}
	r.buf = append(strconv.AppendInt(append(r.buf, magic...), Version, 10), ' ')
	r.buf = append(r.buf, text...)
	return r, r.line()
}

// Write adds a record.
func (w *Writer) Write(r Record) error {
	w.buf = appendSeconds(w.buf[:0], int64(r.At), 9)
	w.buf = append(w.buf, ' ')
	w.buf = r.Clock.append(w.buf)
	w.buf = append(w.buf, ' ', byte(r.What), ' ')
	w.buf = AppendData(w.buf, r.Data)
	return w.line()
}

// line ends the line in hand with its checksum.
func (w *Writer) line() error {
	sum := crc32.Checksum(w.buf, table())
	w.buf = fmt.Appendf(w.buf, " %08x\n", sum)
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("cannot write the recording: %w", err)
	}
	return nil
}

// table is Castagnoli's polynomial. The standard library makes it once.
func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// append writes 1796000000.123, with ? before it where it is not trusted and ~5 behind
// it where it may be wrong by five seconds.
func (c Clock) append(b []byte) []byte {
	if !c.Trusted {
		b = append(b, '?')
	}
	b = appendSeconds(b, c.Unix, 3)
	if c.Err != 0 {
		b = strconv.AppendInt(append(b, '~'), c.Err, 10)
	}
	return b
}

// appendSeconds writes n units of 10^-places seconds.
func appendSeconds(b []byte, n int64, places int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	unit := int64(1)
	for range places {
		unit *= 10
	}
	b = append(strconv.AppendInt(b, n/unit, 10), '.')
	digits := strconv.AppendInt(nil, unit+n%unit, 10)
	return append(b, digits[1:]...)
}

// AppendData writes bytes so that they can be looked at and do nothing to a terminal:
// text in quotes with everything else escaped, as in Go, and what is no text in hex.
func AppendData(b, data []byte) []byte {
	if len(data) == 0 || isText(data) {
		return strconv.AppendQuoteToASCII(b, string(data))
	}
	return fmt.Appendf(b, "%x", data)
}

// isText says whether at most a quarter of the bytes would have to be escaped, ends of
// line excepted.
func isText(data []byte) bool {
	odd := 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			odd++
		}
		i += size
	}
	return odd*4 <= len(data)
}
