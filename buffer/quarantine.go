package buffer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf8"
)

// Records that cannot be delivered are appended to quarantine.log, one JSON
// object a line, for a person to look at. At 1 MB, or a 16th of MaxSize, the file
// becomes quarantine.log.1 and replaces the one before, so at most 2 MB are kept.
const (
	quarantineName  = "quarantine.log"
	quarantineOld   = quarantineName + ".1"
	quarantineLimit = 1 << 20
)

type quarantined struct {
	Number uint64 `json:"number"`
	Epoch  string `json:"epoch"`
	Reason string `json:"reason"`
	Device string `json:"device"`
	Boot   uint32 `json:"boot"`
	Mono   int64  `json:"mono_ms"`
	Record string `json:"record,omitempty"`
	Raw    []byte `json:"raw,omitempty"` // the stored value, where it is no valid text
}

// Quarantine takes a record out of the queue for good, because the server
// refused it and said not to send it again. It is kept in a file, and counted
// as quarantined, or as lost with reason io when it could not be kept. A number
// that was acknowledged or released before stays so.
func (q *Queue) Quarantine(n uint64, reason string) error {
	return q.QuarantineAll([]uint64{n}, reason)
}

// QuarantineAll is Quarantine for several records, with one write and one sync for all.
// It says nothing in the log: who refuses records does.
func (q *Queue) QuarantineAll(ns []uint64, reason string) error {
	q.reading.Lock()
	defer q.reading.Unlock()
	var all []condemned
	for _, n := range ns {
		c, err := q.condemn(n)
		if err != nil {
			return err
		}
		if len(c.value) > 0 {
			all = append(all, c)
		}
	}
	return q.setAside(all, reason)
}

// condemned is a record that is to be set aside, as it is stored.
type condemned struct {
	s     *segment // nil: it is in memory
	n     uint64
	value []byte // none: the record is not there any more
}

// condemn finds a record. q.reading is held.
func (q *Queue) condemn(n uint64) (condemned, error) {
	for {
		q.mu.Lock()
		if n >= q.next {
			q.mu.Unlock()
			return condemned{}, fmt.Errorf("cannot quarantine %d: no such record", n)
		}
		if q.isGoneLocked(span{n, n}) {
			q.mu.Unlock()
			return condemned{}, nil
		}
		if b := q.tail.find(n); b != nil {
			v := append([]byte(nil), b.value(n)...)
			q.mu.Unlock()
			return condemned{nil, n, v}, nil
		}
		i := q.segAtLocked(n)
		if i == len(q.segs) || q.segs[i].first > n || q.segs[i].skipped {
			q.mu.Unlock()
			return condemned{}, nil
		}
		s := q.segs[i]
		q.mu.Unlock()
		var v []byte
		err := q.visit(s, n, n+1, func(_ uint64, stored []byte) bool {
			v = bytes.Clone(excerpt(stored))
			return true
		})
		switch {
		case errors.Is(err, errGone):
			continue
		case damaged(err):
			if err := q.repair(s, err); err != nil {
				return condemned{}, err
			}
			continue
		case err != nil:
			return condemned{}, err
		}
		return condemned{s, n, v}, nil
	}
}

// excerpt is a value, or the beginning of one whose length is damaged: none is
// that long, and what lies behind may be other records, or any memory.
func excerpt(v []byte) []byte {
	if len(v) > blockSize {
		return v[:pageSize]
	}
	return v
}

// quarantine sets one damaged record aside and says so. q.reading is held.
func (q *repairs) quarantine(s *segment, n uint64, v []byte, reason string) error {
	err := q.setAside([]condemned{{s, n, v}}, reason)
	if err == nil {
		q.warn("buffer.quarantined", "record set aside", "code", "BUF-CORRUPT", "seq", n, "reason", reason)
	}
	return err
}

// setAside keeps stored values in the quarantine file and takes their records
// out of the books. q.reading is held.
func (q *repairs) setAside(all []condemned, reason string) error {
	var lines [][]byte
	devices := make([]uint16, len(all))
	for i, c := range all {
		line, dev, err := q.describe(c, reason)
		if err != nil {
			return err
		}
		lines, devices[i] = append(lines, line), dev
	}
	keepErr := q.keep(lines)
	kept := q.quarantineBytes()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.figures.quarantineBytes = kept
	for i, c := range all {
		one := ranges{{c.n, c.n}}
		if len(q.livingLocked(one[0])) == 0 { // delivered already
			continue
		}
		var s *segment
		if i := q.segAtLocked(c.n); c.n <= q.committed && i < len(q.segs) {
			s = q.segs[i]
		}
		q.waitingLocked(s, devices[i], 1, false)
		if keepErr != nil {
			q.ledger.lose(devices[i], LostIO, 1)
		} else {
			q.ledger.quarantine(devices[i], 1)
		}
		q.finishLocked(one)
	}
	q.tellLossLocked()
	if keepErr != nil {
		q.warn("buffer.quarantine-failed", "records set aside cannot be kept", "code", "BUF-IO", "count", len(all), "reason", reason, "err", keepErr)
	}
	return nil
}

// describe is the line of a record in the quarantine file, and whose record it is.
func (q *repairs) describe(c condemned, reason string) (line []byte, dev uint16, err error) {
	e, err := parseValue(c.n, c.value)
	sound := err == nil
	dev = e.Device
	if !sound {
		if dev, err = q.deviceOf(c.s, c.n); err != nil {
			return nil, 0, err
		}
	}
	q.mu.Lock()
	name, _ := q.rows.at(c.n)
	rec := quarantined{Number: c.n, Epoch: fmt.Sprintf("%016x", name.Epoch), Reason: reason, Boot: e.Boot, Mono: e.Mono}
	if int(dev) < len(q.ledger.devices) {
		rec.Device = q.ledger.devices[dev].name
	}
	q.mu.Unlock()
	if sound && utf8.Valid(e.Rec) {
		rec.Record = string(e.Rec)
	} else {
		rec.Raw = c.value
	}
	line, err = json.Marshal(rec)
	return append(line, '\n'), dev, err
}

// deviceOf finds the device of a record whose value is damaged.
func (q *repairs) deviceOf(s *segment, n uint64) (uint16, error) {
	q.mu.Lock()
	x := s.index
	q.mu.Unlock()
	if x == nil {
		if err := q.indexReading(s); err != nil {
			return 0, err
		}
		q.mu.Lock()
		x = s.index
		q.mu.Unlock()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	dev, _ := x.get(n)
	return dev, nil
}

// quarantineBytes is the size of the files of records set aside.
func (q *store) quarantineBytes() (n int64) {
	for _, name := range []string{quarantineName, quarantineOld} {
		if size, err := q.fs.Size(name); err == nil {
			n += size
		}
	}
	return n
}

// keep appends lines to the quarantine file, with one sync for each file that they fill.
func (q *store) keep(lines [][]byte) error {
	for len(lines) > 0 {
		if err := q.moved(); err != nil {
			return err
		}
		size, err := q.fs.Size(quarantineName)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		limit := min(quarantineLimit, q.maxSize()/16)
		var fit []byte
		for len(lines) > 0 && (size+int64(len(fit)+len(lines[0])) <= limit || size == 0 && fit == nil) {
			fit, lines = append(fit, lines[0]...), lines[1:]
		}
		if fit == nil {
			err = q.fs.Rename(quarantineName, quarantineOld)
		} else {
			err = q.keepAt(size, fit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (q *store) keepAt(size int64, text []byte) error {
	f, err := q.fs.Open(quarantineName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && size == 0 {
		err = q.fs.SyncDir()
	}
	return err
}
