package buffer

import (
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
	"portti/cross/testkit"
)

// filled makes a directory with one or more committed segments and returns the
// records by number.
func filled(t *testing.T, dir string, n int, edit func(*Options)) (texts map[uint64]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { texts = fillDir(t, dir, n, edit) })
	return texts
}

// fillDir is filled for one who is in a bubble.
func fillDir(t *testing.T, dir string, n int, edit func(*Options)) map[uint64]string {
	t.Helper()
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment = 256 << 10
	o.CommitEvery = time.Hour
	if edit != nil {
		edit(&o)
	}
	q := mustOpen(t, o)
	a, _ := q.Device("a")
	b, _ := q.Device("b")
	texts := map[uint64]string{}
	each := max(20, n/60) // records a commit
	for i := range n {
		_, num := q.Bounds()
		dev := a
		if i%3 == 0 {
			dev = b
		}
		if err := q.Append(0, dev, 1, []byte(text(i))); err != nil {
			t.Fatal(err)
		}
		texts[num] = text(i)
		if i%each == each-1 {
			q.CommitNow()
			synctest.Wait()
		}
	}
	mustClose(t, q)
	return texts
}

// flushNow commits what is in memory, acknowledged or not, and waits for it.
func flushNow(t testing.TB, q *Queue) {
	t.Helper()
	q.mu.Lock()
	q.flush = true
	q.mu.Unlock()
	testkit.Eventually(t, "what is in memory is committed", func() bool {
		q.wake()
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.committed == q.next-1 || q.disk.err != nil
	})
	q.mu.Lock()
	q.flush = false
	q.mu.Unlock()
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := OS(dir).List()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		if _, ok := parseSegmentName(n); ok {
			out = append(out, filepath.Join(dir, n))
		}
	}
	return out
}

// outcome is what came out of a damaged directory.
type outcome struct {
	delivered map[uint64]string
	ledger    Counts
	stats     Stats
}

// survive opens a damaged directory, delivers all of it, restarts, and checks
// what must hold whatever the damage: it opens, every record that comes out
// was put in, the ledger balances and admits to what is missing.
func survive(t testing.TB, dir string, texts map[uint64]string, read int) outcome {
	t.Helper()
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment = 256 << 10
	o.CommitEvery = time.Hour
	q := mustOpen(t, o)
	out := outcome{delivered: map[uint64]string{}}
	at, _ := q.Bounds()
	for {
		first, recs, err := q.readRecords(at, 3000, 50)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal("read: ", err)
		}
		if len(recs) == 0 {
			break
		}
		for i, r := range recs {
			n := first + uint64(i)
			if texts[n] != string(r) {
				t.Fatalf("record %d is %q: never put in", n, r)
			}
			out.delivered[n] = string(r)
		}
		at = first + uint64(len(recs))
		if err := q.Ack(first, at-1); err != nil {
			t.Fatal("ack: ", err)
		}
	}
	out.ledger, out.stats = checkLedger(t, q), q.Stats()
	c := out.ledger
	if c.Waiting != 0 || c.Acked != uint64(len(out.delivered)) {
		t.Fatalf("%d delivered, ledger %+v, stats %+v", len(out.delivered), c, out.stats)
	}
	if missing := uint64(read - len(out.delivered)); missing != c.LostAll()+c.Quarantined {
		t.Fatalf("%d of %d missing, ledger admits to %+v", missing, read, c)
	}
	mustClose(t, q)
	out.stats = q.Stats() // the reader goes on before the file that was set aside has its last name
	q = mustOpen(t, o)
	if c := checkLedger(t, q); c.Waiting != 0 || c.LostAll()+c.Quarantined != out.ledger.LostAll()+out.ledger.Quarantined {
		t.Fatalf("after a restart %+v, before %+v: %+v", c, out.ledger, q.Stats())
	}
	mustClose(t, q)
	return out
}

