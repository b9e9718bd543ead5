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

// ErrDamaged is wrapped by the errors about what is not as bbolt writes it.
var ErrDamaged = errors.New("damaged")

// PageError says which page an error is about.
type PageError struct {
	Page uint64
	Err  error
}

func (e *PageError) Error() string { return fmt.Sprintf("page %d: %v", e.Page, e.Err) }

func (e *PageError) Unwrap() error { return e.Err }

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
func (p Page) Leaf(i int) (e Element, ok bool) { return p.element(i, LeafPage) }

// element is the i-th one of a page of that kind. Of a branch page Page is the one
// that it leads to, and there is no value.
func (p Page) element(i int, kind uint16) (e Element, ok bool) {
	at := HeaderSize + i*ElementSize
	if at+ElementSize > len(p) {
		return Element{}, false
	}
	head := p[at:]
	e.Page = p.ID()
	pos, ks, vs := u32(head), u32(head[4:]), uint32(0)
	if kind == LeafPage {
		e.Flags, pos, ks, vs = pos, ks, u32(head[8:]), u32(head[12:])
	} else {
		e.Page = binary.NativeEndian.Uint64(head[8:])
	}
	from := uint64(at) + uint64(pos)
	value := from + uint64(ks)
	end := value + uint64(vs)
	if pos < ElementSize || end > uint64(len(p)) {
		return Element{}, false
	}
	e.Key, e.Value, e.Offset = p[from:value:value], p[value:end:end], int64(value)
	return e, true
}

// key is that of the i-th element, nil when that does not lie within the page.
func (p Page) key(i int) []byte {
	e, _ := p.element(i, p.Flags())
	return e.Key
}

// child is the page that the i-th element of a branch page leads to.
func (p Page) child(i int) uint64 {
	e, _ := p.element(i, BranchPage)
	return e.Page
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
	Offset     int64  // where the value begins: in the page, or from a Cursor and Scan in the file
}

// bucket splits the value of an element that is a bucket: the root page, or 0
// and the page that lies in the value itself.
func (e Element) bucket() (root uint64, inline Page, err error) {
	if e.Flags != BucketElement || len(e.Value) < bucketHeader {
		return 0, nil, fmt.Errorf("bucket %q is none, or cut off: %w", e.Key, ErrDamaged)
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
	buf := make([]byte, max(0, min(size, 2*PageSize)))
	if n, err := r.ReadAt(buf, 0); n < len(buf) {
		return Meta{}, err
	}
	for off := 0; off+PageSize <= len(buf); off += PageSize {
		if m, ok := ParseMeta(buf[off : off+PageSize]); ok && (!found || m.TxID > best.TxID) {
			best, found = m, true
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
