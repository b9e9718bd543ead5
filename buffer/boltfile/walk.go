package boltfile

import (
	"errors"
	"fmt"
	"io"
)

// Damage is a page that cannot be used, or 0 and the file as a whole.
type Damage struct {
	Page uint64
	Err  error
}

// Tree is what the trees of a file hold.
type Tree struct {
	Meta    Meta
	Buckets map[string][]Element // by name; the keys rise unless the file is damaged
	Damage  []Damage
}

// Walk reads a file of size bytes that another process may be writing at this
// moment. bbolt would need the file's lock, and with it hold that process up; so
// the pages are read as they lie. bbolt never writes over a page that the newest
// meta page leads to, only over those that an older one did: what was read is
// the state at one moment if the newest meta page is still the same at the end,
// and otherwise the error is ErrChanged. There is no other error: what cannot be
// read is in Damage, and the rest is read nevertheless.
func Walk(r io.ReaderAt, size int64) (*Tree, error) {
	t := &Tree{Buckets: map[string][]Element{}}
	m, err := NewestMeta(r, size)
	if err != nil {
		t.fail(0, err)
		return t, nil
	}
	t.Meta = m
	w := walker{reader: newReader(r, m), Tree: t}
	w.tree(m.Root, nil, 0)
	if now, err := NewestMeta(r, size); err != nil || now.TxID != m.TxID {
		return nil, ErrChanged
	}
	return t, nil
}

func (t *Tree) fail(page uint64, err error) { t.Damage = append(t.Damage, Damage{page, err}) }

type walker struct {
	reader
	*Tree
}

// tree collects what is below a page. bucket is nil for the tree of buckets.
func (w *walker) tree(id uint64, bucket *string, depth int) {
	if depth > maxDepth {
		w.fail(id, fmt.Errorf("too deep: %w", ErrDamaged))
		return
	}
	p, err := w.page(id)
	switch {
	case err != nil:
		w.fail(id, err)
	case p.Flags() == LeafPage:
		w.leaf(p, bucket, depth)
	case p.Flags() == BranchPage && p.Count() > 0:
		for i := range p.Count() {
			child, ok := p.Child(i)
			if !ok {
				w.fail(id, fmt.Errorf("element %d: %w", i, ErrDamaged))
				return
			}
			w.tree(child, bucket, depth+1)
		}
	default:
		w.fail(id, fmt.Errorf("flags %#x, %d elements: %w", p.Flags(), p.Count(), ErrDamaged))
	}
}

// leaf collects from a leaf page, and from the buckets that lie within it.
func (w *walker) leaf(p Page, bucket *string, depth int) {
	id, left := p.ID(), p.capacity()
	off := int64(id) * PageSize
	for i := range p.Count() {
		e, ok := p.Leaf(i)
		if left--; !ok || left < 0 || e.Flags > BucketElement || bucket != nil && e.Flags != 0 {
			w.fail(id, fmt.Errorf("element %d: %w", i, ErrDamaged))
			return
		}
		if e.Flags != BucketElement {
			if bucket != nil {
				w.add(*bucket, e, id, off)
			}
			continue
		}
		name := string(e.Key)
		root, inline, err := e.bucket()
		switch {
		case err != nil:
			w.fail(id, err)
		case root != 0:
			w.tree(root, &name, depth+1)
		default:
			if left -= inline.Count(); left < 0 {
				w.fail(id, fmt.Errorf("bucket %q with %d elements: %w", name, inline.Count(), ErrDamaged))
				return
			}
			w.inline(inline, name, id, off+e.Offset+bucketHeader)
		}
	}
}

// inline collects from a bucket that lies at off, in the page id of its parent.
func (w *walker) inline(p Page, name string, id uint64, off int64) {
	for i := range p.Count() {
		e, ok := p.Leaf(i)
		if !ok || e.Flags != 0 {
			w.fail(id, fmt.Errorf("bucket %q: element %d: %w", name, i, ErrDamaged))
			return
		}
		w.add(name, e, id, off)
	}
}

func (w *walker) add(bucket string, e Element, page uint64, off int64) {
	e.Page = page
	e.Offset += off
	w.Buckets[bucket] = append(w.Buckets[bucket], e)
}

// Scan visits every element of every page of a file of size bytes, whatever the
// tree above it is like and whatever its header says it is. Elements of older
// transactions, and bytes that were never an element, are among them: the caller
// knows what is sound. What an element holds is valid during the visit. The error
// is that of the first page which the disk could not deliver: the others are
// visited all the same.
func Scan(r io.ReaderAt, size int64, visit func(Element)) (err error) {
	buf := make([]byte, PageSize)
	for off := int64(0); off < size; off += PageSize {
		n, readErr := r.ReadAt(buf, off)
		if readErr != nil && !errors.Is(readErr, io.EOF) && err == nil {
			err = fmt.Errorf("page %d: %w", off/PageSize, readErr)
		}
		if n < HeaderSize {
			if readErr == io.EOF {
				return err
			}
			continue
		}
		p := Page(buf[:n])
		if over := p.Overflow(); over > 0 && over <= maxOverflow && p.Flags() == LeafPage {
			big := make([]byte, (over+1)*PageSize)
			if k, _ := r.ReadAt(big, off); k > n {
				p = big[:k]
			}
		}
		scanPage(p, off, visit)
	}
	return err
}

// scanPage visits the elements of one page, and of the buckets within it.
func scanPage(p Page, off int64, visit func(Element)) {
	id, left := uint64(off)/PageSize, 2*p.capacity() // twice: damage to one element must not cost the next
	each := func(p Page, base int64, do func(Element)) {
		for i := range min(p.Count(), p.capacity()) {
			e, ok := p.Leaf(i)
			if !ok {
				continue
			}
			if left--; left < 0 {
				return
			}
			e.Page = id
			e.Offset += base
			do(e)
		}
	}
	each(p, off, func(e Element) {
		if e.Flags != BucketElement {
			visit(e)
			return
		}
		if len(e.Value) > bucketHeader+HeaderSize {
			each(Page(e.Value[bucketHeader:]), e.Offset+bucketHeader, func(e Element) {
				if e.Flags != BucketElement {
					visit(e)
				}
			})
		}
	})
}
