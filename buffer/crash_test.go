package buffer

import (
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// smallSizes make everything happen within a few hundred records.
func smallSizes() sizes {
	return sizes{segment: 64 << 10, reuse: 32 << 10, soft: 3 * blockSize, hard: 5 * blockSize, commit: 8 << 10,
		numbers: 128, trim: 1000, progress: 20, holdFloor: 2 * time.Second, ledger: time.Minute, retry: time.Minute}
}

// truth is what the test knows at a moment of the run.
type truth struct {
	committed map[uint64]string // on disk by the queue's own word, not acknowledged
	acked     map[uint64]bool
	epoch     uint64
}

// script is a run of the queue that a log was recorded of.
type script struct {
	fs      *fakeFS
	opt     Options
	texts   map[uint64]string // everything ever appended
	acked   map[uint64]bool
	read    uint64
	waiting map[uint64]string
}

// runScript plays a seeded life of a queue: appending, reading and
// acknowledging with and without gaps, broken links, quarantine, restarts.
func runScript(t *testing.T, f *fakeFS, seed int64, steps int, edit func(*Options)) *script {
	s := &script{fs: f, texts: map[uint64]string{}, acked: map[uint64]bool{}, waiting: map[uint64]string{}}
	rnd := rand.New(rand.NewSource(seed))
	s.opt = testOptions(f.dir)
	s.opt.FS, s.opt.tune, s.opt.FenceHold = f, smallSizes(), 3*time.Second
	if edit != nil {
		edit(&s.opt)
	}
	q := mustOpen(t, s.opt)
	dev, _ := q.Device("a")
	other, _ := q.Device("b")
	at := uint64(1)
	synctest.Wait()
	s.note(q)
	for step := range steps {
		switch k := rnd.Intn(10); {
		case k < 4:
			for range 1 + rnd.Intn(60) {
				s.append(t, q, []uint16{dev, other}[rnd.Intn(2)])
			}
		case k < 6:
			time.Sleep(time.Duration(rnd.Intn(2500)) * time.Millisecond)
		case k < 9:
			at = s.deliver(t, q, at, 1+rnd.Intn(6), rnd)
		default:
			at, _ = q.Rewind()
		}
		synctest.Wait()
		s.note(q)
		if step%40 == 39 {
			mustClose(t, q)
			s.note(q)
			q = mustOpen(t, s.opt)
			dev, _ = q.Device("a")
			other, _ = q.Device("b")
			at, _ = q.Bounds()
			synctest.Wait()
			s.note(q)
		}
	}
	mustClose(t, q)
	s.note(q)
	return s
}

func (s *script) append(t *testing.T, q *Queue, dev uint16) {
	_, n := q.Bounds()
	rec := fmt.Sprintf("%s#%d", text(len(s.texts)), n)
	if err := q.Append(0, dev, 1, []byte(rec)); err != nil {
		t.Fatal("append: ", err)
	}
	s.texts[n], s.waiting[n] = rec, rec
	s.read++
}

// deliver reads some frames and acknowledges most of what it read.
func (s *script) deliver(t *testing.T, q *Queue, at uint64, frames int, rnd *rand.Rand) uint64 {
	for range frames {
		first, recs, err := q.Read(at, 2000, 20)
		if err != nil {
			t.Fatal("read: ", err)
		}
		if len(recs) == 0 {
			return at
		}
		for i, r := range recs {
			n := first + uint64(i)
			if s.texts[n] != string(r) {
				t.Fatalf("record %d is %q, not %q", n, r, s.texts[n])
			}
		}
		at = first + uint64(len(recs))
		if rnd.Intn(5) > 0 {
			if err := q.Ack(first, at-1); err != nil {
				t.Fatal("ack: ", err)
			}
			for n := first; n < at; n++ {
				s.acked[n] = true
				delete(s.waiting, n)
			}
		}
	}
	return at
}

// note puts into the log what is known now: what the queue says is on disk.
func (s *script) note(q *Queue) {
	q.mu.Lock()
	committed := q.committed
	q.mu.Unlock()
	m := truth{committed: map[uint64]string{}, acked: maps.Clone(s.acked), epoch: q.Epoch()}
	for n, r := range s.waiting {
		if n <= committed {
			m.committed[n] = r
		}
	}
	s.fs.mark(m)
}

// cutter tries power cuts over a recorded log.
type cutter struct {
	t      *testing.T
	s      *script
	dir    string
	rnd    *rand.Rand
	every  int // of so many images one is tried
	images int
	bad    int
	report int
}

func (c *cutter) fail(format string, args ...any) {
	c.bad++
	if c.report > 0 {
		c.report--
		c.t.Errorf(format, args...)
	}
}

// check opens an image and holds what comes out against the truth: known is
// from before the cut, later from after it, since what happened between the
// two may or may not have.
func (c *cutter) check(at int, known, later truth) {
	c.images++
	o := c.s.opt
	o.FS, o.Dir = OS(c.dir), c.dir
	o.CommitEvery = time.Hour
	q, err := Open(o)
	if err != nil {
		c.fail("cut at %d: does not open: %v", at, err)
		return
	}
	defer q.Close()
	got := map[uint64]string{}
	var last uint64
	from, next := q.Bounds()
	for {
		first, recs, err := q.Read(from, 30_000, 200)
		if err != nil {
			c.fail("cut at %d: read: %v", at, err)
			return
		}
		if len(recs) == 0 {
			break
		}
		for i, r := range recs {
			n := first + uint64(i)
			if n <= last || n >= next {
				c.fail("cut at %d: number %d after %d, next is %d", at, n, last, next)
			}
			if c.s.texts[n] != string(r) {
				c.fail("cut at %d: record %d is %q, never appended", at, n, r)
			}
			got[n], last = string(r), n
		}
		from = first + uint64(len(recs))
	}
	for n := range known.committed {
		if _, ok := got[n]; !ok && !later.acked[n] {
			c.fail("cut at %d: accepted record %d is lost (%d of %d there)", at, n, len(got), len(known.committed))
			break
		}
	}
	total, _ := q.Ledger()
	if total.Waiting != uint64(len(got)) || total.LostAll() != 0 || total.Quarantined != 0 ||
		total.Read != total.Acked+total.Waiting || int64(total.Acked) < 0 {
		c.fail("cut at %d: %d delivered, ledger %+v", at, len(got), total)
	}
	if known.epoch != 0 && q.Epoch() != known.epoch {
		c.fail("cut at %d: the numbering began anew", at)
	}
	if st := q.Stats(); st.Degraded || len(st.Damaged) > 0 {
		c.fail("cut at %d: %+v", at, st)
	}
	for n := range c.s.texts {
		if n >= next && known.acked[n] {
			c.fail("cut at %d: number %d was used and can be used again (next %d)", at, n, next)
			break
		}
	}
}

// cutEverywhere replays the log and cuts the power after every operation, with
// all subsets of what is not synced while there are few, else with a sample.
func (c *cutter) cutEverywhere(noSync bool) {
	d := newDisc()
	d.noSync = noSync
	marks := []truth{{}}
	for _, o := range c.s.fs.log {
		if m, ok := o.mark.(truth); ok {
			marks = append(marks, m)
		}
	}
	known := 0
	for at, o := range c.s.fs.log {
		if o.kind == "mark" {
			known++
			continue
		}
		d.step(o)
		later := marks[min(known+1, len(marks)-1)]
		for _, keep := range c.subsets(len(d.pending)) {
			if c.bad > 20 {
				return
			}
			if c.rnd.Intn(c.every) > 0 {
				continue
			}
			var tear *rand.Rand
			if c.rnd.Intn(2) == 0 {
				tear = c.rnd
			}
			if err := d.image(c.dir, keep, tear); err != nil {
				c.t.Fatal(err)
			}
			c.check(at, marks[known], later)
		}
	}
}

func (c *cutter) subsets(n int) []func(int) bool {
	all := func(int) bool { return true }
	none := func(int) bool { return false }
	if n == 0 {
		return []func(int) bool{none}
	}
	out := []func(int) bool{all, none}
	if n <= 3 {
		for bits := 1; bits < 1<<n-1; bits++ {
			out = append(out, func(i int) bool { return bits>>i&1 == 1 })
		}
		return out
	}
	for range 3 {
		seed := c.rnd.Int63()
		out = append(out, func(i int) bool { return rand.New(rand.NewSource(seed+int64(i))).Intn(2) == 0 })
	}
	one := c.rnd.Intn(n)
	return append(out, func(i int) bool { return i == one }, func(i int) bool { return i != one })
}

func crashRun(t *testing.T, seed int64, noSync bool, every, report int) *cutter {
	dir := fastDir(t)
	f := newFake(filepath.Join(dir, "run"))
	var s *script
	synctest.Test(t, func(t *testing.T) { s = runScript(t, f, seed, 120, nil) })
	c := &cutter{t: t, s: s, dir: filepath.Join(dir, "image"), rnd: rand.New(rand.NewSource(seed)), every: every, report: report}
	c.cutEverywhere(noSync)
	return c
}

// TestPowerCut cuts the power at every operation of a queue's life.
func TestPowerCut(t *testing.T) {
	seeds := []int64{1, 2}
	every := 1
	if sampled() {
		seeds, every = seeds[:1], 6
	}
	for _, seed := range seeds {
		start := time.Now()
		c := crashRun(t, seed, false, every, 5)
		kinds := map[string]int{}
		for _, o := range c.s.fs.log {
			kinds[o.kind]++
		}
		t.Logf("seed %d: %d images of %d operations %v in %v, %d bad", seed, c.images, len(c.s.fs.log), kinds, time.Since(start).Round(time.Millisecond), c.bad)
		if c.images < 1000/every {
			t.Errorf("only %d images: the run is too short to prove anything", c.images)
		}
		if c.bad > 0 {
			t.Fatalf("%d bad images with seed %d", c.bad, seed)
		}
	}
}

// TestPowerCutControl shows that the method sees what it is for: with the
// syncs left out something must be lost.
func TestPowerCutControl(t *testing.T) {
	if c := crashRun(t, 1, true, 1, 0); c.bad == 0 {
		t.Fatalf("%d images without any sync, and nothing was noticed", c.images)
	}
}
