package buffer

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"path/filepath"
	"testing"

	"portti/buffer/boltfile"
)

// oneMeta makes the meta page that is not in use invalid, as a power cut does
// that tears the write of it.
func oneMeta(b []byte) []byte {
	a, _ := boltfile.ParseMeta(b[:pageSize])
	z, _ := boltfile.ParseMeta(b[pageSize : 2*pageSize])
	if a.TxID < z.TxID {
		clear(b[boltfile.HeaderSize : boltfile.HeaderSize+64])
	} else {
		clear(b[pageSize+boltfile.HeaderSize : pageSize+boltfile.HeaderSize+64])
	}
	return b
}

// listed gives the meta page in use a list of free pages: the page behind the
// last, with a length of its own.
func listed(n uint64) func(b []byte) []byte {
	return func(b []byte) []byte {
		for i := range 2 {
			p := b[i*pageSize : (i+1)*pageSize]
			m, _ := boltfile.ParseMeta(p)
			other, _ := boltfile.ParseMeta(b[(1-i)*pageSize : (2-i)*pageSize])
			if m.TxID < other.TxID {
				continue
			}
			list := b[m.Pages*pageSize : (m.Pages+1)*pageSize]
			clear(list)
			binary.NativeEndian.PutUint64(list, m.Pages)
			binary.NativeEndian.PutUint16(list[8:], 16) // the flag of such a page
			if n > 0 {
				binary.NativeEndian.PutUint16(list[10:], 0xFFFF)
				binary.NativeEndian.PutUint64(list[boltfile.HeaderSize:], n)
			}
			binary.NativeEndian.PutUint64(p[boltfile.HeaderSize+32:], m.Pages)
			binary.NativeEndian.PutUint64(p[boltfile.HeaderSize+40:], m.Pages+1)
			h := fnv.New64a()
			_, _ = h.Write(p[boltfile.HeaderSize : boltfile.HeaderSize+56])
			binary.NativeEndian.PutUint64(p[boltfile.HeaderSize+56:], h.Sum64())
		}
		return b
	}
}

// looped makes a leaf in the middle of the records a branch that leads to itself.
func looped(b []byte) []byte {
	var leaves []int
	for at := 4 * pageSize; at+pageSize <= len(b); at += pageSize {
		p := boltfile.Page(b[at : at+pageSize])
		if p.Flags() != boltfile.LeafPage || p.ID() != uint64(at/pageSize) || p.Count() < 3 {
			continue
		}
		if e, ok := p.Leaf(0); ok && len(e.Key) == 8 {
			leaves = append(leaves, at)
		}
	}
	p := b[leaves[len(leaves)/2]:][:pageSize]
	id := boltfile.Page(p).ID()
	clear(p[8:])
	binary.NativeEndian.PutUint16(p[8:], boltfile.BranchPage)
	binary.NativeEndian.PutUint16(p[10:], 1)
	binary.NativeEndian.PutUint32(p[boltfile.HeaderSize:], boltfile.ElementSize) // where the key is
	binary.NativeEndian.PutUint32(p[boltfile.HeaderSize+4:], 8)                  // how long
	binary.NativeEndian.PutUint64(p[boltfile.HeaderSize+8:], id)
	return b
}

// misled damages the only segment of a queue of n records, appends another one
// and hands out what there is.
func misled(t *testing.T, n int, edit func(b []byte) []byte) (handed int, c Counts, s Stats) {
	t.Helper()
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, n, nil)
	damageFile(t, segmentFiles(t, dir)[0], edit)
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment, o.tune.reuse = 256<<10, 256<<10
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	appendN(t, q, dev, n, 1)
	flushNow(t, q)
	numbers, recs := drain(t, q)
	c = checkLedger(t, q)
	for _, n := range numbers {
		mustAck(t, q, n, n)
	}
	if after := checkLedger(t, q); after.Waiting != 0 || after.Acked != uint64(len(recs)) {
		t.Errorf("all are acknowledged: %+v", after)
	}
	mustClose(t, q)
	s = q.Stats()
	q = mustOpen(t, o)
	if again := q.Stats(); again.LastAside != "" || len(again.Damaged) != len(s.Damaged) {
		t.Errorf("set aside before this start: %+v", again)
	}
	mustClose(t, q)
	return len(recs), c, s
}

// TestOddMetaPages: what is strange about a file and takes nothing from its
// records costs none of them, and a file that is sound stays in use. Row 12.
func TestOddMetaPages(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(b []byte) []byte
	}{
		{"one meta page", oneMeta},
		{"a list of free pages, which we never write", listed(0)},
		{"a list without end", listed(1 << 40)}, // bbolt would take memory for all of it
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 200
			handed, counts, s := misled(t, n, c.edit)
			if handed != n+1 || counts.LostAll() != 0 || s.Degraded || len(s.Damaged) != 0 {
				t.Errorf("%d records of %d, %+v, %+v", handed, n+1, counts, s)
			}
		})
	}
}

// TestDamagedSmallFile: of a small file with damage in it nothing is carried into
// the next one; what is sound in it is handed out once, and counted once. Row 15.
func TestDamagedSmallFile(t *testing.T) {
	const n = 100
	for name, edit := range map[string]func(b []byte) []byte{
		"a record": func(b []byte) []byte {
			b[bytes.Index(b, []byte(text(n/2)))] ^= 1
			return b
		},
		"a page": looped,
	} {
		t.Run(name, func(t *testing.T) {
			handed, c, s := misled(t, n, edit)
			if missing := int(c.LostAll() + c.Quarantined); missing == 0 || handed+missing != n+1 || s.Degraded {
				t.Errorf("%d records of %d, %+v", handed, n+1, c)
			}
		})
	}
}

// TestLoopsAreNotEntered: a leaf that became a branch to itself would send bbolt
// down without end, in a search until the stack is full, which nothing can
// recover. It costs what was in that leaf. Row 12.
func TestLoopsAreNotEntered(t *testing.T) {
	const n = 400
	handed, c, s := misled(t, n, looped)
	if lost := c.Lost["corrupt"]; lost == 0 || lost > 60 || handed+int(lost) != n+1 {
		t.Errorf("%d records of %d, %+v", handed, n+1, c)
	}
	if len(s.Damaged) != 1 || s.LastAside != s.Damaged[0] || s.Degraded {
		t.Errorf("%+v", s)
	}
}
