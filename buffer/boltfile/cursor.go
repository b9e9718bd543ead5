package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// aheadSize is how much is read at once when leaves are visited in their order:
// a file that only ever grew has them next to each other, and a million records
// then take 4,600 reads in place of 57,000.
const aheadSize = 64 << 10

// Tx is a file as its newest meta page has it. It stays good until the second
// commit after it begins: bbolt writes over no page that the newest or the
// newest but one meta page leads to. A Tx and its cursors are for one goroutine.
type Tx struct {
	Meta  Meta
	r     io.ReaderAt
	ahead window // leaves in their order
	one   window // the last other page
}

// window is a piece of the file that was read.
type window struct {
	from int64
	b    []byte
}

// Begin reads the meta pages of a file of size bytes.
func Begin(r io.ReaderAt, size int64) (*Tx, error) {
	m, err := NewestMeta(r, size)
	if err != nil {
		return nil, err
	}
	return &Tx{Meta: m, r: r}, nil
}

// Bucket is a cursor over a bucket at the top of the file. One that is not there
// is damage: whoever asks knows that it was written.
func (t *Tx) Bucket(name string) (*Cursor, error) {
	top := Cursor{t: t, root: t.Meta.Root, top: true}
	k, v, err := top.Seek([]byte(name))
	if err != nil {
		return nil, err
	}
	if string(k) != name || top.flags != BucketElement {
		return nil, fmt.Errorf("no bucket %q: %w", name, ErrDamaged)
	}
	root, inline, err := Element{Key: k, Value: v}.bucket()
	if err != nil {
		return nil, err
	}
	if root == 0 {
		inline = slices.Clone(inline)
		if err := fits(inline, LeafPage); err != nil {
			return nil, fmt.Errorf("bucket %q: %w", name, err)
		}
	}
	return &Cursor{t: t, root: root, inline: inline}, nil
}

// Cursor visits the elements of a bucket in the order of their keys. What it
// returns is good until its next use. A nil key is the end. What it passes is
// checked as it goes: each page's place, kind and bounds, that the tree is at most
// 16 pages deep, that a page's keys lie within what the page above says, and that
// keys rise, so that no damage makes it run for ever.
type Cursor struct {
	t      *Tx
	root   uint64
	inline Page // the whole bucket, where root is 0
	top    bool // the elements may be buckets themselves
	stack  []level
	flags  uint32 // of the element returned last
	last   []byte // its key
	err    error  // what ended it: there is no next element after it
}

// level is a page on the way from the root to an element, and the element in it.
type level struct {
	page Page
	at   int
	own  []byte // the branch page that was read last at this depth
}

// First goes to the first element.
func (c *Cursor) First() (k, v []byte, err error) {
	return c.begin(func(Page) int { return 0 })
}

// Last goes to the last element. It reads no other leaf than the last one, with
// every page on the way to it.
func (c *Cursor) Last() (k, v []byte, err error) {
	return c.begin(func(p Page) int { return max(0, p.Count()-1) })
}

// Seek goes to the first element whose key is not below this one.
func (c *Cursor) Seek(key []byte) (k, v []byte, err error) {
	return c.begin(func(p Page) int {
		n := sort.Search(p.Count(), func(i int) bool { return bytes.Compare(p.key(i), key) >= 0 })
		if p.Flags() == BranchPage && n > 0 && (n == p.Count() || !bytes.Equal(p.key(n), key)) {
			n--
		}
		return n
	})
}

// begin goes down from the root.
func (c *Cursor) begin(pick func(Page) int) (k, v []byte, err error) {
	c.stack, c.last = c.stack[:0], c.last[:0]
	if c.err = c.down(pick, false); c.err != nil {
		return nil, nil, c.err
	}
	return c.element()
}

// Get is the value of a key, nil when it is not there.
func (c *Cursor) Get(key []byte) ([]byte, error) {
	k, v, err := c.Seek(key)
	if err != nil || !bytes.Equal(k, key) {
		return nil, err
	}
	return v, nil
}

// Next goes to the element after this one.
func (c *Cursor) Next() (k, v []byte, err error) {
	if len(c.stack) == 0 || c.err != nil {
		return nil, nil, c.err
	}
	c.leaf().at++
	return c.element()
}

func (c *Cursor) leaf() *level { return &c.stack[len(c.stack)-1] }

// element is the one at the cursor, or the first one of the leaves after it.
func (c *Cursor) element() (k, v []byte, err error) {
	defer func() { c.err = err }()
	for c.leaf().at >= c.leaf().page.Count() {
		more, err := c.nextLeaf()
		if err != nil || !more {
			return nil, nil, err
		}
	}
	l := c.leaf()
	e, ok := l.page.Leaf(l.at)
	if !ok || e.Flags > BucketElement || !c.top && e.Flags != 0 {
		return nil, nil, fmt.Errorf("page %d: element %d: %w", l.page.ID(), l.at, ErrDamaged)
	}
	if len(e.Key) == 0 || len(c.last) > 0 && bytes.Compare(e.Key, c.last) <= 0 { // bbolt stores no empty key
		return nil, nil, fmt.Errorf("page %d: element %d: keys out of order: %w", l.page.ID(), l.at, ErrDamaged)
	}
	c.flags, c.last = e.Flags, append(c.last[:0], e.Key...)
	return e.Key, e.Value, nil
}

