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
	// ErrPacked: gzip made it smaller.
	ErrPacked = errors.New("compressed with gzip")
	// ErrNewer: a newer version wrote it.
	ErrNewer = errors.New("written by a newer portti")
	// ErrJoined: another export begins in the middle. What is behind its first
	// line is not read: its numbers are those of another source.
	ErrJoined = errors.New("another export begins in it")
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
	ahead    *ahead // the line after the one that Next gave last
	last     uint64
	records  uint64
	damaged  int
	trailer  *line
	trailing bool // something stands behind the trailer
	joined   bool // behind it, or in its place, another file
	fits     bool // the sum in it does
}

// ahead is a line that was read to judge the one before it.
type ahead struct {
	item Item
	err  error
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
	if len(text) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNotExport)
	}
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return nil, ErrPacked
	}
	body, err := unseal(bare(bytes.TrimPrefix(text, []byte("\ufeff"))))
	if err != nil || json.Unmarshal(body, &in.Header) != nil || in.Header.Portti != magic {
		return nil, ErrNotExport
	}
	if v := in.Header.Version; v > Version {
		return nil, fmt.Errorf("%w: version %d of the file, this one reads up to %d", ErrNewer, v, Version)
	}
	h := &in.Header
	if _, err := parseEpoch(h.Epoch); err != nil || h.Gateway == "" || len(h.Gateway) > 64 {
		return nil, ErrNotExport
	}
	if h.Next < h.First || h.Next > 1<<63 {
		return nil, fmt.Errorf("%w: it cannot hold the numbers from %d up to %d", ErrNotExport, h.First, h.Next)
	}
	in.last = in.Before()
	return in, nil
}

// Before is the number before the first one that the file can hold.
func (r *Reader) Before() uint64 { return max(r.Header.First, 1) - 1 }

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
//
// A record says that its source had nothing between the line before and itself,
// and whoever imports it remembers that. A number that is too high would take
// what follows for delivered, so each record is held against the next line.
func (r *Reader) Next() (Item, error) {
	item, err := r.line()
	switch {
	case err != nil:
		return item, err
	case item.Missing != nil:
		return r.gap(item), nil
	case item.Record != nil:
		next, err := r.line()
		r.ahead = &ahead{next, err}
		return r.record(item, next), nil
	}
	return r.damage(item, item.Damaged), nil
}

// line gives the next line, whether its numbers fit the others or not.
func (r *Reader) line() (Item, error) {
	if a := r.ahead; a != nil {
		r.ahead = nil
		return a.item, a.err
	}
	if r.joined {
		return Item{}, io.EOF
	}
	text, err := r.next()
	item := Item{Line: r.lines}
	if errors.Is(err, errLong) {
		item.Damaged = err
		return item, nil
	}
	if err != nil {
		return item, err
	}
	before := r.sum.Sum(nil)
	r.sum.Write(text)
	l, err := parse(text)
	if r.trailer != nil {
		r.trailing, err = true, errors.New("it stands behind the end")
	}
	switch {
	case err != nil && bytes.Contains(text, []byte(`{"portti":"`+magic+`",`)):
		// Behind the last line of the file before, or what was left of it.
		r.joined, item.Damaged = true, ErrJoined
	case err != nil:
		item.Damaged = err
	case l.ends():
		r.trailer, r.fits = l, l.SHA256 == fmt.Sprintf("%x", before)
		return r.line()
	case l.N != nil:
		item.setRecord(l, r.Header.Called())
	default:
		item.Missing = l.Missing
	}
	return item, nil
}

// bare is a line without its end, which a copy by way of another system may have
// changed.
func bare(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}

// parse makes a line out of its text: a record, a gap or the end.
func parse(text []byte) (*line, error) {
	if !bytes.HasSuffix(text, []byte("\n")) {
		return nil, fmt.Errorf("it is not whole: %w", ErrCut)
	}
	body, err := unseal(bare(text))
	if err != nil {
		return nil, err
	}
	var l line
	if err := json.Unmarshal(body, &l); err != nil {
		return nil, err
	}
	if !l.ends() && l.Missing == nil && l.N == nil {
		return nil, errors.New("it is neither record nor end")
	}
	return &l, nil
}

