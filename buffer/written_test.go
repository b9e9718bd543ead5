package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
)

// TestWrittenFileGoesBad ruins the file that is being written, in every way and at
// every page, with nothing of it in memory any more: the process lives, saving
// goes on within a second in another file, everything that can still be read is
// handed out, the rest is counted, and the stop ends. Row 12.
func TestWrittenFileGoesBad(t *testing.T) {
	t.Parallel()
	page := func(b []byte, i int) []byte { return b[i*pageSize : (i+1)*pageSize] }
	ways := map[string]func(b []byte, i int) []byte{
		"cut short":  func(b []byte, i int) []byte { return b[:i*pageSize+i%3*1000] },
		"zeroed":     func(b []byte, i int) []byte { clear(page(b, i)); return b },
		"random":     func(b []byte, i int) []byte { random(page(b, i), uint64(i)); return b },
		"copied":     func(b []byte, i int) []byte { copy(page(b, i), page(b, (i+5)%(len(b)/pageSize))); return b },
		"flipped":    func(b []byte, i int) []byte { page(b, i)[(i*37)%64] ^= 1 << (i % 8); return b },
		"of itself":  func(b []byte, i int) []byte { loop(page(b, i)); return b },
		"both metas": func(b []byte, _ int) []byte { clear(b[:2*pageSize]); return b },
	}
	for name, edit := range ways {
		t.Run(name, func(t *testing.T) {
			hits := 0
			step := 1
			if sampled() {
				step = 5
			}
			for i := 0; i < 30; i += step {
				if goesBad(t, func(b []byte) []byte { return edit(b, i) }, fmt.Sprintf("%s at page %d", name, i)) {
					hits++
				}
			}
			if t.Logf("%d times records were lost", hits); hits == 0 && name != "both metas" {
				t.Error("nothing was lost: the test ruins nothing that is in use")
			}
		})
	}
}

func random(b []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// loop makes a page a branch that leads to itself.
func loop(p []byte) {
	id := boltfile.Page(p).ID()
	if id < 2 {
		return
	}
	copy(p[8:], []byte{boltfile.BranchPage, 0, 1, 0, 0, 0, 0, 0})
	clear(p[boltfile.HeaderSize : boltfile.HeaderSize+boltfile.ElementSize])
	p[boltfile.HeaderSize] = boltfile.ElementSize
	copy(p[boltfile.HeaderSize+8:], p[:8])
}

// goesBad says whether the damage cost records.
func goesBad(t *testing.T, edit func([]byte) []byte, what string) (lost bool) {
	t.Helper()
	dir := filepath.Join(fastDir(t), "q")
	defer os.RemoveAll(filepath.Dir(dir))
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.tune = smallSizes()
		o.tune.segment, o.tune.soft = 1<<20, blockSize
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		n := 0
		more := func(k int) {
			appendN(t, q, dev, n, k)
			n += k
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
		for range 20 {
			more(50)
		}
		q.mu.Lock()
		q.tail.forget(q.committed) // what is on disk is nowhere else
		q.mu.Unlock()
		inPlace(t, segmentFiles(t, dir)[0], edit)
		for range 3 {
			more(20)
			if s := q.Stats(); s.Accepted != uint64(n) || s.Degraded {
				t.Fatalf("%s: %d of %d accepted: %+v", what, s.Accepted, n, s)
			}
		}
		_, recs := drain(t, q)
		c := checkLedger(t, q)
		if uint64(len(recs)) != c.Waiting || c.Waiting+c.LostAll()+c.Quarantined != uint64(n) || c.Acked != 0 || len(recs) < 60 {
			t.Fatalf("%s: %d records of %d, %+v", what, len(recs), n, c)
		}
		lost = len(recs) < n
		mustClose(t, q)
		q = mustOpen(t, o)
		if _, again := drain(t, q); len(again) != len(recs) {
			t.Fatalf("%s: %d records of %d at the next start, %+v", what, len(again), len(recs), checkLedger(t, q))
		}
		mustClose(t, q)
	})
	return lost
}

// TestFileGoesBadBeforeTheStop: with everything delivered and the file cut under
// it, the last commit of a stop goes to another file, and the next start misses
// nothing. Row 12.
func TestFileGoesBadBeforeTheStop(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		for i := range 10 {
			appendN(t, q, dev, i*50, 50)
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
		}
		numbers, _ := drain(t, q)
		mustAck(t, q, numbers[0], numbers[len(numbers)-1])
		inPlace(t, segmentFiles(t, dir)[0], func(b []byte) []byte { return b[:9*pageSize] })
		mustClose(t, q)
		q = mustOpen(t, o)
		if c := checkLedger(t, q); c.LostAll() != 0 || c.Waiting != 0 || c.Acked != c.Read {
			t.Errorf("%+v", c)
		}
		mustClose(t, q)
	})
}

