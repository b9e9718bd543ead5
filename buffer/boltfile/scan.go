package boltfile

import (
	"errors"
	"io"
)

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
			err = &PageError{uint64(off) / PageSize, readErr}
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
