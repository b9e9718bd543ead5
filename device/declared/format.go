package declared

import (
	"bytes"

	"portti/device/fields"
)

// Format is a compiled declaration. It may be used from several goroutines.
type Format struct {
	Poll   []byte // bytes that ask for a frame, nil = it comes by itself
	Values []Value

	frame      string
	binary     bool
	start, end []byte
	most       int // bytes of the longest frame
	length     fields.Row
	lengthAdd  int

	sum          sum
	at, from, to int
	mark         []byte
	separator    byte
}

// Value is one value of a frame.
type Value struct {
	Name string
	Row  fields.Row

	column int
	label  []byte
	unit   []byte
	is     *int64
}

// Most is how many bytes the longest frame has.
func (f *Format) Most() int { return f.most }

// Long says that a frame says itself how long it is, so that a wrong one may wait for
// bytes that are the next ones'.
func (f *Format) Long() bool { return f.frame == length }

// Finder finds frames in a stream.
type Finder struct {
	*Format
	edge bool // what comes next begins behind the end of a frame or line
}

// Finder makes one for a stream from anywhere in it.
func (f *Format) Finder() Finder { return Finder{Format: f} }

// Next finds the first frame in b, after skipped bytes that are in none. frame is nil
// where there is no whole one; skipped then leaves what may begin one, which is less
// than Most bytes. marked says that a frame began in what was skipped and was wrong.
func (f *Finder) Next(b []byte) (skipped int, frame []byte, marked bool) {
	if f.binary {
		return f.framed(b)
	}
	return f.text(b)
}

// framed finds a binary frame. After a wrong one it goes on with the very next byte.
func (f *Finder) framed(b []byte) (skipped int, frame []byte, marked bool) {
	for ; len(b) > 0; b = b[1:] {
		n := f.begins(b)
		switch {
		case n > len(b) || n == 0:
			return skipped, nil, marked
		case n > 0 && f.sound(b[:n]):
			return skipped, b[:n], marked
		}
		marked = marked || n > 0 && skipped == 0
		skipped++
	}
	return skipped, nil, marked
}

// begins says how long the frame is that begins b: 0 = too little of it is there to
// say, negative = none begins.
func (f *Finder) begins(b []byte) int {
	n := min(len(b), len(f.start))
	switch {
	case !bytes.Equal(b[:n], f.start[:n]):
		return -1
	case n < len(f.start):
		return 0
	case f.frame == fixed:
		return f.most
	}
	v, state := f.length.Read(b)
	if state == fields.Short {
		return 0
	}
	size := v.Mantissa + int64(f.lengthAdd)
	if state != fields.OK || size < int64(max(len(f.start)+len(f.end), f.length.Offset+f.length.Size)) || size > int64(f.most) {
		return -1
	}
	return int(size)
}

// text finds a frame between two ends. What stands before the first end is half a
// frame, unless it holds a telegram's start.
func (f *Finder) text(b []byte) (skipped int, frame []byte, marked bool) {
	for {
		end := f.ends(b)
		if end < 0 {
			if len(b) <= f.most {
				return skipped, nil, marked
			}
			f.edge = false
			return skipped + len(b) - len(blockEnd), nil, true
		}
		from, whole := 0, f.edge
		if f.frame == telegram {
			last := b[:end-2*f.sum.size-len(telegramEnd)]
			if from = bytes.LastIndex(last, f.start); from > 0 && len(bytes.TrimLeft(b[:from], "\r\n")) == 0 {
				from = 0 // the end of the line of the one before
			}
			whole = from >= 0
		}
		f.edge = true
		if whole && end-from <= f.most && f.right(b[from:end]) {
			return skipped + from, b[from:end], marked
		}
		marked = marked || whole
		b, skipped = b[end:], skipped+end
	}
}

// What texts end with: behind one stands the byte of the checksum, behind the other
// its digits.
var blockEnd, telegramEnd = []byte("\r\nChecksum\t"), []byte("!")

// ends is behind the first end in b, or -1.
func (f *Finder) ends(b []byte) int {
	tail, more := blockEnd, 1
	switch f.frame {
	case line:
		full := b
		if f.edge { // an empty line, as between CR and LF, is part of the next
			full = bytes.TrimLeft(b, "\r\n")
		}
		end := bytes.IndexByte(full, '\n')
		if cr := bytes.IndexByte(full[:max(end, 0)], '\r'); cr >= 0 {
			end = cr
		} else if end < 0 {
			end = bytes.IndexByte(full, '\r')
		}
		if end < 0 {
			return -1
		}
		return len(b) - len(full) + end + 1
	case telegram:
		tail, more = telegramEnd, 2*f.sum.size
	}
	i := bytes.Index(b, tail)
	if i < 0 || i+len(tail)+more > len(b) {
		return -1
	}
	return i + len(tail) + more
}

// right says whether the checksum of a block or telegram is; a line's is looked at
// when it is read, so that it counts for itself.
func (f *Finder) right(frame []byte) bool {
	switch f.frame {
	case block:
		return blockSum(frame) == 0
	case telegram:
		frame = bytes.TrimLeft(frame, "\r\n")
		at := len(frame) - 2*f.sum.size
		return f.digits(frame[:at], frame[at:])
	}
	return true
}

// blockSum adds all bytes up but those of messages in between that begin with a colon
// and end with the line, which belong to another protocol on the same wire. The last
// byte, the checksum's own, is never the beginning of one.
func blockSum(b []byte) (n byte) {
	other := false
	for i, c := range b {
		if c == ':' && i < len(b)-1 {
			other = true
		}
		if !other {
			n += c
		}
		if c == '\n' {
			other = false
		}
	}
	return n
}