func damageFile(t testing.TB, path string, edit func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, edit(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyDir makes a fresh copy of a prepared directory.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestBitFlips flips single bits of a segment of 64 records: in a value that
// record alone is set aside; elsewhere at most what lies in that page is lost,
// and counted; never a wrong record. With PORTTI_LONG set it flips every bit,
// which takes some minutes. Row 15.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	base := fastDir(t)
	good := filepath.Join(base, "good")
	texts := filled(t, good, 64, nil)
	segs := segmentFiles(t, good)
	if len(segs) != 1 {
		t.Fatal(segs)
	}
	pages := int(usedBytes(t, segs[0]) / pageSize)
	flips, stride := 1000/pages, 1
	if sampled() {
		flips, stride = 60/pages, 29
	}
	var noticed, aside atomic.Int64
	flip := func(t *testing.T, dir string, at, bit int) {
		copyDir(t, good, dir)
		damageFile(t, segmentFiles(t, dir)[0], func(b []byte) []byte { b[at] ^= 1 << bit; return b })
		out := survive(t, dir, texts, 64)
		gone := 64 - len(out.delivered)
		if gone > 0 || len(out.stats.Damaged) > 0 {
			noticed.Add(1)
		}
		if out.ledger.Quarantined == 1 && out.ledger.LostAll() == 0 {
			aside.Add(1)
		}
		if gone > 40 {
			t.Fatalf("bit %d at %d (page %d) cost %d records: %+v", bit, at, at/pageSize, gone, out.ledger)
		}
	}
	t.Run("pages", func(t *testing.T) {
		for page := range pages {
			t.Run(strconv.Itoa(page), func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(base, "bad"+strconv.Itoa(page))
				for at := 0; at < 8*whole(t, segs[0], page); at += stride {
					flip(t, dir, page*pageSize+at/8, at%8)
				}
				rnd := rand.New(rand.NewSource(int64(page)))
				for range flips {
					flip(t, dir, page*pageSize+rnd.Intn(pageSize), rnd.Intn(8))
				}
			})
		}
	})
	t.Logf("%d pages: %d flips had an effect, %d cost one record that was set aside", pages, noticed.Load(), aside.Load())
	if aside.Load() == 0 {
		t.Error("no flip hit a value: the test proves nothing")
	}
}

// whole is how many bytes of a page have all their bits flipped: of a branch
// page what is in use, since one bit there can hide a third of the records
// from a search and not from a walk.
func whole(t *testing.T, path string, n int) int {
	if os.Getenv("PORTTI_LONG") != "" {
		return pageSize
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := boltfile.Page(b[n*pageSize:][:pageSize])
	if p.Flags() != boltfile.BranchPage {
		return 0
	}
	return boltfile.HeaderSize + p.Count()*(boltfile.ElementSize+8)
}

// usedBytes is the length up to the high-water mark.
func usedBytes(t testing.TB, path string) int64 {
	t.Helper()
	f := OS(filepath.Dir(path))
	file, err := f.Open(filepath.Base(path), os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, _ := f.Size(filepath.Base(path))
	m, err := boltfile.NewestMeta(file, size)
	if err != nil {
		t.Fatal(err)
	}
	return int64(m.Pages) * pageSize
}

// TestTruncated cuts a segment at every 512 bytes. Row 13.
func TestTruncated(t *testing.T) {
	base := fastDir(t)
	good := filepath.Join(base, "good")
	texts := filled(t, good, 300, nil)
	used := usedBytes(t, segmentFiles(t, good)[0])
	step := int64(512)
	if sampled() {
		step = 8 * 512
	}
	for size := int64(0); size < used; size += step {
		dir := filepath.Join(base, "bad")
		copyDir(t, good, dir)
		if err := os.Truncate(segmentFiles(t, dir)[0], size); err != nil {
			t.Fatal(err)
		}
		out := survive(t, dir, texts, 300)
		if len(out.stats.Damaged) != 1 {
			t.Fatalf("cut at %d of %d: not reported: %+v", size, used, out.stats)
		}
	}
}

// TestPagesRuined zeroes, copies and scrambles pages, one at a time. Row 16.
func TestPagesRuined(t *testing.T) {
	base := fastDir(t)
	good := filepath.Join(base, "good")
	texts := filled(t, good, 400, nil)
	pages := int(usedBytes(t, segmentFiles(t, good)[0]) / pageSize)
	rnd := rand.New(rand.NewSource(9))
	ruin := map[string]func(b []byte, p int){
		"zero":    func(b []byte, p int) { clear(b[p*pageSize : (p+1)*pageSize]) },
		"noise":   func(b []byte, p int) { rnd.Read(b[p*pageSize : (p+1)*pageSize]) },
		"another": func(b []byte, p int) { copy(b[p*pageSize:(p+1)*pageSize], b[rnd.Intn(pages)*pageSize:][:pageSize]) },
		"both meta": func(b []byte, p int) {
			rnd.Read(b[:2*pageSize])
		},
	}
	for name, f := range ruin {
		for p := range pages {
			if sampled() && p%5 > 0 {
				continue
			}
			dir := filepath.Join(base, "bad")
			copyDir(t, good, dir)
			damageFile(t, segmentFiles(t, dir)[0], func(b []byte) []byte { f(b, p); return b })
			survive(t, dir, texts, 400)
			if t.Failed() {
				t.Fatalf("%s page %d", name, p)
			}
		}
	}
}

// TestOddFiles puts things in the place of files that are none.
// Rows 14, 16 and 17.
func TestOddFiles(t *testing.T) {
	odd := map[string]func(path string) error{
		"missing":   func(string) error { return nil },
		"empty":     func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"noise":     func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 20_000)), 0o600) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"FIFO":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"link":      func(p string) error { return os.Symlink("/dev/zero", p) },
	}
	base := fastDir(t)
	good := filepath.Join(base, "good")
	texts := filled(t, good, 2000, func(o *Options) { o.tune.segment = 64 << 10 })
	for name, put := range odd {
		for _, victim := range []string{"first segment", "last segment", "state"} {
			t.Run(name+" for "+victim, func(t *testing.T) {
				dir := filepath.Join(base, "bad")
				copyDir(t, good, dir)
				segs := segmentFiles(t, dir)
				if len(segs) < 3 {
					t.Fatal("only ", len(segs), " segments")
				}
				path := map[string]string{"first segment": segs[0], "last segment": segs[len(segs)-1],
					"state": filepath.Join(dir, sidecarName)}[victim]
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := put(path); err != nil {
					t.Fatal(err)
				}
				out := survive(t, dir, texts, 2000)
				if victim == "state" && len(out.delivered) != 2000 {
					t.Errorf("%d of 2000 delivered without the state file", len(out.delivered))
				}
				if victim != "state" && len(out.delivered) == 2000 {
					t.Error("nothing missing?")
				}
			})
		}
	}
}

