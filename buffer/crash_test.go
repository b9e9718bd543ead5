package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/crashtest"
)

// smallSizes make everything happen within a few hundred records.
func smallSizes() sizes {
	return sizes{segment: 64 << 10, reuse: 32 << 10, soft: 3 * blockSize, hard: 5 * blockSize, commit: 8 << 10,
		numbers: 128, progress: 20, holdFloor: 2 * time.Second, ledger: time.Minute, retry: time.Minute}
}

// truth is what the test knows at a moment of the run.
type truth struct {
	committed map[uint64]string // on disk by the queue's own word, not acknowledged
	acked     map[uint64]bool
	epoch     uint64
	last      uint64 // the highest number acknowledged
	ruined    bool   // a file was damaged
	missing   uint64 // records that went with it
}

// script is a run of the queue that a log was recorded of.
type script struct {
	fs      *fakeFS
	opt     Options
	texts   map[uint64]string // everything ever appended
	acked   map[uint64]bool
	last    uint64 // the highest of them
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
		first, recs, err := q.readRecords(at, 2000, 20)
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
			s.last = max(s.last, at-1)
		}
	}
	return at
}

// note puts into the log what is known now: what the queue says is on disk.
func (s *script) note(q *Queue) {
	q.mu.Lock()
	committed := q.committed
	q.mu.Unlock()
	m := truth{committed: map[uint64]string{}, acked: maps.Clone(s.acked), last: s.last, epoch: q.Epoch()}
	for n, r := range s.waiting {
		if n <= committed {
			m.committed[n] = r
		}
	}
	s.fs.mark(m)
}

// check opens what a power cut left and holds what comes out against the
// truth: known is from before the cut, later from after it, since what happened
// between the two may or may not have.
func (s *script) check(dir string, before, after any) error {
	known, _ := before.(truth)
	later, _ := after.(truth)
	o := s.opt
	o.FS, o.Dir = OS(dir), dir
	o.CommitEvery = time.Hour
	q, err := Open(o)
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	defer q.Close()
	got, err := s.all(q)
	if err != nil {
		return err
	}
	for n := range known.committed {
		if _, ok := got[n]; !ok && !later.acked[n] {
			err = errors.Join(err, fmt.Errorf("accepted record %d is lost (%d of %d there)", n, len(got), len(known.committed)))
			break
		}
	}
	total, _ := q.Ledger()
	if total.Waiting != uint64(len(got)) || total.LostAll()+total.Quarantined != known.missing ||
		total.Read != total.Acked+total.Waiting+known.missing || int64(total.Acked) < 0 {
		err = errors.Join(err, fmt.Errorf("%d delivered, %d missing, ledger %+v", len(got), known.missing, total))
	}
	if known.epoch != 0 && q.Epoch() != known.epoch {
		err = errors.Join(err, errors.New("the numbering began anew"))
	}
	if st := q.Stats(); st.Degraded || len(st.Damaged) > 0 && !known.ruined {
		err = errors.Join(err, fmt.Errorf("%+v", st))
	}
	if _, next := q.Bounds(); known.last >= next {
		err = errors.Join(err, fmt.Errorf("number %d was used and can be used again (next %d)", known.last, next))
	}
	return err
}

// all reads whatever a queue hands out.
func (s *script) all(q *Queue) (map[uint64]string, error) {
	got := map[uint64]string{}
	var last uint64
	from, next := q.Bounds()
	for {
		first, recs, err := q.readRecords(from, 30_000, 200)
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		if len(recs) == 0 {
			return got, nil
		}
		for i, r := range recs {
			n := first + uint64(i)
			if n <= last || n >= next {
				return nil, fmt.Errorf("number %d after %d, next is %d", n, last, next)
			}
			if s.texts[n] != string(r) {
				return nil, fmt.Errorf("record %d is %q, never appended", n, r)
			}
			got[n], last = string(r), n
		}
		from = first + uint64(len(recs))
	}
}

// life is one kind of life of a queue to be cut.
type cutLife struct {
	name  string
	edit  func(*Options)
	steps int
}

// cutLives: late commits with a hold, strict, released at once, nothing proven.
func cutLives() []cutLife {
	return []cutLife{
		{"hold", nil, 120},
		{"strict", func(o *Options) { o.CommitEvery = 0 }, 80},
		{"no hold", func(o *Options) { o.FenceHold = 0 }, 120},
		{"unproven", func(o *Options) { o.Unproven = true }, 80},
	}
}

func cutRun(t *testing.T, l cutLife, c cuts) (images, bad int) {
	dir := fastDir(t)
	f := newFake(filepath.Join(dir, "run"))
	var s *script
	synctest.Test(t, func(t *testing.T) { s = runScript(t, f, c.seed, l.steps, l.edit) })
	if !slices.ContainsFunc(f.log, func(o crashtest.Op) bool {
		return o.Kind == crashtest.Write && len(o.Data) > pageSize && len(bytes.Trim(o.Data, "\x00")) == 0 && strings.HasSuffix(o.Name, segSuffix)
	}) {
		t.Errorf("%s: no zeros were written ahead", l.name)
	}
	c.check = s.check
	return cutLog(t, f, c)
}

