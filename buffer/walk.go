package buffer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// A look at a segment that a daemon may be writing at this moment. bbolt would
// need the file's lock, and with it hold the daemon up; so the pages are read
// as they lie. bbolt never writes over a page that the newest meta page leads
// to, only over those that an older one did: what was read is one moment's
// picture if the newest meta page is still the same at the end.

// element is one key with its value and where the value lies in the file.
type element struct {
	k, v []byte
	page uint64
	off  int64
}

// pageFault is a page that cannot be used, 0 for the file as a whole.
type pageFault struct {
	page uint64
	err  error
}

// walked is what the trees of a segment hold, in the order of the keys.
type walked struct {
	records []element
	facts   map[string][]byte
	bad     []pageFault
	size    int64
	used    int64
	txid    uint64
}

// walkTries bounds how often a segment is read again that is being written. A
// daemon commits about once a second, and a walk takes some 20 ms.
const walkTries = 20

// walkSegment reads a segment without bbolt. What is damaged is in bad and the
// rest is read nevertheless; the error is for a file that cannot be opened, or
// that never held still.
func walkSegment(f FS, name string) (*walked, error) {
	for range walkTries {
		w, err := walkOnce(f, name)
		if err != nil || w != nil {
			return w, err
		}
	}
	return nil, fmt.Errorf("%s is written too fast to be read", name)
}

// walkOnce gives nil, nil when the file was written meanwhile.
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
	w := &walked{facts: map[string][]byte{}, size: size}
	m, err := newestMeta(file, size)
	if err != nil {
		if now, e := f.Size(name); e == nil && now != size {
			return nil, nil // it grew just now
		}
		w.bad = append(w.bad, pageFault{0, err})
		return w, nil
	}
	w.txid, w.used = m.txid, int64(m.high)*pageSize
	c := checker{f: file, high: m.high, seen: make([]bool, m.high), look: contents}
	w.tree(&c, m.root, "", 0)
	if now, err := newestMeta(file, size); err != nil || now.txid != m.txid {
		return nil, nil
	}
	w.order()
	return w, nil
}

func (w *walked) fail(page uint64, err error) { w.bad = append(w.bad, pageFault{page, err}) }

// tree collects what is below a page. bucket is "" for the tree of buckets.
func (w *walked) tree(c *checker, id uint64, bucket string, depth int) {
	if depth > maxDepth {
		w.fail(id, fmt.Errorf("too deep: %w", errDamaged))
		return
	}
	p, err := c.page(id)
	switch {
	case err != nil:
		w.fail(id, err)
	case p.flags() == pageLeaf:
		w.leaf(c, p, p, int64(id)*pageSize, bucket, depth)
	case p.flags() == pageBranch && p.count() > 0:
		for i := range p.count() {
			child, ok := p.child(i)
			if !ok {
				w.fail(id, fmt.Errorf("element %d: %w", i, errDamaged))
				return
			}
			w.tree(c, child, bucket, depth+1)
		}
	default:
		w.fail(id, fmt.Errorf("flags %#x, %d elements: %w", p.flags(), p.count(), errDamaged))
	}
}

// leaf collects from a leaf page; p is whole itself, or lies within it.
func (w *walked) leaf(c *checker, whole, p page, off int64, bucket string, depth int) {
	id := whole.id()
	for i := range p.count() {
		flags, k, v, ok := p.leaf(i)
		switch {
		case !ok || flags > isBucket || bucket != "" && flags != 0 || flags == isBucket && len(v) < 16:
			w.fail(id, fmt.Errorf("element %d: %w", i, errDamaged))
			return
		case flags == isBucket:
			if root := binary.NativeEndian.Uint64(v); root != 0 {
				w.tree(c, root, string(k), depth+1)
			} else if in := page(v[16:]); len(in) < pageHeader || in.flags() != pageLeaf {
				w.fail(id, fmt.Errorf("bucket %q: %w", k, errDamaged))
			} else {
				w.leaf(c, whole, in, off, string(k), depth)
			}
		case bucket == string(recordsBucket()):
			w.records = append(w.records, element{k, v, id, off + int64(offsetIn(whole, v))})
		case bucket == string(factsBucket()):
			w.facts[string(k)] = v
		}
	}
}

// order looks whether the keys rise; what lies out of order is left out, since
// no search would find it.
func (w *walked) order() {
	sound := w.records[:0]
	for _, e := range w.records {
		if n := len(sound); n > 0 && bytes.Compare(sound[n-1].k, e.k) >= 0 {
			w.fail(e.page, fmt.Errorf("key %x out of order: %w", e.k, errDamaged))
			continue
		}
		sound = append(sound, e)
	}
	w.records = sound
}