// TestDamageWhileRunning breaks a sealed segment under a queue that already
// knows it. Row 16.
func TestDamageWhileRunning(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 6000, nil)
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment = 256 << 10
	o.CommitEvery = time.Hour
	q := mustOpen(t, o)
	segs := segmentFiles(t, dir)
	damageFile(t, segs[1], func(b []byte) []byte { clear(b[8*pageSize : 20*pageSize]); return b })
	numbers, recs := drain(t, q)
	for i, n := range numbers {
		if texts[n] != recs[i] {
			t.Fatalf("record %d is %q", n, recs[i])
		}
	}
	c := checkLedger(t, q)
	if c.Waiting != uint64(len(recs)) || c.Lost["corrupt"]+c.Quarantined != uint64(6000-len(recs)) || len(recs) == 6000 || len(recs) < 5000 {
		t.Fatalf("%d delivered, %+v", len(recs), c)
	}
	if err := q.Ack(1, numbers[len(numbers)-1]); err != nil {
		t.Fatal(err)
	}
	if c := checkLedger(t, q); c.Acked != uint64(len(recs)) {
		t.Fatalf("%+v", c)
	}
	testkit.Eventually(t, "the file is set aside", func() bool { return q.Stats().SetAside == 1 })
	mustClose(t, q)
}

// TestLengthOfAValueFlipped: one bit more in the length of a value makes it reach
// over its page, over other records, and past the file into whatever memory lies
// there. That record is set aside like any other damaged one, with no more of
// all that than a record can hold: once 268 MB went to quarantine.log, and the
// readings of the next start had to make space for it. Row 15.
func TestLengthOfAValueFlipped(t *testing.T) {
	t.Parallel()
	good := filepath.Join(fastDir(t), "good")
	large := func(o *Options) { o.tune.segment, o.tune.commit = 4<<20, 1<<20 }
	texts := filled(t, good, 16_000, large)
	for _, bit := range chosen(t, 2, []int{16, 18, 20, 28}) {
		t.Run(strconv.Itoa(bit), func(t *testing.T) {
			dir := filepath.Join(filepath.Dir(good), strconv.Itoa(bit))
			copyDir(t, good, dir)
			damageFile(t, segmentFiles(t, dir)[0], func(b []byte) []byte {
				for at := 4 * pageSize; ; at += pageSize {
					p := boltfile.Page(b[at : at+pageSize])
					if e, ok := p.Leaf(1); ok && p.Flags() == boltfile.LeafPage && len(e.Key) == 8 && p.ID() == uint64(at/pageSize) {
						b[at+boltfile.HeaderSize+boltfile.ElementSize+12+bit/8] ^= 1 << (bit % 8)
						return b
					}
				}
			})
			out := survive(t, dir, texts, 16_000)
			kept, err := OS(dir).Size(quarantineName)
			if err != nil && len(out.stats.Damaged) == 0 || kept > 2*MaxRecord {
				t.Errorf("%d bytes in %s, %v, %+v", kept, quarantineName, err, out.stats)
			}
			if n := 16_000 - len(out.delivered); n != 1 {
				t.Errorf("%d records are missing: %+v", n, out.ledger)
			}
		})
	}
}

// TestLastKeyFlipped: a bit of the newest key is another one, so that it is a number
// far above all others. Its value's checksum tells; the numbering does not go there,
// where it would stay.
func TestLastKeyFlipped(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 300, nil)
	files := segmentFiles(t, dir)
	db, err := bolt.Open(files[len(files)-1], 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		r := tx.Bucket(recordsBucket())
		k, v := r.Cursor().Last()
		far := append([]byte{k[0] ^ 1}, k[1:]...)
		return errors.Join(r.Put(far, v), r.Delete(k))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		q := mustOpen(t, testOptions(dir))
		if _, next := q.Bounds(); next > 1<<48 {
			t.Errorf("next is %d", next)
		}
		if c := checkLedger(t, q); c.Read != 300 || c.Waiting != 299 || c.LostAll() != 1 {
			t.Errorf("%+v", c)
		}
		mustClose(t, q)
	}
}
