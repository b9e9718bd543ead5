package carry

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"portti/buffer"
	"portti/device"
	"portti/device/thingsee"
)

// Each is a queue, running or at rest, that hands out what it has: the methods
// of that name of buffer.Queue and buffer.Inspection.
type Each func(record func(buffer.Record) error, missing func(first, last uint64, why string) error) error

// Summary says what was written.
type Summary struct {
	Records uint64 `json:"records"`
	Undated uint64 `json:"undated"` // of these without a time
	Missing uint64 `json:"missing"` // numbers that could not be read: at most so many records
}

// Mark is one record among many.
type Mark struct {
	Number uint64     `json:"number"`
	Device string     `json:"device"`
	Time   *time.Time `json:"time"` // when it was read; nil = not known
}

// Span is what a file begins and ends with; nil = it holds no record.
type Span struct {
	First *Mark `json:"first"`
	Last  *Mark `json:"last"`
}

// Add takes the next record of the file with that header.
func (s *Span) Add(h *Header, r *buffer.Record) {
	m := &Mark{Number: r.Number, Device: r.Name}
	for _, b := range h.Boots {
		if b.Boot != r.Boot {
			continue
		}
		at := b.Seen
		if b.Offset != nil {
			at = *b.Offset
		}
		if at != 0 {
			t := time.UnixMilli(at + r.Mono).UTC()
			m.Time = &t
		}
	}
	if s.Last = m; s.First == nil {
		s.First = m
	}
}

// HeaderOf makes the header for a queue of a gateway. Exported is left to the
// caller.
func HeaderOf(gateway string, q buffer.Head) Header {
	h := Header{Gateway: gateway, Epoch: fmt.Sprintf("%016x", q.Epoch), First: q.First, Next: max(q.First, q.Next),
		LastGood: q.LastGood, Boot: q.Boot, Mono: q.Mono, Boots: []Boot{}}
	for _, b := range q.Boots {
		one := Boot{Boot: b.Index, ID: hex.EncodeToString(b.ID[:]), Mono: b.Mono, Seen: b.Seen}
		if b.Known {
			one.Offset, one.Error = &b.Offset.Unix, b.Offset.Err
		}
		h.Boots = append(h.Boots, one)
	}
	return h
}

// Write writes a whole file. Records whose time is known only by its boot are
// dated as the gateway would date them when it sends them. It returns the first
// error of w; what is in w is then a file that was cut off.
func Write(w io.Writer, h Header, each Each) (Summary, error) {
	h.Portti, h.Version = magic, Version
	o := &writer{w: bufio.NewWriterSize(w, 64<<10), sum: sha256.New(), gateway: h.Gateway, boots: map[uint32]Boot{}, after: max(h.First, 1) - 1, next: h.Next}
	for _, b := range h.Boots {
		o.boots[b.Boot] = b
	}
	text, err := json.Marshal(h)
	if err != nil {
		return o.summary, err
	}
	if err := o.line(text[:len(text)-1]); err != nil {
		return o.summary, err
	}
	if err := each(o.record, o.missing); err != nil {
		return o.summary, err
	}
	b := fmt.Appendf(o.buf[:0], `{"end":"%s","records":%d,"sha256":"%x"`, magic, o.summary.Records, o.sum.Sum(nil))
	if err := o.line(b); err != nil {
		return o.summary, err
	}
	return o.summary, o.w.Flush()
}

type writer struct {
	w       *bufio.Writer
	sum     hash.Hash
	gateway string
	boots   map[uint32]Boot
	after   uint64 // the last number of the line before
	next    uint64
	buf     []byte
	dated   []byte
	summary Summary
}

// line seals and writes an object without its last brace.
func (o *writer) line(b []byte) error {
	o.buf = seal(b)
	o.sum.Write(o.buf)
	_, err := o.w.Write(o.buf)
	return err
}

func (o *writer) missing(first, last uint64, why string) error {
	if last = min(last, o.next-1); first > last { // it came after the header was made
		return nil
	}
	o.summary.Missing += last - first + 1
	o.after = last
	text, err := json.Marshal(why)
	if err != nil {
		return err
	}
	return o.line(fmt.Appendf(o.buf[:0], `{"missing":[%d,%d],"why":%s`, first, last, text))
}

func (o *writer) record(r buffer.Record) error {
	if r.Number >= o.next { // it came after the header was made
		return nil
	}
	name, err := json.Marshal(r.Name)
	if err != nil {
		return err
	}
	rec, dated := o.date(r)
	class := r.Class
	if dated {
		class &^= device.ClassProvisional
	}
	b := append(o.buf[:0], `{"n":`...)
	b = strconv.AppendUint(b, r.Number, 10)
	b = strconv.AppendUint(append(b, `,"after":`...), o.after, 10)
	o.after = r.Number
	if r.Called.Epoch != 0 {
		b = fmt.Appendf(b, `,"epoch":"%016x"`, r.Called.Epoch)
	}
	if r.Called.Gateway != o.gateway && r.Called.Gateway != "" {
		text, err := json.Marshal(r.Called.Gateway)
		if err != nil {
			return err
		}
		b = append(append(b, `,"gateway":`...), text...)
	}
	b = append(append(b, `,"device":`...), name...)
	b = fmt.Appendf(b, `,"class":%d,"stream":%d,"boot":%d,"mono_ms":%d,`, class, r.Stream, r.Boot, r.Mono)
	switch {
	case !dated && utf8.Valid(rec):
		text, err := json.Marshal(string(rec))
		if err != nil {
			return err
		}
		b = append(append(b, `"undated":`...), text...)
		o.summary.Undated++
	case dated && plain(rec):
		b = append(append(append(b, `"messages":[`...), rec...), ']')
	default:
		b = append(append(b, `"raw":"`...), base64.StdEncoding.EncodeToString(rec)...)
		b = append(b, '"')
	}
	o.summary.Records++
	return o.line(b)
}

// date gives a record with its time, as the gateway would send it. It says
// false where the time is not known.
func (o *writer) date(r buffer.Record) ([]byte, bool) {
	if r.Class&device.ClassProvisional == 0 {
		return r.Rec, true
	}
	boot := o.boots[r.Boot]
	if boot.Offset == nil {
		return r.Rec, false
	}
	rec, err := thingsee.FillTime(o.dated[:0], r.Rec, *boot.Offset, boot.Error)
	if err != nil {
		return r.Rec, false
	}
	o.dated = rec
	return rec, true
}

// plain says whether a record can stand in a line as it is.
func plain(rec []byte) bool {
	for _, c := range rec {
		if c == '\n' || c == '\r' {
			return false
		}
	}
	return len(rec) > 0 && json.Valid(rec) && utf8.Valid(rec)
}
