package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// all is what a cursor visits, at most as many elements as the file has bytes.
func all(t testing.TB, b []byte, bucket string) (keys []string, err error) {
	t.Helper()
	tx, err := Begin(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	c, err := tx.Bucket(bucket)
	if err != nil {
		return nil, err
	}
	for k, v, err := c.First(); ; k, v, err = c.Next() {
		if err != nil {
			if _, _, again := c.Next(); !errors.Is(again, err) {
				t.Fatalf("goes on after %v: %v", err, again)
			}
			return keys, err
		}
		if k == nil {
			return keys, nil
		}
		if len(keys) > len(b) {
			t.Fatal("it has no end")
		}
		keys = append(keys, string(k)+"="+string(v))
	}
}

func TestCursorFindsAllThatBboltWrote(t *testing.T) {
	b := made(t, 3000)
	keys, err := all(t, b, "large")
	if err != nil || len(keys) != 3001 {
		t.Fatal(len(keys), err)
	}
	for i, got := range keys[:3000] {
		if k, v := entry(i); got != string(k)+"="+string(v) {
			t.Fatalf("element %d: %.40q", i, got)
		}
	}
	if keys, err := all(t, b, "small"); err != nil || fmt.Sprint(keys) != "[a=1 b=2]" {
		t.Fatal(keys, err)
	}
	if _, err := all(t, b, "none"); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	tx, err := Begin(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tx.Bucket("large")
	if err != nil {
		t.Fatal(err)
	}
	if k, v, err := c.Last(); string(k) != "z" || len(v) != 3*PageSize || err != nil {
		t.Fatalf("%q %d %v", k, len(v), err)
	}
	if k, _, err := c.Next(); k != nil || err != nil {
		t.Fatal(k, err)
	}
	for _, at := range []struct{ seek, want string }{{"", "000000"}, {"000000", "000000"}, {"000000x", "000001"}, {"002999x", "z"}, {"y", "z"}, {"zz", ""}} {
		if k, _, err := c.Seek([]byte(at.seek)); string(k) != at.want || err != nil {
			t.Fatalf("%q: %q %v", at.seek, k, err)
		}
	}
	for range 500 {
		k, v := entry(rand.IntN(3000))
		if at, got, err := c.Seek(k); !bytes.Equal(at, k) || !bytes.Equal(got, v) || err != nil {
			t.Fatalf("%q: %q %q %v", k, at, got, err)
		}
		if at, _, err := c.Seek(append(k, 'x')); bytes.Compare(at, k) <= 0 || err != nil {
			t.Fatalf("%q: %q %v", k, at, err)
		}
	}
}

// TestCursorOnDamage ruins every page in turn, in each of these ways: a cursor
// ends at an element that was there, or with an error, and misses none before it.
func TestCursorOnDamage(t *testing.T) {
	good := made(t, 600)
	want, err := all(t, good, "large")
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(b []byte, at int){
		"cleared": func(b []byte, at int) { clear(b[at : at+PageSize]) },
		"of itself": func(b []byte, at int) {
			if Page(b[at:]).Flags() == BranchPage {
				binary.NativeEndian.PutUint64(b[at+HeaderSize+8:], uint64(at/PageSize))
			}
		},
		"of the next":   func(b []byte, at int) { copy(b[at:at+PageSize], b[min(at+PageSize, len(b)-PageSize):]) },
		"a branch":      func(b []byte, at int) { binary.NativeEndian.PutUint16(b[at+8:], BranchPage) },
		"a leaf":        func(b []byte, at int) { binary.NativeEndian.PutUint16(b[at+8:], LeafPage) },
		"many elements": func(b []byte, at int) { binary.NativeEndian.PutUint16(b[at+10:], 0xffff) },
		"no elements":   func(b []byte, at int) { binary.NativeEndian.PutUint16(b[at+10:], 0) },
		"long overflow": func(b []byte, at int) { binary.NativeEndian.PutUint32(b[at+12:], 1<<31-1) },
	}
	for name, ruin := range ways {
		missed := 0
		for at := 0; at < len(good); at += PageSize {
			b := bytes.Clone(good)
			ruin(b, at)
			keys, err := all(t, b, "large")
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s, page %d: %v", name, at/PageSize, err)
			}
			for i, k := range keys { // a value has no checksum here
				k, _, _ = strings.Cut(k, "=")
				if !strings.HasPrefix(want[i], k+"=") {
					t.Fatalf("%s, page %d: element %d is %.40q", name, at/PageSize, i, k)
				}
			}
			if err == nil && len(keys) != len(want) {
				missed++
			}
			if tx, err := Begin(bytes.NewReader(b), int64(len(b))); err == nil {
				if c, err := tx.Bucket("large"); err == nil {
					_, _, _ = c.Last()
					_, _, _ = c.Seek([]byte("000300"))
				}
			}
		}
		if missed > 0 {
			t.Errorf("%s: %d times records were missing without an error", name, missed)
		}
	}
}

// TestCursorOfAFileCutShort: the end of a file is damage; what the disk says of
// a page that it cannot deliver is handed on as it is.
func TestCursorOfAFileCutShort(t *testing.T) {
	b := made(t, 3000)
	m, err := NewestMeta(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	used := int64(m.Pages) * PageSize
	cut := used
	fault := error(io.EOF)
	r := readerFunc(func(p []byte, off int64) (int, error) {
		n := copy(p, b[off:])
		if off+int64(n) > cut {
			return int(max(0, cut-off)), fault
		}
		return n, nil
	})
	for _, fault = range []error{io.EOF, syscall.EIO} {
		for _, cut = range []int64{5 * PageSize, used / 2, used - 8*PageSize} {
			tx, err := Begin(r, int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			c, err := tx.Bucket("large")
			for k := []byte{}; err == nil && k != nil; {
				k, _, err = c.Next()
				if len(c.stack) == 0 {
					k, _, err = c.First()
				}
			}
			if errors.Is(err, ErrDamaged) != (fault == io.EOF) || errors.Is(err, syscall.EIO) != (fault != io.EOF) {
				t.Errorf("%v at %d: %v", fault, cut, err)
			}
		}
	}
}

// TestCursorReadsAhead counts reads: leaves in their order come 16 at a time, and
// the last element costs no more than the way to it.
func TestCursorReadsAhead(t *testing.T) {
	b := made(t, 20000)
	reads, pages := 0, map[int64]int{}
	r := readerFunc(func(p []byte, off int64) (int, error) {
		reads++
		for at := off; at < off+int64(len(p)); at += PageSize {
			pages[at]++
		}
		return copy(p, b[off:]), nil
	})
	tx, err := Begin(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tx.Bucket("large")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Last(); err != nil || reads > 2+1+3+1 {
		t.Errorf("%d reads for the last element: %v", reads, err)
	}
	reads = 0
	clear(pages)
	n := 0
	for k, _, err := c.First(); k != nil; k, _, err = c.Next() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if most := len(b)/aheadSize + len(b)/aheadSize/8 + 8; n != 20001 || reads > most {
		t.Errorf("%d elements, %d reads of %d bytes, more than %d", n, reads, len(b), most)
	}
	again := 0
	for _, times := range pages {
		again += times - 1
	}
	if again > 0 {
		t.Errorf("%d of %d pages were read again", again, len(pages))
	}
}

// TestCursorOfAnEmptyBucket: nothing is in it, and that is no damage.
func TestCursorOfAnEmptyBucket(t *testing.T) {
	for _, empty := range [][]byte{fileOf(leafPage(inline("n", leafPage())))} {
		tx, err := Begin(bytes.NewReader(empty), int64(len(empty)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := tx.Bucket("n")
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range map[string]func() ([]byte, []byte, error){"first": c.First, "last": c.Last, "next": c.Next,
			"seek": func() ([]byte, []byte, error) { return c.Seek([]byte("a")) }} {
			if k, v, err := f(); k != nil || v != nil || err != nil {
				t.Errorf("%s: %q %q %v", name, k, v, err)
			}
		}
	}
}

// FuzzCursor gives a cursor a page that nobody wrote, as the tree of buckets and
// as a page between a bucket's root and a sound leaf.
func FuzzCursor(f *testing.F) {
	const longest = 256
	records := leafPage(Element{Key: []byte("7"), Value: []byte("one")}, Element{Key: []byte("8"), Value: []byte("two")})
	outside := Element{Flags: BucketElement, Key: []byte("n"), Value: append([]byte{4}, make([]byte, 15)...)}
	for _, p := range []Page{records, leafPage(inline("n", records)), leafPage(outside)} {
		f.Add([]byte(p))
	}
	file := make([]byte, 6*PageSize)
	copy(file, metaPage(4, 6, 2))
	copy(file[PageSize:], metaPage(4, 6, 1))
	copy(file[5*PageSize:], leafPage(Element{Key: []byte("9"), Value: []byte("three")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > longest {
			return
		}
		clear(file[4*PageSize : 5*PageSize])
		copy(file[4*PageSize:], b)
		tx, err := Begin(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		bucket, _ := tx.Bucket("n")
		for _, c := range []*Cursor{{t: tx, root: 4, top: true}, {t: tx, root: 4}, bucket} {
			if c == nil {
				continue
			}
			_, _, _ = c.Last()
			_, _, _ = c.Seek([]byte("8"))
			n := 0
			var last []byte
			for k, _, err := c.First(); err == nil && k != nil; k, _, err = c.Next() {
				if n++; n > 2*PageSize || n > 1 && bytes.Compare(k, last) <= 0 {
					t.Fatalf("element %d: %q after %q", n, k, last)
				}
				last = bytes.Clone(k)
			}
			n = 0
			for k, v, err := c.First(); k != nil || err != nil; k, v, err = c.Skip() {
				if n++; n > 2*PageSize {
					t.Fatal("it has no end")
				}
				if at := int(c.Element().Offset); err == nil && !bytes.Equal(file[at:at+len(v)], v) {
					t.Fatalf("%q is not at byte %d", v, at)
				}
			}
		}
	})
}

// TestBackward: the way to the last element and to all of another bucket takes two
// reads. A page that the disk cannot deliver costs what it costs without, whatever
// is read together with it.
func TestBackward(t *testing.T) {
	b := made(t, 3000)
	size, bad := int64(len(b)), errors.New("cannot be delivered")
	look := func(backward bool, missing int64) (found string, reads int) {
		tx, err := Begin(readerFunc(func(p []byte, off int64) (int, error) {
			if reads++; off <= missing*PageSize && off+int64(len(p)) > missing*PageSize {
				return 0, bad
			}
			return copy(p, b[off:]), nil
		}), size)
		if err != nil {
			return err.Error(), reads
		}
		if backward {
			tx.Backward()
		}
		for _, name := range []string{"small", "large"} {
			c, err := tx.Bucket(name)
			if err != nil {
				found += err.Error()
				continue
			}
			k, v, err := c.Last()
			found += fmt.Sprintf("%s %d %v\n", k, len(v), err)
			k, v, err = c.First()
			found += fmt.Sprintf("%s %.9s %v\n", k, v, err)
		}
		return found, reads
	}
	for missing := int64(-1); missing < size/PageSize; missing++ {
		want, plain := look(false, missing)
		got, reads := look(true, missing)
		if got != want || missing < 0 && (reads > plain-2 || !strings.Contains(got, "000000 <0><0><0>")) {
			t.Errorf("page %d is missing: %d reads, %d without, found\n%swithout\n%s", missing, reads, plain, got, want)
		}
	}
}