// TestPowerCut cuts the power at every operation of a queue's life: appending,
// acknowledging, trimming, changing segments, noting it in the state file,
// restarting. With PORTTI_CUTS=20000 it goes on with further seeds until so
// many images were tried. Rows 1 to 4 of the failure matrix.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	want, every := number("PORTTI_CUTS", 0), 1
	switch {
	case sampled():
		want, every = 1, 40
	case want == 0:
		want, every = 1, 3
	}
	seed := int64(number("PORTTI_SEED", 1))
	start, images := time.Now(), 0
	for ; images < want; seed++ {
		for i, l := range cutLives() {
			if i > 0 && number("PORTTI_CUTS", 0) > 0 && images >= want {
				break
			}
			n, bad := cutRun(t, l, cuts{seed: seed, every: every, report: 5})
			if images += n; bad > 0 {
				t.Fatalf("%d of %d images are bad: %s, PORTTI_SEED=%d", bad, n, l.name, seed)
			}
			if n < 500/every {
				t.Errorf("%s: only %d images: the run is too short to prove anything", l.name, n)
			}
		}
	}
	t.Logf("%d images in %v, none bad", images, time.Since(start).Round(time.Millisecond))
}

// TestPowerCutWhileSalvaging cuts the power while a damaged file is set aside
// and what can be read of it is put in its place: what survived the damage
// survives that too, and the loss is counted once. Rows 4 and 16.
func TestPowerCutWhileSalvaging(t *testing.T) {
	t.Parallel()
	every := 8
	switch {
	case sampled():
		every = 80
	case number("PORTTI_CUTS", 0) > 0:
		every = 3
	}
	total := 0
	for name, edit := range map[string]func([]byte) []byte{
		"leaves zeroed":  func(b []byte) []byte { clear(b[5*pageSize : 9*pageSize]); return b },
		"cut short":      func(b []byte) []byte { return b[:4*pageSize+700] },
		"no meta pages":  func(b []byte) []byte { clear(b[:2*pageSize]); return b },
		"a value broken": func(b []byte) []byte { b[bytes.Index(b, []byte(`"pad":"000`))+8] = 'X'; return b },
	} {
		for which := range 2 {
			dir := fastDir(t)
			f := newFake(filepath.Join(dir, "run"))
			var s *script
			synctest.Test(t, func(t *testing.T) { s = runSalvage(t, f, which, edit) })
			images, bad := cutLog(t, f, cuts{seed: 1, every: every, report: 3, check: s.check})
			if bad > 0 {
				t.Fatalf("%s: %d of %d images are bad", name, bad, images)
			}
			total += images
		}
	}
	t.Logf("%d images, none bad", total)
}

// runSalvage is a life in which the oldest (0) or the newest (1) file goes bad
// between two starts.
func runSalvage(t *testing.T, f *fakeFS, which int, edit func([]byte) []byte) *script {
	s := &script{fs: f, texts: map[uint64]string{}, acked: map[uint64]bool{}, waiting: map[uint64]string{}}
	s.opt = testOptions(f.dir)
	s.opt.FS, s.opt.tune, s.opt.FenceHold = f, smallSizes(), 0
	q := mustOpen(t, s.opt)
	a, _ := q.Device("a")
	b, _ := q.Device("b")
	for i := range 700 {
		s.append(t, q, []uint16{a, b}[i%2])
		if i%100 == 99 {
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
	}
	mustClose(t, q)
	segs := segmentFiles(t, f.dir)
	if len(segs) < 2 {
		t.Fatal("too few segments: ", segs)
	}
	victim := []string{segs[0], segs[len(segs)-1]}[which]
	if err := f.ruin(filepath.Base(victim), edit); err != nil {
		t.Fatal(err)
	}
	// What a salvage without any power cut leaves is what must be left.
	copied := filepath.Join(fastDir(t), "copy")
	copyDir(t, f.dir, copied)
	o := s.opt
	o.Dir, o.FS = copied, OS(copied)
	q = mustOpen(t, o)
	left, err := s.all(q)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	c := checkLedger(t, q)
	mustClose(t, q)
	m := truth{committed: left, ruined: true, missing: c.LostAll() + c.Quarantined}
	if m.missing+uint64(len(left)) != 700 {
		t.Fatalf("%d left, ledger %+v", len(left), c)
	}
	f.mark(m)
	for range 2 {
		q = mustOpen(t, s.opt)
		if _, err := s.all(q); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		mustClose(t, q)
		f.mark(m)
	}
	return s
}

// TestPowerCutControl shows that the method sees what it is for: with the
// syncs left out something must be lost.
func TestPowerCutControl(t *testing.T) {
	if images, bad := cutRun(t, cutLives()[0], cuts{seed: 1, every: 1, noSync: true}); bad == 0 {
		t.Fatalf("%d images without any sync, and nothing was noticed", images)
	}
}
