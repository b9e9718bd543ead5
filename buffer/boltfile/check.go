package boltfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Level is how much of a file Check reads.
type Level int

const (
	Branches Level = iota // of the leaves, that they lie in the file
	Headers               // that the leaves are leaves
	Contents              // that what is in the leaves lies within them
)

// checker checks the pages of a file.
type checker struct {
	reader
	level    Level
	searched []string
	deep     int // of the branch pages above the leaves in this tree, 0 not known yet
}

// Check says whether bbolt can open a file of size bytes: the newest valid meta
// page, a length that holds every page in use, and branch pages that form a tree.
// With level Branches that is all, enough for looking up the first and last keys
// and what is in the buckets named in searched, which are checked with Headers.
// For reading the whole file the headers of the leaves must be sound too: bbolt
// believes them when they say "branch", and goes down for ever if such a one
// leads to itself. A file that is to be written is checked with Contents. What
// it returns is the meta page that bbolt will use.
func Check(r io.ReaderAt, size int64, level Level, searched ...string) (Meta, error) {
	m, err := NewestMeta(r, size)
	if err != nil {
		return m, err
	}
	c := checker{reader: newReader(r, m), level: level, searched: searched}
	err = c.tree(m.Root, true, true, 0)
	if err == nil && m.Freelist != NoFreelist {
		err = c.freelist(m.Freelist)
	}
	return m, err
}

// freelist checks the list of free pages. bbolt takes its length from the page
// and copies so many numbers.
func (c *checker) freelist(id uint64) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	list := p[HeaderSize:]
	n := uint64(p.Count())
	if n == 0xFFFF { // the length is the first number
		n, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if p.Flags() != FreelistPage || n > uint64(len(list))/8 {
		return fmt.Errorf("list of free pages: flags %#x, %d pages: %w", p.Flags(), n, ErrDamaged)
	}
	for i := range n {
		if free := binary.NativeEndian.Uint64(list[8*i:]); free < 2 || free >= c.high {
			return fmt.Errorf("list of free pages: page %d: %w", free, ErrDamaged)
		}
	}
	return nil
}

// tree checks the pages from id down. Leaves of the root bucket are followed
// into the buckets that they hold. edge says that a page lies at the end of its
// tree.
func (c *checker) tree(id uint64, root, edge bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("too deep: %w", ErrDamaged)
	}
	p, err := c.page(id)
	if err != nil {
		return err
	}
	switch p.Flags() {
	case LeafPage:
		return c.leaf(p, root, depth)
	case BranchPage:
		if p.Count() == 0 {
			return fmt.Errorf("page %d is empty: %w", id, ErrDamaged)
		}
		return c.branch(p, root, edge, depth)
	}
	return fmt.Errorf("page %d has flags %#x: %w", id, p.Flags(), ErrDamaged)
}

// branch goes to the children. Whether they are leaves is known only by
// reading them, and reading all leaves would be reading all of the file; so
// unless more is wanted the first leaf of the tree tells for all others, since
// they are equally deep, and of them only the place is checked, except for the
// last one, which bbolt reads to find the last key. Each page read here costs a
// cold start a random read.
func (c *checker) branch(p Page, root, edge bool, depth int) error {
	leaves := c.deep == depth && depth > 0 && c.level < Contents && !root
	for i := range p.Count() {
		id, ok := p.Child(i)
		if !ok || id < 2 || id >= c.high || c.seen[id] {
			return fmt.Errorf("page %d: element %d: %w", p.ID(), i, ErrDamaged)
		}
		last := edge && i == p.Count()-1
		if i == 0 && c.deep == 0 && c.level < Contents && !root {
			h, err := c.header(id)
			if err != nil {
				return err
			}
			if leaves = h.Flags() == LeafPage; leaves {
				c.deep = depth
			}
		}
		if !leaves {
			if err := c.tree(id, root, last, depth+1); err != nil {
				return err
			}
			continue
		}
		c.seen[id] = true
		if c.level == Branches && !last {
			continue
		}
		h, err := c.header(id)
		if err != nil {
			return err
		}
		if h.ID() != id || h.Flags() != LeafPage || uint64(h.Overflow()) >= c.high-id {
			return fmt.Errorf("page %d has a bad header: %w", id, ErrDamaged)
		}
	}
	return nil
}

func (c *checker) leaf(p Page, root bool, depth int) error {
	left := p.capacity()
	for i := range p.Count() {
		e, ok := p.Leaf(i)
		if left--; !ok || left < 0 || e.Flags > BucketElement || !root && e.Flags != 0 {
			return fmt.Errorf("page %d: element %d: %w", p.ID(), i, ErrDamaged)
		}
		if e.Flags != BucketElement {
			continue
		}
		id, inline, err := e.bucket()
		if err == nil && id == 0 {
			err = checkInline(inline, left)
			left -= inline.Count()
		}
		if err != nil {
			return fmt.Errorf("page %d: element %d: %w", p.ID(), i, err)
		}
		if id == 0 {
			continue
		}
		if err := c.bucket(e, id, depth); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket that has pages of its own.
func (c *checker) bucket(e Element, root uint64, depth int) error {
	level := c.level
	defer func() { c.level = level }()
	if slices.Contains(c.searched, string(e.Key)) {
		c.level = max(level, Headers)
	}
	c.deep = 0
	return c.tree(root, false, true, depth+1)
}

// checkInline checks a bucket that lies in the page of its parent, where there
// is place for so many elements.
func checkInline(p Page, most int) error {
	if p.Count() > most {
		return fmt.Errorf("bucket with %d elements: %w", p.Count(), ErrDamaged)
	}
	for i := range p.Count() {
		if e, ok := p.Leaf(i); !ok || e.Flags != 0 {
			return fmt.Errorf("bucket: element %d: %w", i, ErrDamaged)
		}
	}
	return nil
}
