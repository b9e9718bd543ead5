package carry

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"portti/buffer"
	"portti/device"
)

// Errors of a Reader that a caller may act on.
var (
	// ErrNotExport: the file was not written by `portti queue export`, or its
	// first line is damaged, without which nothing in it can be told apart.
	ErrNotExport = errors.New("not an export of portti, or its first line is damaged")
	// ErrNewer: a newer version wrote it.
	ErrNewer = errors.New("written by a newer portti")
	// ErrCut: the end is missing.
	ErrCut = errors.New("the file was cut off: its last line is missing")
	// ErrChanged: a line is damaged, missing or added.
	ErrChanged = errors.New("the file is not as it was written")
)

// Item is one thing in the file: exactly one of its parts is set.
type Item struct {
	Line    int            // counted from 1
	Record  *buffer.Record // its Rec is good until the next call of Next
	After   uint64         // what stood before Record where the file was written
	Missing *[2]uint64     // numbers that could not be read where it was written
	Damaged error          // a line that cannot be used
}

// Reader reads a file line by line and trusts nothing in it.
type Reader struct {
	Header Header

	in       *bufio.Reader
	sum      hash.Hash
	lines    int
	last     uint64
	records  uint64
	damaged  int
	trailer  *line
	trailing bool // something stands behind the trailer
	fits     bool // the sum in it does
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	text, err := in.next()
	if err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(err, errLong) {
			return nil, ErrNotExport
		}
		return nil, err
	}
	in.sum.Write(text)
	body, err := unseal(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil || json.Unmarshal(body, &in.Header) != nil || in.Header.Portti != magic {
		return nil, ErrNotExport
	}
	if v := in.Header.Version; v > Version {
		return nil, fmt.Errorf("%w: version %d of the file, this one reads up to %d", ErrNewer, v, Version)
	}
	if _, err := in.Header.EpochNumber(); err != nil || in.Header.Gateway == "" || len(in.Header.Gateway) > 64 {
		return nil, ErrNotExport
	}
	return in, nil
}

var errLong = errors.New("longer than any line of an export")

// next is the next line with its "\n", if it has one. A line that is too long is
// passed over.
func (r *Reader) next() ([]byte, error) {
	r.lines++
	var text []byte
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if len(text)+len(part) > maxLine {
			long = true
			r.sum.Write(text)
			text = text[:0]
		}
		if long {
			r.sum.Write(part)
		} else {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long:
			return nil, errLong
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("line %d: %w", r.lines, err)
		case len(text) == 0:
			return nil, io.EOF
		}
		return text, nil
	}
}

// Next gives the next item; io.EOF at the end of the file.
func (r *Reader) Next() (Item, error) {
	text, err := r.next()
	item := Item{Line: r.lines}
	if errors.Is(err, errLong) {
		return r.damage(item, err), nil
	}
	if err != nil {
		return item, err
	}
	if r.trailer != nil {
		r.trailing = true
		return r.damage(item, errors.New("it stands behind the end")), nil
	}
	before := r.sum.Sum(nil)
	r.sum.Write(text)
	if !bytes.HasSuffix(text, []byte("\n")) {
		return r.damage(item, errors.New("it is cut off")), nil
	}
	body, err := unseal(text[:len(text)-1])
	if err != nil {
		return r.damage(item, err), nil
	}
	var l line
	if err := json.Unmarshal(body, &l); err != nil {
		return r.damage(item, err), nil
	}
	switch {
	case l.End == magic && l.Records != nil:
		r.trailer, r.fits = &l, l.SHA256 == fmt.Sprintf("%x", before)
		return r.Next()
	case l.Missing != nil && l.N == nil:
		return r.gap(item, *l.Missing), nil
	case l.N != nil:
		return r.record(item, &l), nil
	}
	return r.damage(item, errors.New("it is neither record nor end")), nil
}

func (r *Reader) damage(item Item, err error) Item {
	r.damaged++
	item.Damaged = err
	return item
}

func (r *Reader) gap(item Item, m [2]uint64) Item {
	if m[0] <= r.last || m[1] < m[0] || m[1] >= 1<<63 {
		return r.damage(item, errors.New("its numbers are out of order"))
	}
	r.last = m[1]
	item.Missing = &m
	return item
}

func (r *Reader) record(item Item, l *line) Item {
	n := *l.N
	if n <= r.last || n < r.Header.First || n >= 1<<63 {
		return r.damage(item, fmt.Errorf("number %d is out of order", n))
	}
	e := buffer.Entry{Class: l.Class &^ device.ClassProvisional, Stream: l.Stream, Boot: l.Boot, Mono: l.Mono}
	switch {
	case oneMessage(l.Messages):
		e.Rec = l.Messages[1 : len(l.Messages)-1]
	case l.Undated != nil:
		e.Rec, e.Class = []byte(*l.Undated), l.Class|device.ClassProvisional
	case l.Raw != nil:
		e.Rec, e.Class = l.Raw, l.Class
	}
	if len(e.Rec) == 0 || len(e.Rec) > buffer.MaxRecord || len(l.Device) > 200 {
		return r.damage(item, errors.New("it holds no record"))
	}
	r.last = n
	r.records++
	item.After = min(l.After, n-1)
	item.Record = &buffer.Record{Number: n, Name: l.Device, Entry: e}
	return item
}

// oneMessage says whether an array holds one object and nothing else, so that
// what is between its brackets is one record.
func oneMessage(array json.RawMessage) bool {
	var list []json.RawMessage
	return len(array) > 2 && array[1] == '{' && json.Unmarshal(array, &list) == nil && len(list) == 1
}

// Complete says, at the end, whether the file is as it was written.
func (r *Reader) Complete() error {
	switch {
	case r.trailer == nil:
		return ErrCut
	case r.damaged > 0 || r.trailing || !r.fits || *r.trailer.Records != r.records:
		return ErrChanged
	}
	return nil
}

// Verify reads a whole file and says what is in it, and whether it is as it was
// written.
func Verify(r io.Reader) (Summary, error) {
	var sum Summary
	in, err := NewReader(r)
	if err != nil {
		return sum, err
	}
	for {
		item, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return sum, in.Complete()
		case err != nil:
			return sum, err
		case item.Missing != nil:
			sum.Missing += item.Missing[1] - item.Missing[0] + 1
		case item.Record != nil:
			sum.Records++
			if item.Record.Class&device.ClassProvisional != 0 {
				sum.Undated++
			}
		}
	}
}
