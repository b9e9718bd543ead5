package formattest

import (
	"bytes"
	"hash/fnv"
	"slices"
)

const pageSize = 4096

// pages is a bbolt file.
type pages struct {
	b     []byte
	used  uint64
	seen  map[uint64]bool
	flags uint64    // that elements of leaves have
	least []byte    // no key that follows may be lower
	found []element // in the order of the keys
	check func(ok bool, field, format string, args ...any) bool
}

type element struct{ key, value []byte }

// buckets is what is in the buckets r and m, by the meta page that counts.
func (p *pages) buckets() (records, facts []element) {
	var meta []byte
	for at := 16; at <= 16+pageSize && at+64 <= len(p.b); at += pageSize {
		m, sum := p.b[at:at+64], fnv.New64a()
		_, _ = sum.Write(m[:56])
		sound := le(m[:4]) == 0xED0CDAED && le(m[4:8]) == 2 && le(m[8:12]) == pageSize && le(m[56:]) == sum.Sum64()
		if sound && (meta == nil || le(m[48:56]) > le(meta[48:56])) {
			meta, p.used = m, le(m[40:48])
		}
	}
	if !p.check(p.used > 0 && p.used <= uint64(len(p.b))/pageSize, "meta", "there is none that counts, or it says more than there is") {
		return nil, nil
	}
	top := p.bucket(meta[16:32], 1)
	if !p.check(len(top) == 2 && string(top[0].key) == "m" && string(top[1].key) == "r", "bucket", "they are not r and m: %x", top) {
		return nil, nil
	}
	return p.bucket(top[1].value, 0), p.bucket(top[0].value, 0)
}

// bucket is what is in one: its root page and a number that is not used, or 16 zeros and a page.
func (p *pages) bucket(v []byte, flags uint64) []element {
	p.flags, p.least, p.found = flags, nil, nil
	if len(v) >= 16 && le(v[:8]) != 0 {
		p.tree(le(v[:8]))
	} else if p.check(len(v) >= 32, "bucket", "it has no page") {
		p.page(v[16:])
	}
	return p.found
}

func (p *pages) tree(id uint64) {
	b := p.b[min(id, p.used-1)*pageSize:]
	over := le(b[12:16])
	ok := le(b[:8]) == id && id+over < p.used
	for n := id; ok && n <= id+over; n++ {
		ok = !p.seen[n]
		p.seen[n] = true
	}
	if p.check(ok, "page", "%d is %d with %d more, is used twice, or is none of the pages in use", id, le(b[:8]), over) {
		p.page(b[:(over+1)*pageSize])
	}
}

// page reads what is in a page, and in those below. It comes to the keys in their order, those of branches before what these
// lead to: so one bound holds them all.
func (p *pages) page(b []byte) {
	id, kind, n := le(b[:8]), le(b[8:10]), int(le(b[10:12]))
	ok := (kind == 1 || kind == 2) && n <= len(b)/16-1 && (n > 0 || kind == 2 && p.least == nil)
	if !p.check(ok, "page", "%d is of kind %d with %d elements", id, kind, n) {
		return
	}
	for i := range n {
		h := b[16+16*i:]
		flags, pos, size, value := le(h[:4]), le(h[4:8]), le(h[8:12]), le(h[12:16])
		if kind == 1 {
			flags, pos, size, value = p.flags, le(h[:4]), le(h[4:8]), 0
		}
		ok := pos >= 16 && pos+size+value <= uint64(len(h)) && size > 0 && flags == p.flags
		if !p.check(ok, "page", "%d, element %d: flags %d, %d + %d bytes at %d", id, i, flags, size, value, pos) {
			return
		}
		key := h[pos:][:size]
		if !p.check(bytes.Compare(key, p.least) >= 0, "key", "%x of page %d is out of order", key, id) {
			return
		}
		if p.least = key; kind == 1 {
			p.tree(le(h[8:16]))
			continue
		}
		p.least = append(slices.Clone(key), 0) // the next one is higher
		p.found = append(p.found, element{key, h[pos+size:][:value]})
	}
}
