package buffer

import "sort"

// blockSize is how memory is taken and given back.
const blockSize = 64 << 10

// block holds records of rising numbers without gaps, in stored form. What was
// appended once is never changed, so a slice of it may be read without the
// lock while the block is pinned.
type block struct {
	first uint64
	buf   []byte
	ends  []uint32
	pins  int  // readers and commits that look into buf
	gone  bool // no longer in the tail
}

func (b *block) last() uint64 { return b.first + uint64(len(b.ends)) - 1 }

// value is the stored form of a record.
func (b *block) value(n uint64) []byte {
	i := n - b.first
	var from uint32
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.buf[from:b.ends[i]:b.ends[i]]
}

// tail is the newest records in memory: those not on disk yet, and as many
// committed ones as the soft limit allows, so that a link that keeps up never
// reads from disk. There is no pointer per record and nothing is copied for a
// commit or a Read. The queue's lock guards it.
type tail struct {
	blocks []*block
	free   []*block
	limit  int  // bytes of blocks above which committed ones are let go
	sealed bool // the last block takes no more
}

func (t *tail) bytes() int { return len(t.blocks) * blockSize }

func (t *tail) append(n uint64, e Entry) {
	var b *block
	if len(t.blocks) > 0 {
		b = t.blocks[len(t.blocks)-1]
	}
	if b == nil || t.sealed || len(b.buf)+headerLen+len(e.Rec) > blockSize || b.last()+1 != n {
		b = t.fresh(n)
		t.blocks = append(t.blocks, b)
		t.sealed = false
	}
	b.buf = appendValue(b.buf, n, e)
	b.ends = append(b.ends, uint32(len(b.buf)))
}

// seal has the next record begin a block, so that those there are stay as they are.
func (t *tail) seal() { t.sealed = true }

func (t *tail) fresh(n uint64) *block {
	if k := len(t.free); k > 0 {
		b := t.free[k-1]
		t.free = t.free[:k-1]
		b.first, b.buf, b.ends, b.gone = n, b.buf[:0], b.ends[:0], false
		return b
	}
	return &block{first: n, buf: make([]byte, 0, blockSize), ends: make([]uint32, 0, blockSize/128)}
}

// index is the block that holds n or the first one after it.
func (t *tail) index(n uint64) int {
	return sort.Search(len(t.blocks), func(i int) bool { return t.blocks[i].last() >= n })
}

// find is the block that holds n, or nil.
func (t *tail) find(n uint64) *block {
	i := t.index(n)
	if i == len(t.blocks) || t.blocks[i].first > n {
		return nil
	}
	return t.blocks[i]
}

// each calls f for the records of s that are in memory.
func (t *tail) each(s span, f func(n uint64, v []byte)) {
	for i := t.index(s.a); i < len(t.blocks) && t.blocks[i].first <= s.b; i++ {
		b := t.blocks[i]
		for n := max(s.a, b.first); n <= min(s.b, b.last()); n++ {
			f(n, b.value(n))
		}
	}
}

// drop removes the blocks for which f says so, the one being filled excepted,
// and keeps a few for use again unless somebody still looks into them.
func (t *tail) drop(from, to int, f func(*block) bool) {
	keep := t.blocks[:from]
	for i := from; i < len(t.blocks); i++ {
		b := t.blocks[i]
		if i >= to || i == len(t.blocks)-1 || !f(b) {
			keep = append(keep, b)
			continue
		}
		b.gone = true
		t.recycle(b)
	}
	clear(t.blocks[len(keep):])
	t.blocks = keep
}

// A few blocks are always kept for use again, and on a fast line as many as a commit
// takes: to make them anew was a thirtieth of all its work.
const fewBlocks, mostBlocks = 4, 32

// recycle keeps a block for use again when nobody looks into it any more.
func (t *tail) recycle(b *block) {
	if b.gone && b.pins == 0 && len(t.free) < mostBlocks {
		t.free = append(t.free, b)
	}
}

// spare lets go of what is kept beyond what a commit of so many bytes takes.
func (t *tail) spare(bytes int) {
	if n := max(fewBlocks, bytes/blockSize); n < len(t.free) {
		clear(t.free[n:])
		t.free = t.free[:n]
	}
}

func (t *tail) unpin(b *block) {
	b.pins--
	t.recycle(b)
}

// trimCache lets committed blocks go, oldest first, down to the limit.
func (t *tail) trimCache(committed uint64) {
	n := 0
	for n < len(t.blocks)-1 && (len(t.blocks)-n)*blockSize > t.limit && t.blocks[n].last() <= committed {
		n++
	}
	if n > 0 {
		t.drop(0, n, func(*block) bool { return true })
	}
}

// forget lets go of all blocks that begin at or before number through, which
// are committed as a whole.
func (t *tail) forget(through uint64) {
	n := 0
	for ; n < len(t.blocks) && t.blocks[n].first <= through; n++ {
		t.blocks[n].gone = true
		t.recycle(t.blocks[n])
	}
	clear(t.blocks[:n])
	t.blocks = t.blocks[n:]
}
