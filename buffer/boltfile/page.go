package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// Page: id uint64 | flags uint16 | count uint16 | overflow uint32 | elements,
// in the byte order of the machine. Leaf element: flags, pos, key size, value
// size, all uint32, pos counted from the element. Branch element: pos, key
// size, page id uint64. A value with the bucket flag is: root page uint64 |
// sequence uint64 | the page itself when the root is 0.
const (
	PageSize    = 4096
	HeaderSize  = 16 // of a page
	ElementSize = 16 // of an element without its key and value

	// The flags of a page.
	BranchPage = 1
	LeafPage   = 2

	// BucketElement is the flag of an element whose value is a bucket.
	BucketElement = 1

	bucketHeader = 16
	magic        = 0xED0CDAED
	metaSize     = 64
	firstPages   = 4 // two meta pages, and two that creation writes
	maxDepth     = 16
	maxPages     = 1 << 24 // of a file, 64 GB
	maxLength    = 1 << 18 // pages that one overflows into, 1 GB
	maxOverflow  = 63      // pages that Scan reads together with the first
)

var (
	// ErrDamaged is wrapped by the errors about what is not as bbolt writes it.
	ErrDamaged = errors.New("damaged")
	// ErrChanged is that the file was written while it was read.
	ErrChanged = errors.New("written while it was read")
)

// Page is one page, with those that it overflows into: at least HeaderSize bytes.
type Page []byte

// ID is the number of the page: where it lies in the file, counted in pages.
func (p Page) ID() uint64 { return binary.NativeEndian.Uint64(p) }

// Flags say what kind of page it is.
func (p Page) Flags() uint16 { return binary.NativeEndian.Uint16(p[8:]) }

// Count is the number of elements that the header states.
func (p Page) Count() int { return int(binary.NativeEndian.Uint16(p[10:])) }

// Overflow is the number of pages after the first one.
func (p Page) Overflow() int { return int(binary.NativeEndian.Uint32(p[12:])) }

// Leaf is the i-th element of a leaf page; ok is false when it does not lie
// within the page.
func (p Page) Leaf(i int) (e Element, ok bool) {
	at := HeaderSize + i*ElementSize
	if at+ElementSize > len(p) {
		return Element{}, false
	}
	head := p[at:]
	pos, ks, vs := u32(head[4:]), u32(head[8:]), u32(head[12:])
	from := uint64(at) + uint64(pos)
	value := from + uint64(ks)
	end := value + uint64(vs)
	if pos < ElementSize || end > uint64(len(p)) {
		return Element{}, false
	}
	return Element{Flags: u32(head), Key: p[from:value:value], Value: p[value:end:end], Page: p.ID(), Offset: int64(value)}, true
}

// Child is the page that the i-th element of a branch page leads to; ok is false
// when the element does not lie within the page.
func (p Page) Child(i int) (id uint64, ok bool) {
	at := HeaderSize + i*ElementSize
	if at+ElementSize > len(p) {
		return 0, false
	}
	end := uint64(at) + uint64(u32(p[at:])) + uint64(u32(p[at+4:]))
	return binary.NativeEndian.Uint64(p[at+8:]), end <= uint64(len(p))
}

// holds says whether the i-th element lies within the page.
func (p Page) holds(i int) bool {
	if p.Flags() == LeafPage {
		_, ok := p.Leaf(i)
		return ok
	}
	_, ok := p.Child(i)
	return ok
}

// key is that of the i-th element, which the page holds.
func (p Page) key(i int) []byte {
	head := p[HeaderSize+i*ElementSize:]
	pos, size := u32(head), u32(head[4:])
	if p.Flags() == LeafPage {
		pos, size = u32(head[4:]), u32(head[8:])
	}
	return head[pos : pos+size]
}

// child is where the i-th element leads to, which the page holds.
func (p Page) child(i int) uint64 {
	id, _ := p.Child(i)
	return id
}

// capacity is how many elements the page has place for, those of the buckets within
// it included. Elements of a damaged page may overlap, and without this bound
// a page of 4 KB could hold more of them than can ever be visited.
func (p Page) capacity() int { return len(p) / ElementSize }

