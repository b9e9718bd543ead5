package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"portti/buffer/boltfile"
)

// walked is what the trees of a segment hold, in the order of the keys.
type walked struct {
	records []boltfile.Element
	facts   map[string][]byte
	damage  []boltfile.Damage
	size    int64
	used    int64
}

// walkTries bounds how often a segment is read again that is being written. A
// daemon commits about once a second, and a walk takes some 20 ms.
const walkTries = 20

// walkSegment reads a segment without bbolt. What is damaged is in damage and the
// rest is read nevertheless; the error is for a file that cannot be opened, or
// that never held still.
func walkSegment(f FS, name string) (*walked, error) {
	for range walkTries {
		w, err := walkOnce(f, name)
		if !errors.Is(err, boltfile.ErrChanged) {
			return w, err
		}
	}
	return nil, fmt.Errorf("%s is written too fast to be read", name)
}

// walkOnce fails with ErrChanged when the file was written meanwhile.
func walkOnce(f FS, name string) (*walked, error) {
	file, err := f.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := f.Size(name)
	if err != nil {
		return nil, err
	}
	t, err := boltfile.Walk(file, size)
	if err != nil {
		return nil, err
	}
	if len(t.Damage) > 0 && t.Damage[0].Page == 0 { // no meta page: did it grow just now?
		if now, err := f.Size(name); err == nil && now != size {
			return nil, boltfile.ErrChanged
		}
	}
	w := &walked{facts: map[string][]byte{}, damage: t.Damage, size: size, used: int64(t.Meta.Pages) * pageSize}
	for _, e := range t.Buckets[string(factsBucket())] {
		w.facts[string(e.Key)] = e.Value
	}
	w.order(t.Buckets[string(recordsBucket())])
	return w, nil
}

// order takes the records whose keys rise; what lies out of order is left out,
// since no search would find it.
func (w *walked) order(records []boltfile.Element) {
	w.records = records[:0]
	for _, e := range records {
		if n := len(w.records); n > 0 && bytes.Compare(w.records[n-1].Key, e.Key) >= 0 {
			w.damage = append(w.damage, boltfile.Damage{Page: e.Page, Err: fmt.Errorf("key %x out of order: %w", e.Key, errDamaged)})
			continue
		}
		w.records = append(w.records, e)
	}
}
