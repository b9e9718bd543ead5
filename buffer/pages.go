package buffer

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// bbolt has no checksum on its data pages, and some damage makes it fail in
// goroutines of its own or run in circles, where nothing can be recovered. So
// before a file is opened its shape is checked here, and what can be saved of
// a broken one is read here, page by page.
//
// Page: id uint64 | flags uint16 | count uint16 | overflow uint32 | elements,
// in the byte order of the machine. Leaf element: flags, pos, key size, value
// size, all uint32, pos counted from the element. Branch element: pos, key
// size, page id uint64. A value with the bucket flag is: root page uint64 |
// sequence uint64 | the page itself when the root is 0.
const (
	pageHeader   = 16
	elementLen   = 16
	pageBranch   = 1
	pageLeaf     = 2
	pageFreelist = 16
	isBucket     = 1
	boltMagic    = 0xED0CDAED
	maxDepth     = 16
	pagesStart   = 4 // the first pages: two meta pages, two that creation wrote
)

type page []byte

func (p page) id() uint64    { return binary.NativeEndian.Uint64(p) }
func (p page) flags() uint16 { return binary.NativeEndian.Uint16(p[8:]) }
func (p page) count() int    { return int(binary.NativeEndian.Uint16(p[10:])) }
func (p page) overflow() int { return int(binary.NativeEndian.Uint32(p[12:])) }

// leaf is the i-th element of a leaf page; ok is false when it does not lie
// within the page.
func (p page) leaf(i int) (flags uint32, k, v []byte, ok bool) {
	at := pageHeader + i*elementLen
	if at+elementLen > len(p) {
		return 0, nil, nil, false
	}
	e := p[at:]
	pos, ks, vs := u32(e[4:]), u32(e[8:]), u32(e[12:])
	from := uint64(at) + uint64(pos)
	end := from + uint64(ks) + uint64(vs)
	if pos < elementLen || end > uint64(len(p)) {
		return 0, nil, nil, false
	}
	return u32(e), p[from : from+uint64(ks)], p[from+uint64(ks) : end], true
}

func (p page) child(i int) (uint64, bool) {
	at := pageHeader + i*elementLen
	if at+elementLen > len(p) {
		return 0, false
	}
	end := uint64(at) + uint64(u32(p[at:])) + uint64(u32(p[at+4:]))
	return binary.NativeEndian.Uint64(p[at+8:]), end <= uint64(len(p))
}

func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// meta is what a meta page says.
type meta struct {
	root, free, high, txid uint64
	alone                  bool // the other meta page is not valid
}

// noFreelist in a meta page: bbolt finds the free pages by a walk.
const noFreelist = ^uint64(0)

func parseMeta(p []byte) (meta, bool) {
	m := p[pageHeader:]
	h := fnv.New64a()
	_, _ = h.Write(m[:56])
	ok := u32(m) == boltMagic && u32(m[4:]) == 2 && u32(m[8:]) == pageSize &&
		binary.NativeEndian.Uint64(m[56:]) == h.Sum64()
	return meta{root: binary.NativeEndian.Uint64(m[16:]), free: binary.NativeEndian.Uint64(m[32:]), high: binary.NativeEndian.Uint64(m[40:]),
		txid: binary.NativeEndian.Uint64(m[48:])}, ok
}

// How closely a file is looked at.
const (
	branches = iota // of the leaves, that they lie in the file
	headers         // that the leaves are leaves
	contents        // that what is in the leaves lies within them
)

// checker walks the pages of a file.
type checker struct {
	f    File
	high uint64
	seen []bool
	look int
	deep int // of the branch pages above the leaves in this tree, 0 not known yet
}