func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// Element is an element of a leaf page: a key with its value.
type Element struct {
	Flags      uint32
	Key, Value []byte
	Page       uint64 // the page that it lies in
	Offset     int64  // where the value begins: in the page, or from Walk and Scan in the file
}

// bucket splits the value of an element that is a bucket: the root page, or 0
// and the page that lies in the value itself.
func (e Element) bucket() (root uint64, inline Page, err error) {
	if len(e.Value) < bucketHeader {
		return 0, nil, fmt.Errorf("bucket %q is cut off: %w", e.Key, ErrDamaged)
	}
	if root = binary.NativeEndian.Uint64(e.Value); root != 0 {
		return root, nil, nil
	}
	inline = Page(e.Value[bucketHeader:])
	if len(inline) < HeaderSize || inline.Flags() != LeafPage {
		return 0, nil, fmt.Errorf("bucket %q is no page: %w", e.Key, ErrDamaged)
	}
	return 0, inline, nil
}

// Meta is what a meta page says.
type Meta struct {
	Root  uint64 // the page at the top of the tree of buckets
	Pages uint64 // the number of pages in use, the free ones among them included
	TxID  uint64 // the transaction that wrote it
}

// ParseMeta reads a meta page; ok is false when it is not a valid one.
func ParseMeta(p []byte) (m Meta, ok bool) {
	if len(p) < HeaderSize+metaSize {
		return Meta{}, false
	}
	b := p[HeaderSize:]
	h := fnv.New64a()
	_, _ = h.Write(b[:56])
	if u32(b) != magic || u32(b[4:]) != 2 || u32(b[8:]) != PageSize || binary.NativeEndian.Uint64(b[56:]) != h.Sum64() {
		return Meta{}, false
	}
	return Meta{Root: binary.NativeEndian.Uint64(b[16:]), Pages: binary.NativeEndian.Uint64(b[40:]), TxID: binary.NativeEndian.Uint64(b[48:])}, true
}

// NewestMeta reads the meta page that bbolt will use of a file of size bytes.
func NewestMeta(r io.ReaderAt, size int64) (Meta, error) {
	var best Meta
	found := false
	buf := make([]byte, PageSize)
	for i := range int64(2) {
		if size < (i+1)*PageSize {
			break
		}
		if err := readFull(r, buf, i*PageSize); err != nil {
			return Meta{}, err
		}
		if m, ok := ParseMeta(buf); ok {
			if !found || m.TxID > best.TxID {
				best, found = m, true
			}
		}
	}
	if !found {
		return Meta{}, fmt.Errorf("no valid meta page: %w", ErrDamaged)
	}
	if best.Pages < firstPages || best.Pages > min(uint64(size)/PageSize, maxPages) {
		return Meta{}, fmt.Errorf("%d bytes for %d pages: %w", size, best.Pages, ErrDamaged)
	}
	return best, nil
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	if n, err := r.ReadAt(b, off); n < len(b) {
		return err
	}
	return nil
}

// reader reads pages, each of them once: a page that two others lead to is
// damage, and so is a tree that leads to itself.
type reader struct {
	r    io.ReaderAt
	high uint64 // the number of pages in use
	seen []bool
}

func newReader(r io.ReaderAt, m Meta) reader { return reader{r, m.Pages, make([]bool, m.Pages)} }

func (r *reader) page(id uint64) (Page, error) {
	if id < 2 || id >= r.high || r.seen[id] {
		return nil, fmt.Errorf("page %d out of place: %w", id, ErrDamaged)
	}
	r.seen[id] = true
	p := make(Page, PageSize)
	if err := readFull(r.r, p, int64(id)*PageSize); err != nil {
		return nil, err
	}
	over := uint64(p.Overflow())
	if p.ID() != id || over >= min(r.high-id, maxLength) {
		return nil, fmt.Errorf("page %d has a bad header: %w", id, ErrDamaged)
	}
	if over == 0 {
		return p, nil
	}
	for i := range over {
		if r.seen[id+1+i] {
			return nil, fmt.Errorf("page %d used twice: %w", id+1+i, ErrDamaged)
		}
		r.seen[id+1+i] = true
	}
	p = make(Page, (over+1)*PageSize)
	if err := readFull(r.r, p, int64(id)*PageSize); err != nil {
		return nil, err
	}
	return p, nil
}
