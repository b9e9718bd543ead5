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
	q.reading.Lock()
	defer q.reading.Unlock()
	for {
		q.mu.Lock()
		if n >= q.next {
			q.mu.Unlock()
			return fmt.Errorf("cannot quarantine %d: no such record", n)
		}
		if q.isGoneLocked(span{n, n}) {
			q.mu.Unlock()
			return nil
		}
		if b := q.tail.find(n); b != nil {
			v := append([]byte(nil), b.value(n)...)
			q.mu.Unlock()
			return q.quarantine(nil, n, v, reason)
		}
		i := q.segAtLocked(n)
		if i == len(q.segs) || q.segs[i].first > n || q.segs[i].skipped {
			q.mu.Unlock()
			return nil
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
				return err
			}
			continue
		case err != nil:
			return err
		case len(v) == 0:
			return nil
		}
		return q.quarantine(s, n, v, reason)
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

// quarantine keeps a stored value in the quarantine file and takes the record
// out of the books. s is its segment, nil when it is in memory. q.reading is
// held.
func (q *repairs) quarantine(s *segment, n uint64, v []byte, reason string) error {
	e, err := parseValue(n, v)
	sound := err == nil
	dev := e.Device
	if !sound {
		if dev, err = q.deviceOf(s, n); err != nil {
			return err
		}
	}
	q.mu.Lock()
	name, _ := q.rows.at(n)
	rec := quarantined{Number: n, Epoch: fmt.Sprintf("%016x", name.Epoch), Reason: reason, Boot: e.Boot, Mono: e.Mono}
	if int(dev) < len(q.ledger.devices) {
		rec.Device = q.ledger.devices[dev].name
	}
	q.mu.Unlock()
	if sound && utf8.Valid(e.Rec) {
		rec.Record = string(e.Rec)
	} else {
		rec.Raw = v
	}
	keepErr := q.keepRecord(rec)
	kept := q.quarantineBytes()
	q.mu.Lock()
	q.figures.quarantineBytes = kept
	defer q.mu.Unlock()
	one := ranges{{n, n}}
	if len(q.livingLocked(one[0])) == 0 { // delivered already
		return nil
	}
	s = nil
	if i := q.segAtLocked(n); n <= q.committed && i < len(q.segs) {
		s = q.segs[i]
	}
	q.waitingLocked(s, dev, 1, false)
	if keepErr != nil {
		q.ledger.lose(dev, LostIO, 1)
	} else {
		q.ledger.quarantine(dev, 1)
	}
	q.finishLocked(one)
	q.tellLossLocked()
	q.warn("buffer.quarantined", "record set aside", "code", "BUF-CORRUPT", "seq", n, "reason", reason,
		"device", rec.Device, "err", keepErr)
	return nil
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

func (q *store) keepRecord(r quarantined) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := q.moved(); err != nil {
		return err
	}
	size, err := q.fs.Size(quarantineName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		size = 0
	case err != nil:
		return err
	case size+int64(len(line)) > min(quarantineLimit, q.maxSize()/16):
		if err := q.fs.Rename(quarantineName, quarantineOld); err != nil {
			return err
		}
		size = 0
	}
	f, err := q.fs.Open(quarantineName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append(line, '\n'), size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && size == 0 {
		err = q.fs.SyncDir()
	}
	return err
}