// inPlace changes a file as it lies, under whoever has it open.
func inPlace(t *testing.T, path string, edit func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	was := len(b)
	b = edit(b)
	_, err = f.WriteAt(b, 0)
	if len(b) < was {
		err = errors.Join(err, f.Truncate(int64(len(b))))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFailedCommitDoesNotRollBack: bbolt's own way back after an error reads the
// whole file in a goroutine where no panic can be caught. With the first leaf
// zeroed that ends the process, so that this test ends with it should the first
// error that bbolt meets not end the commit, as in a later version of it.
func TestFailedCommitDoesNotRollBack(t *testing.T) {
	fails := map[string]func(db *boltDB){
		"no space to grow": func(*boltDB) {},
		"a failing write":  func(db *boltDB) { _ = db.file.Close() },
	}
	for how, fail := range fails {
		dir := fastDir(t)
		made, err := (osFS{dir}).CreateDB("x", 128<<10)
		if err != nil {
			t.Fatal(err)
		}
		db := made.(*boltDB)
		put := func(from, n int) error {
			return safely(func() error {
				return db.Update(func(tx *bolt.Tx) error {
					b, err := tx.CreateBucketIfNotExists(recordsBucket())
					for i := range n {
						err = errors.Join(err, b.Put(key(uint64(from+i)), bytes.Repeat([]byte{1}, 100)))
					}
					return err
				})
			})
		}
		if err := put(0, 200); err != nil {
			t.Fatal(how, err)
		}
		zeroed := 0
		inPlace(t, filepath.Join(dir, "x"), func(b []byte) []byte {
			for at := 4 * pageSize; at < len(b); at += pageSize {
				if e, ok := boltfile.Page(b[at : at+pageSize]).Leaf(0); ok && bytes.Equal(e.Key, key(0)) {
					clear(b[at : at+pageSize])
					zeroed++
				}
			}
			return b
		})
		fail(db)
		if err := put(200, 2000); err == nil || zeroed == 0 {
			t.Errorf("%s: %v, %d pages zeroed", how, err, zeroed)
		}
		if err := put(5000, 1); err == nil || !strings.Contains(err.Error(), "earlier") {
			t.Errorf("%s: it goes on after a failure: %v", how, err)
		}
		if err := db.Close(); err != nil && how != "a failing write" {
			t.Error(how, err)
		}
	}
}

func safely(f func() error) (err error) {
	defer guarded("test", &err)()
	return f()
}

// TestFailedFilesLeaveNothing: neither descriptors nor maps stay of files whose
// commits failed, or a disk that fails for a day would use up the addresses of a
// machine with 32 bits.
func TestFailedFilesLeaveNothing(t *testing.T) {
	dir := fastDir(t)
	count := func() (maps, files int) {
		b, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip("no /proc: ", err)
		}
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if to, err := os.Readlink(filepath.Join("/proc/self/fd", n.Name())); err == nil && strings.HasPrefix(to, dir) {
				files++
			}
		}
		return strings.Count(string(b), dir), files
	}
	for i := range 50 {
		w, err := newWriter(osFS{dir}, "x", 1<<20<<(i%4))
		if err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			err = w.commit(func(r, _ *bolt.Bucket) error {
				if k == 2 && i%2 == 0 {
					return syscall.ENOSPC
				} else if k == 2 {
					panic("in the middle")
				}
				return r.Put(key(uint64(k)), []byte("v"))
			})
			if (err != nil) != (k == 2) {
				t.Fatal(err)
			}
		}
		if i%2 == 0 && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		w.drop()
	}
	if maps, files := count(); maps != 0 || files != 0 {
		t.Errorf("%d maps and %d descriptors are left", maps, files)
	}
}

// TestManyShortLives: a file found at the start is not written again; while it is
// small its records go into the next one, so that a gateway that restarts all day
// does not fill its folder with small files.
func TestManyShortLives(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		n, acked := 0, 0
		for life := range 30 {
			q := mustOpen(t, o)
			dev, _ := q.Device("dev")
			appendN(t, q, dev, n, 20)
			n += 20
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if life%3 == 1 { // some are delivered, in the middle too
				numbers, _ := drain(t, q)
				mustAck(t, q, numbers[0], numbers[4])
				mustAck(t, q, numbers[10], numbers[12])
				acked += 8
			}
			numbers, recs := drain(t, q)
			if c := checkLedger(t, q); len(recs) != n-acked || c.Waiting != uint64(n-acked) || c.LostAll() != 0 || numbers[0] == 0 {
				t.Fatalf("life %d: %d records of %d, %+v", life, len(recs), n-acked, c)
			}
			if life%2 == 0 || life%3 == 1 {
				mustClose(t, q)
			} else { // killed: what was on disk is copied away
				to := filepath.Join(filepath.Dir(dir), fmt.Sprint(life))
				if err := os.CopyFS(to, os.DirFS(o.Dir)); err != nil {
					t.Fatal(err)
				}
				mustClose(t, q)
				o.Dir = to
			}
			if files := segmentFiles(t, o.Dir); len(files) != 1 {
				t.Fatalf("life %d: %v", life, files)
			}
		}
	})
}