func (r *Reader) damage(item Item, err error) Item {
	r.damaged++
	return Item{Line: item.Line, Damaged: err}
}

func (r *Reader) gap(item Item) Item {
	if m := *item.Missing; !r.rises(m) {
		return r.damage(item, fmt.Errorf("the numbers %d to %d, named as missing, are out of order", m[0], m[1]))
	}
	r.last = item.Missing[1]
	return item
}

// rises says whether a gap stands above all that was read, and below what was
// exported. Version 1 once named the number after the last one too.
func (r *Reader) rises(m [2]uint64) bool {
	return m[0] > r.last && m[0] <= m[1] && m[1] <= r.Header.Next
}

// record enters a record, in view of the line behind it.
func (r *Reader) record(item, next Item) Item {
	n := item.Record.Number
	switch {
	case n >= r.Header.Next:
		return r.damage(item, fmt.Errorf("number %d is beyond the numbers of the file, which end below %d", n, r.Header.Next))
	case n <= r.last:
		return r.damage(item, fmt.Errorf("number %d is out of order", n))
	case r.leaps(item, next):
		return r.damage(item, fmt.Errorf("number %d is out of order: lower ones follow", n))
	case len(item.Record.Rec) == 0:
		return r.damage(item, errors.New("it holds no record"))
	}
	r.last = n
	r.records++
	return item
}

// leaps says whether it is a record, not the lower number behind it, that is the
// wrong one of the two: where that one fits what is known to stand before.
func (r *Reader) leaps(item, next Item) bool {
	n := item.Record.Number
	switch {
	case next.Missing != nil:
		return r.rises(*next.Missing) && next.Missing[0] <= n
	case next.Record == nil || len(next.Record.Rec) == 0 || next.Record.Number >= n || next.Record.Number <= r.last:
		return false
	}
	return next.After == r.last || item.After != r.last && next.After > r.last
}

// setRecord takes the record out of a line; one that holds none is left empty.
// called is what it is called unless the line says it.
func (item *Item) setRecord(l *line, called buffer.Name) {
	e := buffer.Entry{Class: l.Class &^ device.ClassProvisional, Stream: l.Stream, Boot: l.Boot, Mono: l.Mono}
	switch {
	case oneMessage(l.Messages):
		e.Rec = l.Messages[1 : len(l.Messages)-1]
	case l.Undated != nil:
		e.Rec, e.Class = []byte(*l.Undated), l.Class|device.ClassProvisional
	case l.Raw != nil:
		e.Rec, e.Class = l.Raw, l.Class
	}
	var err error
	if l.Epoch != "" {
		called.Epoch, err = parseEpoch(l.Epoch)
	}
	if l.Gateway != "" {
		called.Gateway = l.Gateway
	}
	if err != nil || len(e.Rec) > buffer.MaxRecord || len(l.Device) > 200 || len(called.Gateway) > 64 {
		e.Rec = nil
	}
	item.After = min(l.After, max(*l.N, 1)-1)
	item.Record = &buffer.Record{Number: *l.N, Called: called, Name: l.Device, Entry: e}
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
	case r.joined:
		return ErrJoined
	case r.trailer == nil:
		return ErrCut
	case r.damaged > 0 || r.trailing || !r.fits || *r.trailer.Records != r.records:
		return ErrChanged
	}
	return nil
}

// Verify reads a whole file and says what is in it, and whether it is as it was
// written.
func Verify(r io.Reader) (sum Summary, span Span, err error) {
	in, err := NewReader(r)
	if err != nil {
		return sum, span, err
	}
	for {
		item, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return sum, span, in.Complete()
		case err != nil:
			return sum, span, err
		case item.Missing != nil:
			sum.Missing += item.Missing[1] - item.Missing[0] + 1
		case item.Record != nil:
			sum.Records++
			span.Add(&in.Header, item.Record)
			if item.Record.Class&device.ClassProvisional != 0 {
				sum.Undated++
			}
		}
	}
}
