package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// made is a file of bbolt with n entries in "large" and a few in "small".
func made(t testing.TB, n int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true, PageSize: PageSize})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		large, _ := tx.CreateBucket([]byte("large"))
		small, _ := tx.CreateBucket([]byte("small"))
		large.FillPercent = 1
		for i := range n {
			k, v := entry(i)
			if err := large.Put(k, v); err != nil {
				return err
			}
		}
		return errors.Join(large.Put([]byte("z"), make([]byte, 3*PageSize)), small.Put([]byte("a"), []byte("1")), small.Put([]byte("b"), []byte("2")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func entry(i int) (k, v []byte) {
	return fmt.Appendf(nil, "%06d", i), bytes.Repeat(fmt.Appendf(nil, "<%d>", i), 10)
}

// found is what was read of the bucket "large", by key.
func found(elements []Element) map[string]string {
	m := map[string]string{}
	for _, e := range elements {
		m[string(e.Key)] = string(e.Value)
	}
	return m
}

// walk is all that a cursor comes to in a bucket, and what it skips.
func walk(t testing.TB, r io.ReaderAt, size int64, bucket string) (found []Element, damage []error) {
	t.Helper()
	tx, err := Begin(r, size)
	if err != nil {
		return nil, []error{err}
	}
	c, err := tx.Bucket(bucket)
	if err != nil {
		return nil, []error{err}
	}
	for k, v, err := c.First(); k != nil || err != nil; k, v, err = c.Skip() {
		if err != nil {
			damage = append(damage, err)
		} else {
			e := c.Element()
			found = append(found, Element{Key: bytes.Clone(k), Value: bytes.Clone(v), Page: e.Page, Offset: e.Offset})
		}
		if int64(len(found)+len(damage)) > size {
			t.Fatal("it has no end")
		}
	}
	return found, damage
}

func TestElementsLieWhereTheySay(t *testing.T) {
	b := made(t, 3000)
	large, damage := walk(t, bytes.NewReader(b), int64(len(b)), "large")
	small, also := walk(t, bytes.NewReader(b), int64(len(b)), "small")
	if len(large) != 3001 || len(small) != 2 || len(damage)+len(also) > 0 {
		t.Fatal(len(large), len(small), damage, also)
	}
	for _, e := range slices.Concat(large, small) {
		if !bytes.HasPrefix(b[e.Offset:], e.Value) || e.Page != uint64(e.Offset)/PageSize && len(e.Value) < PageSize {
			t.Fatalf("%q is not at byte %d of page %d", e.Key, e.Offset, e.Page)
		}
	}
}

// TestScanNeedsNoTree: with every branch page cleared, and both meta pages, all
// elements are still found.
func TestScanNeedsNoTree(t *testing.T) {
	b := made(t, 3000)
	for at := 0; at < len(b); at += PageSize {
		if p := Page(b[at : at+PageSize]); at < 2*PageSize || p.Flags() == BranchPage {
			clear(p)
		}
	}
	m := map[string]string{}
	Scan(bytes.NewReader(b), int64(len(b)), func(e Element) {
		if !bytes.HasPrefix(b[e.Offset:], e.Value) {
			t.Fatalf("%q is not at byte %d", e.Key, e.Offset)
		}
		m[string(e.Key)] = string(e.Value)
	})
	for i := range 3000 {
		if k, v := entry(i); m[string(k)] != string(v) {
			t.Fatalf("%s: %q", k, m[string(k)])
		}
	}
	if m["a"] != "1" || m["b"] != "2" || len(m["z"]) != 3*PageSize {
		t.Error("the last or the inline elements are missing")
	}
}

// TestEachPageRuined clears every page, and overwrites it with another one: what
// is found was there before, and what is not found is named as damage.
func TestEachPageRuined(t *testing.T) {
	good := made(t, 3000)
	m, err := NewestMeta(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := walk(t, bytes.NewReader(good), int64(len(good)), "large")
	all := found(whole)
	step := 1
	if testing.Short() {
		step = 3
	}
	t.Logf("every %d of %d pages", step, m.Pages)
	for id := 0; id < int(m.Pages); id += step {
		for _, other := range []int{-1, 0, 4, int(m.Root), (id + 1) % int(m.Pages)} {
			b := bytes.Clone(good)
			p := b[id*PageSize:][:PageSize]
			if clear(p); other >= 0 {
				copy(p, good[other*PageSize:][:PageSize])
			}
			large, damage := walk(t, bytes.NewReader(b), int64(len(b)), "large")
			got := found(large)
			for k, v := range got {
				if len(damage) == 0 && all[k] != v && k != "z" {
					t.Fatalf("page %d as %d: %q is %q", id, other, k, v)
				}
			}
			if len(got) < len(all) && len(damage) == 0 && id > 1 {
				t.Fatalf("page %d as %d: %d elements are missing and no damage is named", id, other, len(all)-len(got))
			}
			if id > 1 && uint64(id) != m.Root && Page(good[id*PageSize:]).Flags() == LeafPage && len(got) < len(all)-100 {
				t.Fatalf("page %d as %d: a leaf costs %d elements", id, other, len(all)-len(got))
			}
		}
	}
}

// TestCutShort: a file of any length shorter than its pages in use is damaged.
func TestCutShort(t *testing.T) {
	b := made(t, 100)
	m, _ := NewestMeta(bytes.NewReader(b), int64(len(b)))
	for n := 0; n < int(m.Pages)*PageSize; n += 512 {
		if _, err := Begin(bytes.NewReader(b[:n]), int64(n)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// TestFarTooLarge: what a file says of its size does not decide how much memory is
// taken for it, however long the file is.
func TestFarTooLarge(t *testing.T) {
	b := fileOf(leafPage())
	for txid, pages := range []uint64{1<<24 + 1, 1 << 40, 1 << 62, ^uint64(0)} {
		copy(b[txid%2*PageSize:], metaPage(4, pages, uint64(txid)+10))
		if _, err := Begin(bytes.NewReader(b), 1<<62); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d pages: %v", pages, err)
		}
	}
	b = fileOf(leafPage())
	copy(b, metaPage(4, 1<<20, 10))
	binary.NativeEndian.PutUint32(b[4*PageSize+12:], 1<<19)
	tx, err := Begin(bytes.NewReader(b), 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Bucket("n"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a page of 2 GB: %v", err)
	}
}

type readerFunc func(b []byte, off int64) (int, error)

func (f readerFunc) ReadAt(b []byte, off int64) (int, error) { return f(b, off) }

// TestErrorOfTheRead: a page that the disk cannot deliver is its error, and
// costs a cursor that skips, and Scan, that page alone. A reader may say io.EOF together with the
// last bytes of a file.
func TestErrorOfTheRead(t *testing.T) {
	b := made(t, 3000)
	size, bad := int64(len(b)), errors.New("cannot be delivered")
	m, _ := NewestMeta(bytes.NewReader(b), size)
	for id := range int64(m.Pages) {
		r := readerFunc(func(p []byte, off int64) (int, error) {
			if off <= id*PageSize && off+int64(len(p)) > id*PageSize {
				return 0, bad
			}
			n := copy(p, b[off:])
			if off+int64(n) == size {
				return n, io.EOF
			}
			return n, nil
		})
		if _, err := Begin(r, size); id < 2 != (err == bad) {
			t.Fatalf("page %d: %v", id, err)
		}
		found, damage := walk(t, r, size, "large")
		var where *PageError
		if len(damage) > 1 || len(damage) == 1 && (!errors.Is(damage[0], bad) || id > 1 && (!errors.As(damage[0], &where) || where.Page > uint64(id))) {
			t.Fatalf("page %d: damage %v", id, damage)
		}
		if id > 1 && uint64(id) != m.Root && Page(b[id*PageSize:]).Flags() == LeafPage && len(found) < 2900 {
			t.Fatalf("page %d: %d elements", id, len(found))
		}
		n := 0
		if err := Scan(r, size, func(Element) { n++ }); n < 2900 || !errors.Is(err, bad) {
			t.Fatalf("page %d: %d elements, %v", id, n, err)
		}
	}
}

// TestSkipEnds: a file in which all pages of one depth have the same page as the
// last one below them would, page by page, take 50^8 reads.
func TestSkipEnds(t *testing.T) {
	const wide, depths = 50, 8
	b := fileOf(leafPage(Element{Flags: BucketElement, Key: []byte("n"), Value: append([]byte{5}, make([]byte, 15)...)}))[:5*PageSize]
	id := uint64(5)
	branch := func(keys []string, children []uint64) {
		p := make(Page, HeaderSize+len(keys)*ElementSize)
		binary.NativeEndian.PutUint64(p, uint64(len(b)/PageSize))
		binary.NativeEndian.PutUint16(p[8:], BranchPage)
		binary.NativeEndian.PutUint16(p[10:], uint16(len(keys)))
		for i, k := range keys {
			at := HeaderSize + i*ElementSize
			binary.NativeEndian.PutUint32(p[at:], uint32(len(p)-at))
			binary.NativeEndian.PutUint32(p[at+4:], uint32(len(k)))
			binary.NativeEndian.PutUint64(p[at+8:], children[i])
			p = append(p, k...)
		}
		b = append(b, append(p, make([]byte, PageSize-len(p))...)...)
	}
	for d := range depths {
		var keys []string
		var children []uint64
		for i := range wide {
			keys, children = append(keys, fmt.Sprintf("%d%03d", d+1, i)), append(children, id+1+uint64(i))
		}
		branch(keys, children)
		for _, k := range keys {
			branch([]string{k}, []uint64{id + 1 + wide})
		}
		id += 1 + wide
	}
	for i := range 2 {
		copy(b[i*PageSize:], metaPage(4, uint64(len(b)/PageSize), uint64(i+1)))
	}
	reads := 0
	r := readerFunc(func(p []byte, off int64) (int, error) {
		if reads++; reads > len(b)/PageSize*maxDepth {
			t.Fatal("it has no end")
		}
		return copy(p, b[min(off, int64(len(b))):]), nil
	})
	if found, damage := walk(t, r, int64(len(b)), "n"); len(found) > 0 || len(damage) == 0 {
		t.Error(len(found), damage)
	}
}

// metaPage is a valid meta page.
func metaPage(root, pages, txid uint64) []byte {
	p := make([]byte, PageSize)
	b := p[HeaderSize:]
	binary.NativeEndian.PutUint32(b, magic)
	binary.NativeEndian.PutUint32(b[4:], 2)
	binary.NativeEndian.PutUint32(b[8:], PageSize)
	for at, v := range map[int]uint64{16: root, 32: ^uint64(0), 40: pages, 48: txid} {
		binary.NativeEndian.PutUint64(b[at:], v)
	}
	h := fnv.New64a()
	h.Write(b[:56])
	binary.NativeEndian.PutUint64(b[56:], h.Sum64())
	return p
}

// leafPage is page 4, a leaf page with these elements and nothing after them.
func leafPage(elements ...Element) Page {
	p := make(Page, HeaderSize+len(elements)*ElementSize)
	binary.NativeEndian.PutUint64(p, 4)
	binary.NativeEndian.PutUint16(p[8:], LeafPage)
	binary.NativeEndian.PutUint16(p[10:], uint16(len(elements)))
	for i, e := range elements {
		at := HeaderSize + i*ElementSize
		for k, n := range []int{int(e.Flags), len(p) - at, len(e.Key), len(e.Value)} {
			binary.NativeEndian.PutUint32(p[at+4*k:], uint32(n))
		}
		p = append(append(p, e.Key...), e.Value...)
	}
	return p
}

// inline is a bucket within the page of its parent.
func inline(name string, p Page) Element {
	return Element{Flags: BucketElement, Key: []byte(name), Value: append(make([]byte, bucketHeader), p...)}
}

// fileOf is a file whose root is this page.
func fileOf(p Page) []byte {
	pages := 5 + (len(p)-1)/PageSize
	b := make([]byte, pages*PageSize)
	copy(b, metaPage(4, uint64(pages), 2))
	copy(b[PageSize:], metaPage(4, uint64(pages), 1))
	copy(b[4*PageSize:], p)
	binary.NativeEndian.PutUint32(b[4*PageSize+12:], uint32(pages-5))
	return b
}

// TestElementsThatOverlap: in a page every element of which is the same inline
// bucket, and every element of that again, no more elements are visited than fit
// into the page.
func TestElementsThatOverlap(t *testing.T) {
	for _, name := range []string{"", "n"} {
		const n = 60000
		p := make(Page, 2*n*ElementSize+2*PageSize)
		fill := func(p Page, flags, pos, key, value int) {
			binary.NativeEndian.PutUint16(p[8:], LeafPage)
			binary.NativeEndian.PutUint16(p[10:], n)
			for i := range n {
				e := p[HeaderSize+i*ElementSize:]
				for k, v := range []int{flags, pos - i*ElementSize, key, value} {
					binary.NativeEndian.PutUint32(e[4*k:], uint32(v))
				}
			}
		}
		binary.NativeEndian.PutUint64(p, 4)
		at := HeaderSize + n*ElementSize // of the key, the bucket's header and its page
		fill(p, BucketElement, at-HeaderSize, len(name), len(p)-at-len(name))
		copy(p[at:], name)
		in := p[at+len(name)+bucketHeader:]
		fill(in, 0, n*ElementSize, 1, 2)
		b := fileOf(p)
		if found, damage := walk(t, bytes.NewReader(b), int64(len(b)), name); len(damage) == 0 || len(found) > len(p)/ElementSize {
			t.Errorf("bucket %q: %d elements, %v", name, len(found), damage)
		}
		visited := 0
		if scanPage(p, 0, func(Element) { visited++ }); visited > 2*len(p)/ElementSize {
			t.Errorf("bucket %q: Scan visits %d elements", name, visited)
		}
	}
}

// TestBucketWithoutAName: bbolt makes none, and it is not the tree of buckets again,
// in which a bucket could hold another one and so on.
func TestBucketWithoutAName(t *testing.T) {
	flat := leafPage(inline("", leafPage(Element{Key: []byte("k"), Value: []byte("v")})))
	for what, p := range map[string]Page{"flat": flat, "nested": leafPage(inline("", flat))} {
		b := fileOf(p)
		if found, damage := walk(t, bytes.NewReader(b), int64(len(b)), ""); len(found) > 0 || len(damage) != 1 || !errors.Is(damage[0], ErrDamaged) {
			t.Errorf("%s: %v, %v", what, found, damage)
		}
	}
}

// FuzzPages gives Scan pages that nobody wrote. They are a tenth as long
// as real ones, which have nothing more in them than more of the same.
func FuzzPages(f *testing.F) {
	const longest = 256
	records := leafPage(Element{Key: []byte("7"), Value: []byte("one")}, Element{Key: []byte("8"), Value: []byte("two")})
	outside := Element{Flags: BucketElement, Key: []byte("r"), Value: append([]byte{5}, make([]byte, 15)...)}
	for _, p := range []Page{records, leafPage(inline("m", records), outside), leafPage(inline("", records))} {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderSize || len(b) > longest {
			return
		}
		sound := func(e Element) {
			if at := int(e.Offset); at < 0 || at+len(e.Value) > len(b) || !bytes.Equal(b[at:at+len(e.Value)], e.Value) {
				t.Fatalf("value at %d+%d of %d", at, len(e.Value), len(b))
			}
		}
		visited := 0
		scanPage(Page(b), 0, func(e Element) { sound(e); visited++ })
		if visited > 2*len(b)/ElementSize {
			t.Fatalf("%d elements in %d bytes", visited, len(b))
		}
	})
}