// nextLeaf goes to the leaf after this one, and says false when there is none.
func (c *Cursor) nextLeaf() (bool, error) {
	for n := len(c.stack) - 2; n >= 0; n-- {
		if c.stack[n].at+1 < c.stack[n].page.Count() {
			c.stack[n].at++
			c.stack = c.stack[:n+1]
			return true, c.down(func(Page) int { return 0 }, true)
		}
	}
	return false, nil
}

// down goes on from the lowest page of the stack, or the root, to a leaf; in each
// page pick chooses the element. ahead says that the leaves after it are next.
func (c *Cursor) down(pick func(Page) int, ahead bool) error {
	if c.inline != nil {
		c.push(c.inline, pick)
		return nil
	}
	id := c.root
	if n := len(c.stack); n > 0 {
		id = c.stack[n-1].page.child(c.stack[n-1].at)
	}
	for len(c.stack) <= maxDepth {
		p := c.known(id)
		if p == nil {
			var err error
			if p, err = c.load(id, ahead); err != nil {
				return err
			}
		}
		if err := c.between(p); err != nil {
			return err
		}
		if c.push(p, pick); p.Flags() == LeafPage {
			return nil
		}
		id = p.child(c.leaf().at)
	}
	return fmt.Errorf("page %d: too deep: %w", id, ErrDamaged)
}

// known is a branch page that was read at this depth before, or nil: one search
// after another takes the same way.
func (c *Cursor) known(id uint64) Page {
	if n := len(c.stack); n < cap(c.stack) {
		if p := Page(c.stack[:n+1][n].own); len(p) > 0 && p.ID() == id {
			return p
		}
	}
	return nil
}

// push puts a page on the stack.
func (c *Cursor) push(p Page, pick func(Page) int) {
	n := len(c.stack)
	if n < cap(c.stack) {
		c.stack = c.stack[:n+1]
	} else {
		c.stack = append(c.stack, level{})
	}
	l := &c.stack[n]
	if p.Flags() == BranchPage {
		l.own = append(l.own[:0], p...) // the next page is read over this one
		p = l.own
	}
	l.page, l.at = p, pick(p)
}

// load reads a page and checks that everything in its header is possible.
func (c *Cursor) load(id uint64, ahead bool) (Page, error) {
	p, err := c.t.page(id, ahead)
	if err != nil {
		return nil, err
	}
	return p, fits(p, LeafPage|BranchPage)
}

// fits checks the kind of a page, and that the elements that it states lie in it.
func fits(p Page, kinds uint16) error {
	f := p.Flags()
	if f&kinds == 0 || f&(f-1) != 0 || p.Count() > p.capacity() || f == BranchPage && p.Count() == 0 {
		return fmt.Errorf("page %d: flags %#x, %d elements: %w", p.ID(), f, p.Count(), ErrDamaged)
	}
	for i := range p.Count() {
		if !p.holds(i) {
			return fmt.Errorf("page %d: element %d: %w", p.ID(), i, ErrDamaged)
		}
	}
	return nil
}

// between checks that the keys of a page are those that the page above leads to.
// Only a bucket as a whole is ever empty.
func (c *Cursor) between(p Page) error {
	if len(c.stack) == 0 {
		return nil
	}
	up := c.leaf()
	if p.Count() == 0 || bytes.Compare(p.key(0), up.page.key(up.at)) < 0 ||
		up.at+1 < up.page.Count() && bytes.Compare(p.key(p.Count()-1), up.page.key(up.at+1)) >= 0 {
		return fmt.Errorf("page %d: its keys are not those that page %d leads to: %w", p.ID(), up.page.ID(), ErrDamaged)
	}
	return nil
}

// page reads a page with those that it overflows into, out of what was read
// before where that is possible.
func (t *Tx) page(id uint64, ahead bool) (Page, error) {
	if id < 2 || id >= t.Meta.Pages {
		return nil, fmt.Errorf("page %d out of place: %w", id, ErrDamaged)
	}
	left := int64(t.Meta.Pages-id) * PageSize
	want := int64(PageSize)
	if ahead {
		want = min(aheadSize, left)
	}
	p, err := t.bytes(int64(id)*PageSize, PageSize, want)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	over := int64(p.Overflow())
	if p.ID() != id || over >= left/PageSize || over >= maxLength {
		return nil, fmt.Errorf("page %d has a bad header: %w", id, ErrDamaged)
	}
	if over == 0 {
		return p, nil
	}
	whole := (over + 1) * PageSize
	if p, err = t.bytes(int64(id)*PageSize, whole, whole); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return p, nil
}

// bytes is n bytes of the file at off. Where they were not read before want bytes
// are, in one read; if only the first n of them can be, that is enough.
func (t *Tx) bytes(off, n, want int64) (Page, error) {
	if p := t.ahead.at(off, n); p != nil {
		return p, nil
	}
	w := &t.ahead
	if want == PageSize {
		w = &t.one
	}
	if p := w.at(off, n); p != nil {
		return p, nil
	}
	w.b, w.from = slices.Grow(w.b[:0], int(want))[:want], off
	got, err := t.r.ReadAt(w.b, off)
	if w.b = w.b[:got]; int64(got) < n {
		w.b = w.b[:0]
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the file ends before it: %w", ErrDamaged)
		}
		return nil, err
	}
	return w.at(off, n), nil
}

// at is n bytes of the file at off, nil when they are not in the window.
func (w *window) at(off, n int64) Page {
	at := off - w.from
	if at < 0 || at+n > int64(len(w.b)) {
		return nil
	}
	return Page(w.b[at : at+n : at+n])
}
