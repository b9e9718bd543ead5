package formattest

import (
	"bytes"
	"hash/fnv"
)

const pageSize = 4096

// element is one of a leaf or of a branch: then its value is a page's number.
type element struct {
	flags      uint64
	key, value []byte
	page       uint64
}

// pages is a bbolt file.
type pages struct {
	b    []byte
	used uint64
	seen map[uint64]bool
	tell func(p Problem, format string, args ...any)
}

// le is a number of any length, little-endian; be one that is big-endian.
func le(b []byte) (n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

func be(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// root finds the meta page that counts, and from it the tree of buckets.
func (p *pages) root() (root uint64, ok bool) {
	var newest uint64
	var bad []uint64
	for id := range uint64(2) {
		if uint64(len(p.b)) < (id+1)*pageSize {
			return 0, false
		}
		m := p.b[id*pageSize+16:][:64]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:56])
		if le(m[:4]) != 0xED0CDAED || le(m[4:8]) != 2 || le(m[8:12]) != pageSize || le(m[56:]) != sum.Sum64() {
			bad = append(bad, id)
		} else if tx := le(m[48:56]); !ok || tx > newest {
			root, p.used, newest, ok = le(m[16:24]), le(m[40:48]), tx, true
		}
	}
	for _, id := range bad {
		p.tell(Problem{Field: "meta", Page: id, Harmless: ok}, "it is not valid")
	}
	return root, ok && p.used >= 4 && p.used <= uint64(len(p.b))/pageSize
}

// buckets is what the buckets r and m hold, in the order of the keys.
func (p *pages) buckets() (r, m []element) {
	root, ok := p.root()
	if !ok {
		p.tell(Problem{Field: "meta"}, "there is none that counts, or the file is shorter than it says")
		return nil, nil
	}
	p.seen = map[uint64]bool{}
	into := map[string]*[]element{"r": &r, "m": &m}
	p.tree(root, nil, nil, 0, func(e element) {
		list := into[string(e.key)]
		delete(into, string(e.key))
		if list == nil || e.flags != 1 || len(e.value) < 16 {
			p.tell(Problem{Field: "bucket", Page: e.page}, "%q is no bucket of a segment", e.key)
			return
		}
		add := func(e element) {
			if e.flags != 0 {
				p.tell(Problem{Field: "page", Page: e.page}, "%x is a bucket in a bucket", e.key)
			}
			*list = append(*list, e)
		}
		if top := le(e.value[:8]); top != 0 {
			p.tree(top, nil, nil, 0, add)
		} else if len(e.value) >= 32 && le(e.value[24:26]) == 2 {
			p.page(e.value[16:], e.page, nil, nil, 0, add)
		} else {
			p.tell(Problem{Field: "bucket", Page: e.page}, "%q has no page in it", e.key)
		}
	})
	for name := range into {
		p.tell(Problem{Field: "bucket"}, "there is no bucket %q", name)
	}
	return r, m
}

// tree visits what is below page id, whose keys are from low on and below high.
func (p *pages) tree(id uint64, low, high []byte, depth int, visit func(element)) {
	if id < 2 || id >= p.used {
		p.tell(Problem{Field: "page", Page: id}, "it lies outside of the pages in use")
		return
	}
	b := p.b[id*pageSize:]
	over := le(b[12:16])
	if le(b[:8]) != id || over >= p.used-id || depth > 16 {
		p.tell(Problem{Field: "page", Page: id}, "page %d and %d more, %d deep", le(b[:8]), over, depth)
		return
	}
	for n := id; n <= id+over; n++ {
		if p.seen[n] {
			p.tell(Problem{Field: "page", Page: n}, "it is used twice")
			return
		}
		p.seen[n] = true
	}
	p.page(b[:(over+1)*pageSize], id, low, high, depth, visit)
}

// page visits what is in a page, or below it.
func (p *pages) page(b []byte, id uint64, low, high []byte, depth int, visit func(element)) {
	kind, n := le(b[8:10]), int(le(b[10:12]))
	if kind != 1 && kind != 2 || n > len(b)/16-1 || n == 0 && (kind == 1 || low != nil) {
		p.tell(Problem{Field: "page", Page: id}, "kind %d with %d elements", kind, n)
		return
	}
	all := make([]element, n)
	for i := range all {
		h := b[16+16*i:][:16]
		flags, pos, key, value := le(h[:4]), le(h[4:8]), le(h[8:12]), le(h[12:])
		if kind == 1 {
			flags, pos, key, value = 0, le(h[:4]), le(h[4:8]), 0
		}
		from := uint64(16+16*i) + pos
		if pos < 16 || from+key+value > uint64(len(b)) || key == 0 || flags > 1 {
			p.tell(Problem{Field: "page", Page: id}, "element %d: flags %d, %d + %d bytes at %d", i, flags, key, value, pos)
			return
		}
		all[i] = element{flags, b[from:][:key], b[from+key:][:value], id}
		if kind == 1 {
			all[i].value = h[8:]
		}
		if i > 0 && bytes.Compare(all[i].key, all[i-1].key) <= 0 || bytes.Compare(all[i].key, low) < 0 ||
			high != nil && bytes.Compare(all[i].key, high) >= 0 {
			p.tell(Problem{Field: "key", Page: id}, "%x is out of order", all[i].key)
			return
		}
	}
	for i, e := range all {
		end := high
		if i+1 < n {
			end = all[i+1].key
		}
		if kind == 1 {
			p.tree(le(e.value), e.key, end, depth+1, visit)
		} else {
			visit(e)
		}
	}
}