// precheck says whether bbolt can be let loose on a file: the newest valid
// meta page, a length that holds every page in use, and branch pages that form
// a tree. That is enough for looking at its facts and its last record. For
// reading all of it the headers of the leaves must be sound too: bbolt believes
// them when they say "branch", and goes down for ever if such a one leads to
// itself. A file that is to be written is read wholly. What it gives is the meta
// page that bbolt will use.
func precheck(f FS, name string, look int) (meta, error) {
	size, err := f.Size(name)
	if err != nil {
		return meta{}, err
	}
	file, err := f.Open(name, os.O_RDONLY)
	if err != nil {
		return meta{}, err
	}
	defer file.Close()
	if f, ok := file.(interface{ scattered() }); ok && look == branches {
		// Branch pages lie 100 KB apart, and reading ahead costs more than they
		// do: 29 cold files were checked in 33 ms with this, in 80 ms without.
		f.scattered()
	}
	m, err := newestMeta(file, size)
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	c := checker{f: file, high: m.high, seen: make([]bool, m.high), look: look}
	err = c.bucketTree(m.root, true, true, 0)
	if err == nil && m.free != noFreelist {
		err = c.freelist(m.free)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// freelist checks the list of free pages that a file of ours never has. bbolt
// takes its length from the page and copies so many numbers.
func (c *checker) freelist(id uint64) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	list := p[pageHeader:]
	n := uint64(p.count())
	if n == 0xFFFF { // the length is the first number
		n, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if p.flags() != pageFreelist || n > uint64(len(list))/8 {
		return fmt.Errorf("list of free pages: flags %#x, %d pages: %w", p.flags(), n, errDamaged)
	}
	for i := range n {
		if free := binary.NativeEndian.Uint64(list[8*i:]); free < 2 || free >= c.high {
			return fmt.Errorf("list of free pages: page %d: %w", free, errDamaged)
		}
	}
	return nil
}

func newestMeta(f File, size int64) (meta, error) {
	var best meta
	found := 0
	buf := make([]byte, pageSize)
	for i := range int64(2) {
		if size < (i+1)*pageSize {
			break
		}
		if _, err := f.ReadAt(buf, i*pageSize); err != nil {
			return meta{}, err
		}
		if m, ok := parseMeta(buf); ok {
			if found++; found == 1 || m.txid > best.txid {
				best = m
			}
		}
	}
	best.alone = found == 1
	if found == 0 {
		return meta{}, fmt.Errorf("no valid meta page: %w", errDamaged)
	}
	if best.high < pagesStart || best.high > uint64(size)/pageSize {
		return meta{}, fmt.Errorf("%d bytes for %d pages: %w", size, best.high, errDamaged)
	}
	return best, nil
}

func (c *checker) page(id uint64) (page, error) {
	if id < 2 || id >= c.high || c.seen[id] {
		return nil, fmt.Errorf("page %d out of place: %w", id, errDamaged)
	}
	c.seen[id] = true
	p := make(page, pageSize)
	if _, err := c.f.ReadAt(p, int64(id)*pageSize); err != nil {
		return nil, err
	}
	over := uint64(p.overflow())
	if p.id() != id || over >= c.high-id {
		return nil, fmt.Errorf("page %d has a bad header: %w", id, errDamaged)
	}
	if over > 0 {
		for i := range over {
			if c.seen[id+1+i] {
				return nil, fmt.Errorf("page %d used twice: %w", id+1+i, errDamaged)
			}
			c.seen[id+1+i] = true
		}
		p = make(page, (over+1)*pageSize)
		if _, err := c.f.ReadAt(p, int64(id)*pageSize); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bucketTree checks the pages from id down. Leaves of the root bucket are
// followed into the buckets that they hold.
// edge says that a page lies at the end of its tree.
func (c *checker) bucketTree(id uint64, root, edge bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("too deep: %w", errDamaged)
	}
	p, err := c.page(id)
	if err != nil {
		return err
	}
	switch p.flags() {
	case pageLeaf:
		return c.leaf(p, root, depth)
	case pageBranch:
		if p.count() == 0 {
			return fmt.Errorf("page %d is empty: %w", id, errDamaged)
		}
		return c.branch(p, root, edge, depth)
	}
	return fmt.Errorf("page %d has flags %#x: %w", id, p.flags(), errDamaged)
}

// branch goes to the children. Whether they are leaves is known only by
// reading them, and reading all leaves of a sealed segment would be reading all
// of the file at every start; so unless more is wanted the first leaf of the tree
// tells for all others, since they are equally deep, and of them only the place
// is checked, but for the last one, which bbolt reads to find the last key. Each
// page read here costs a cold start a random read.
func (c *checker) branch(p page, root, edge bool, depth int) error {
	leaves := c.deep == depth && depth > 0 && c.look < contents && !root
	for i := range p.count() {
		id, ok := p.child(i)
		if !ok || id < 2 || id >= c.high || c.seen[id] {
			return fmt.Errorf("page %d: element %d: %w", p.id(), i, errDamaged)
		}
		last := edge && i == p.count()-1
		if i == 0 && c.deep == 0 && c.look < contents && !root {
			h, err := c.header(id)
			if err != nil {
				return err
			}
			if leaves = h.flags() == pageLeaf; leaves {
				c.deep = depth
			}
		}
		if !leaves {
			if err := c.bucketTree(id, root, last, depth+1); err != nil {
				return err
			}
			continue
		}
		c.seen[id] = true
		if c.look == branches && !last {
			continue
		}
		h, err := c.header(id)
		if err != nil {
			return err
		}
		if h.id() != id || h.flags() != pageLeaf || uint64(h.overflow()) >= c.high-id {
			return fmt.Errorf("page %d has a bad header: %w", id, errDamaged)
		}
	}
	return nil
}

func (c *checker) header(id uint64) (page, error) {
	h := make(page, pageHeader)
	_, err := c.f.ReadAt(h, int64(id)*pageSize)
	return h, err
}

func (c *checker) leaf(p page, root bool, depth int) error {
	for i := range p.count() {
		flags, k, v, ok := p.leaf(i)
		if !ok || flags > isBucket || !root && flags != 0 {
			return fmt.Errorf("page %d: element %d: %w", p.id(), i, errDamaged)
		}
		if flags != isBucket {
			continue
		}
		if len(v) < 16 {
			return fmt.Errorf("page %d: bucket %d: %w", p.id(), i, errDamaged)
		}
		if id := binary.NativeEndian.Uint64(v); id != 0 {
			look := c.look
			if string(k) == string(factsBucket()) { // small, and searched at once
				c.look = max(look, headers)
			}
			c.deep = 0
			err := c.bucketTree(id, false, true, depth+1)
			if c.look = look; err != nil {
				return err
			}
		} else if err := c.inline(v[16:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) inline(p page) error {
	if len(p) < pageHeader || p.flags() != pageLeaf {
		return fmt.Errorf("inline bucket: %w", errDamaged)
	}
	for i := range p.count() {
		if flags, _, _, ok := p.leaf(i); !ok || flags != 0 {
			return fmt.Errorf("inline bucket: element %d: %w", i, errDamaged)
		}
	}
	return nil
}
