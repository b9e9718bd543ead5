package formattest

import (
	"bytes"
	"hash/fnv"
	"slices"
)

const pageSize = 4096

// pages is a bbolt file.
type pages struct {
	*source
	b     []byte          // those in use
	seen  map[uint64]bool // of them
	least []byte          // no key that follows may be lower
}

type element struct{ key, value []byte }

// buckets is what is in the buckets m and r, by the meta page that counts.
func (p *pages) buckets() (facts, records []element) {
	meta := make([]byte, 64)
	for at := 16; at <= 16+pageSize && at+64 <= len(p.b); at += pageSize {
		m, sum := p.b[at:at+64], fnv.New64a()
		_, _ = sum.Write(m[:56])
		sound := le(m[:4]) == 0xED0CDAED && le(m[4:8]) == 2 && le(m[8:12]) == pageSize && le(m[56:]) == sum.Sum64()
		if sound && le(m[48:56]) >= le(meta[48:56]) {
			meta = m
		}
	}
	used := le(meta[40:48])
	if !p.hold(used > 0 && used <= uint64(len(p.b))/pageSize, "meta", "there is none that counts, or it says more than there is") {
		return nil, nil
	}
	p.b = p.b[:used*pageSize]
	top := append(p.bucket(meta[16:32], 1), element{}, element{}, element{})
	names := string(top[0].key) + " " + string(top[1].key) + string(top[2].key)
	p.hold(names == "m r", "bucket", "they are not m and r: %q", names)
	return p.bucket(top[0].value, 0), p.bucket(top[1].value, 0)
}

// bucket is what is in one, in the order of the keys: its root page and a number that is not used, or 16 zeros and a page.
// Elements of its leaves have these flags.
func (p *pages) bucket(v []byte, flags uint64) []element {
	p.least = nil
	if len(v) >= 32 && le(v[:8]) == 0 {
		return p.page(v[16:], flags)
	}
	return p.tree(le(v[:min(8, len(v))]), flags)
}

func (p *pages) tree(id, flags uint64) []element {
	b := p.b[min(id*pageSize, uint64(len(p.b)-pageSize)):]
	size := (le(b[12:16]) + 1) * pageSize
	ok := le(b[:8]) == id && size <= uint64(len(b))
	for n := id; ok && n < id+size/pageSize; n++ {
		ok = !p.seen[n]
		p.seen[n] = true
	}
	if !p.hold(ok, "page", "%d is %d with %d bytes, is used twice, or is none of those in use", id, le(b[:8]), size) {
		return nil
	}
	return p.page(b[:size], flags)
}

// page reads what is in a page and in those below it. It comes to the keys in their order, those of branches before what they
// lead to: so one bound holds them all.
func (p *pages) page(b []byte, flags uint64) (found []element) {
	id, kind, n := le(b[:8]), le(b[8:10]), int(le(b[10:12]))
	ok := n < len(b)/16 && (kind == 1 && n > 0 || kind == 2 && (n > 0 || p.least == nil))
	p.hold(ok, "page", "%d is of kind %d with %d elements", id, kind, n)
	for i := 0; i < n && p.Field == ""; i++ {
		h := b[16+16*i:]
		has, pos, size, value := le(h[:4]), le(h[4:8]), le(h[8:12]), le(h[12:16])
		if kind == 1 {
			has, pos, size, value = flags, le(h[:4]), le(h[4:8]), 0
		}
		ok := has == flags && size > 0 && pos >= 16 && pos+size+value <= uint64(len(h))
		if !p.hold(ok, "page", "%d, element %d: flags %d, %d + %d bytes at %d", id, i, has, size, value, pos) {
			break
		}
		key := h[pos:][:size]
		p.hold(bytes.Compare(key, p.least) >= 0, "key", "%x of page %d is out of order", key, id)
		if p.least = key; kind == 1 {
			found = append(found, p.tree(le(h[8:16]), flags)...)
		} else {
			p.least = append(slices.Clone(key), 0) // the next one is higher
			found = append(found, element{key, h[pos+size:][:value]})
		}
	}
	return found
}
