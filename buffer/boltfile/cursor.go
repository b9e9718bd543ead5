package boltfile

import (
	"bytes"
	"cmp"
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

// backwardSize is how much is read at once with Backward. A commit of 2 MB writes up to
// 5 branch pages between its last leaf and the root. Cold, on a virtual disk, the way
// from the root to that leaf took 75 us in place of 200; with 64 KB 115, with 256 KB 390.
const backwardSize = 32 << 10

// Tx is a file as its newest meta page has it. It stays good until the second
// commit after it begins: bbolt writes over no page that the newest or the
// newest but one meta page leads to. A Tx and its cursors are for one goroutine.
type Tx struct {
	Meta Meta
	r    io.ReaderAt
	one  piece // the page that was read last by itself
	run  piece // and those with what lies behind them

	backward bool
}

// piece is bytes of the file, and where in it they are.
type piece struct {
	from int64
	b    []byte
}

func (p *piece) has(off, n int64) bool { return off >= p.from && off+n <= p.from+int64(len(p.b)) }

// Begin reads the meta pages of a file of size bytes.
func Begin(r io.ReaderAt, size int64) (*Tx, error) {
	m, err := NewestMeta(r, size)
	if err != nil {
		return nil, err
	}
	return &Tx{Meta: m, r: r}, nil
}

// Backward has every page read together with what lies before it. bbolt writes a
// commit from the leaves up, so the way to what was written last is most often there,
// and takes one read or two in place of one for each page.
func (t *Tx) Backward() { t.backward = true }

// Bucket is a cursor over a bucket at the top of the file. One that is not there
// is damage: whoever asks knows that it was written.
func (t *Tx) Bucket(name string) (*Cursor, error) {
	top := Cursor{t: t, root: t.Meta.Root, top: true}
	k, _, err := top.Seek([]byte(name))
	if err != nil {
		return nil, err
	}
	if string(k) != name {
		return nil, fmt.Errorf("no bucket %q: %w", name, ErrDamaged)
	}
	e := top.Element()
	c := &Cursor{t: t}
	c.root, c.inline, err = e.bucket()
	if err == nil && c.root == 0 {
		c.inline, c.within = slices.Clone(c.inline), Element{Page: e.Page, Offset: e.Offset + bucketHeader}
		err = fits(c.inline, LeafPage)
	}
	if err != nil {
		return nil, &PageError{e.Page, fmt.Errorf("bucket %q: %w", name, err)}
	}
	return c, nil
}

// Cursor visits the elements of a bucket in the order of their keys. What it
// returns is good until its next use. A nil key is the end. What it passes is
// checked as it goes: each page's place, kind and bounds, that the tree is at most
// 16 pages deep, that a page's keys lie within what the pages above it say, and that
// keys rise, so that no damage makes it run for ever.
type Cursor struct {
	t      *Tx
	root   uint64
	inline Page    // the whole bucket, where root is 0
	within Element // then the page that it lies in, and where in the file
	top    bool    // the elements may be buckets themselves
	stack  []level
	leaves int    // the depth at which the leaves are
	last   []byte // the key returned last
	err    error  // what ended it: Next finds nothing after it
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

// begin goes down from the root; in each page pick chooses the element.
func (c *Cursor) begin(pick func(Page) int) (k, v []byte, err error) {
	c.stack, c.last, c.err = c.stack[:0], c.last[:0], nil
	if c.inline != nil {
		c.push(c.inline, pick)
		return c.forward()
	}
	for id := c.root; ; {
		if c.err = c.enter(id, pick, false); c.err != nil {
			return nil, nil, c.err
		}
		l := c.lowest()
		if l.page.Flags() == LeafPage {
			c.leaves = len(c.stack) - 1
			return c.forward()
		}
		id = l.page.child(l.at)
	}
}

// Next goes to the element after this one.
func (c *Cursor) Next() (k, v []byte, err error) {
	if c.err != nil {
		return nil, nil, c.err
	}
	return c.Skip()
}

// Skip is Next for who wants the rest of a damaged bucket: after an error it goes on
// behind the page that the error is about. That ends too: the keys of a branch page
// rise, so no two pages at one depth may hold the same ones.
func (c *Cursor) Skip() (k, v []byte, err error) {
	if len(c.stack) == 0 {
		return nil, nil, nil
	}
	c.lowest().at++
	return c.forward()
}

// Element is what was returned last, where that was no error, with its page and where
// its value lies in the file.
func (c *Cursor) Element() Element {
	if len(c.stack) == 0 {
		return Element{}
	}
	l := c.lowest()
	e, _ := l.page.Leaf(l.at)
	if c.inline != nil {
		e.Page, e.Offset = c.within.Page, c.within.Offset+e.Offset
	} else {
		e.Offset += int64(e.Page) * PageSize
	}
	return e
}

func (c *Cursor) lowest() *level { return &c.stack[len(c.stack)-1] }

// forward returns the element at the cursor, or the first one behind it.
func (c *Cursor) forward() (k, v []byte, err error) {
	for c.err = nil; len(c.stack) > 0 && c.err == nil; {
		switch l := c.lowest(); {
		case l.at >= l.page.Count():
			if c.stack = c.stack[:len(c.stack)-1]; len(c.stack) > 0 {
				c.lowest().at++
			}
		case l.page.Flags() == BranchPage:
			c.err = c.enter(l.page.child(l.at), func(Page) int { return 0 }, len(c.stack) == c.leaves)
		default:
			return c.take(l)
		}
	}
	return nil, nil, c.err
}

// take returns the element at the cursor.
func (c *Cursor) take(l *level) (k, v []byte, err error) {
	e, ok := l.page.Leaf(l.at)
	switch {
	case !ok || e.Flags > BucketElement || !c.top && e.Flags != 0:
		err = fmt.Errorf("element %d: %w", l.at, ErrDamaged)
	case len(e.Key) == 0 || len(c.last) > 0 && bytes.Compare(e.Key, c.last) <= 0: // bbolt stores no empty key
		err = fmt.Errorf("element %d: keys out of order: %w", l.at, ErrDamaged)
	default:
		c.last = append(c.last[:0], e.Key...)
		return e.Key, e.Value, nil
	}
	c.err = &PageError{cmp.Or(c.within.Page, e.Page), err}
	l.at, c.last = l.page.Count()-1, c.last[:0] // its keys tell nothing about the next page
	return nil, nil, c.err
}

// enter goes down to a page, and in it to the element that pick chooses. ahead says
// that the pages after it are next.
func (c *Cursor) enter(id uint64, pick func(Page) int, ahead bool) (err error) {
	p := c.known(id)
	if p == nil {
		if p, err = c.t.page(id, ahead); err == nil {
			err = fits(p, LeafPage|BranchPage)
		}
	}
	if err == nil {
		err = c.between(p)
	}
	if err == nil && len(c.stack) > maxDepth {
		err = fmt.Errorf("too deep: %w", ErrDamaged)
	}
	if err != nil {
		return &PageError{id, err}
	}
	c.push(p, pick)
	return nil
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

// fits checks the kind of a page, that the elements that it states lie in it and fill
// it, and that the keys of a branch page rise.
func fits(p Page, kinds uint16) error {
	f := p.Flags()
	if f&kinds == 0 || f&(f-1) != 0 || p.Count() > p.capacity() || f == BranchPage && p.Count() == 0 {
		return fmt.Errorf("flags %#x, %d elements: %w", f, p.Count(), ErrDamaged)
	}
	var last []byte
	end := 0
	for i := range p.Count() {
		e, ok := p.element(i, f)
		if !ok || f == BranchPage && i > 0 && bytes.Compare(e.Key, last) <= 0 {
			return fmt.Errorf("element %d: %w", i, ErrDamaged)
		}
		last, end = e.Key, max(end, int(e.Offset)+len(e.Value))
	}
	if len(p) > PageSize && end <= len(p)-PageSize {
		return fmt.Errorf("%d pages for %d bytes: %w", len(p)/PageSize, end, ErrDamaged)
	}
	return nil
}

// between checks that the keys of a page are those that the pages above it lead to.
// Only a bucket as a whole is ever empty.
func (c *Cursor) between(p Page) error {
	if len(c.stack) == 0 {
		return nil
	}
	up := c.lowest()
	ok := p.Count() > 0 && bytes.Compare(p.key(0), up.page.key(up.at)) >= 0
	for n := len(c.stack) - 1; ok && n >= 0; n-- {
		if l := c.stack[n]; l.at+1 < l.page.Count() { // the pages above it say no less
			ok = bytes.Compare(p.key(p.Count()-1), l.page.key(l.at+1)) < 0
			break
		}
	}
	if !ok {
		return fmt.Errorf("its keys are not those that page %d leads to: %w", up.page.ID(), ErrDamaged)
	}
	return nil
}

// page reads a page with those that it overflows into, out of what was read
// before where that is possible.
func (t *Tx) page(id uint64, ahead bool) (Page, error) {
	if id < 2 || id >= t.Meta.Pages {
		return nil, fmt.Errorf("out of place: %w", ErrDamaged)
	}
	off, left := int64(id)*PageSize, int64(t.Meta.Pages-id)*PageSize
	want := int64(PageSize)
	if ahead {
		want = min(aheadSize, left)
	}
	if from := max(0, off+PageSize-backwardSize); t.backward && !t.one.has(off, PageSize) {
		n := off + PageSize - from
		_, _ = t.bytes(from, n, n) // whatever it cannot deliver, it may be another page
	}
	p, err := t.bytes(off, PageSize, want)
	if err != nil {
		return nil, err
	}
	over := int64(p.Overflow())
	switch {
	case p.ID() != id || over >= left/PageSize || over >= maxLength:
		return nil, fmt.Errorf("bad header: %w", ErrDamaged)
	case over == 0:
		return p, nil
	}
	return t.bytes(off, (over+1)*PageSize, (over+1)*PageSize)
}

// bytes is n bytes of the file at off. Where they were not read before want bytes
// are, in one read; if only the first n of them can be, that is enough. A page by
// itself, as a branch on the way to the next leaves, leaves in place what was read
// with others, which is wanted still.
func (t *Tx) bytes(off, n, want int64) (Page, error) {
	p := &t.run
	if !p.has(off, n) && (want == n || t.one.has(off, n)) {
		p = &t.one
	}
	if !p.has(off, n) {
		p.b, p.from = slices.Grow(p.b[:0], int(want))[:want], off
		got, err := t.r.ReadAt(p.b, off)
		if p.b = p.b[:got]; int64(got) < n {
			if p.b = p.b[:0]; want > n { // a page behind may be the one that cannot be delivered
				return t.bytes(off, n, n)
			}
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("the file ends before it: %w", ErrDamaged)
			}
			return nil, err
		}
	}
	at := off - p.from
	return Page(p.b[at : at+n : at+n]), nil
}
