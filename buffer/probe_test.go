package buffer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/boltfile"
)

// asked counts probes and answers them.
type asked struct {
	paths  []string
	answer error
}

func (a *asked) probe(_ context.Context, path string) error {
	a.paths = append(a.paths, path)
	return a.answer
}

// edited changes the only segment in dir.
func edited(t *testing.T, dir string, edit func(b []byte)) string {
	t.Helper()
	segs := segmentFiles(t, dir)
	b, err := os.ReadFile(segs[0])
	if err != nil {
		t.Fatal(err)
	}
	edit(b)
	if err := os.WriteFile(segs[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	return segs[0]
}

// oneMeta makes the meta page that is not in use invalid, as a power cut does
// that tears the write of it.
func oneMeta(b []byte) {
	a, _ := boltfile.ParseMeta(b[:pageSize])
	z, _ := boltfile.ParseMeta(b[pageSize : 2*pageSize])
	if a.TxID < z.TxID {
		clear(b[boltfile.HeaderSize : boltfile.HeaderSize+64])
	} else {
		clear(b[pageSize+boltfile.HeaderSize : pageSize+boltfile.HeaderSize+64])
	}
}

// listed gives the meta page in use a list of free pages: the page behind the
// last, with a length of its own.
func listed(n uint64) func(b []byte) {
	return func(b []byte) {
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
			binary.NativeEndian.PutUint16(list[8:], boltfile.FreelistPage)
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
	}
}

// looped makes a leaf in the middle of the records a branch that leads to itself.
func looped(b []byte) {
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
}

func probedOptions(dir string, a *asked) Options {
	o := testOptions(dir)
	o.tune = smallSizes()
	o.tune.segment = 256 << 10
	o.Probe = a.probe
	return o
}

// TestSuspiciousFileIsProbed: which files another process opens first, and what
// its verdict does. Whatever it is, nothing is lost. Row 12.
func TestSuspiciousFileIsProbed(t *testing.T) {
	bad := errors.New("signal: killed")
	for _, c := range []struct {
		name    string
		edit    func(b []byte)
		answer  error
		asked   int
		damaged int
	}{
		{"sound", func([]byte) {}, bad, 0, 0},
		{"one meta page, sound", oneMeta, nil, 1, 0},
		{"one meta page, deadly", oneMeta, bad, 1, 1},
		{"one meta page, nobody to ask", oneMeta, fmt.Errorf("%w: fork refused", ErrNoProbe), 1, 0},
		{"a list of free pages, sound", listed(0), nil, 1, 0},
		{"a list of free pages, deadly", listed(0), bad, 1, 1},
		{"a list without end", listed(1 << 40), nil, 0, 1}, // refused before anybody is asked
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			texts := filled(t, dir, 200, nil)
			path := edited(t, dir, c.edit)
			a := &asked{answer: c.answer}
			q := mustOpen(t, probedOptions(dir, a))
			dev, _ := q.Device("a")
			appendN(t, q, dev, 200, 1)
			flushNow(t, q)
			_, recs := drain(t, q)
			if total := checkLedger(t, q); len(recs) != len(texts)+1 || total.LostAll() != 0 {
				t.Errorf("%d records of %d, %+v", len(recs), len(texts)+1, total)
			}
			mustClose(t, q)
			s := q.Stats()
			if len(a.paths) != c.asked || len(a.paths) > 0 && a.paths[0] != path || len(s.Damaged) != c.damaged || s.Degraded {
				t.Errorf("asked for %v, %d set aside, %+v", a.paths, len(s.Damaged), s)
			}
			// What was settled is settled: no second question by the next start.
			again := &asked{answer: bad}
			q = mustOpen(t, probedOptions(dir, again))
			if s := q.Stats(); c.damaged > 0 && (len(again.paths) > 0 || len(s.Damaged) != c.damaged) {
				t.Errorf("the next start asked for %v, %d set aside", again.paths, len(s.Damaged))
			}
			mustClose(t, q)
		})
	}
}

// TestLoopsAreNotEntered: a leaf that became a branch to itself would send bbolt
// down without end, in a search until the stack is full, which nothing can
// recover. It costs what was in that leaf, with or without a probe. Row 12.
func TestLoopsAreNotEntered(t *testing.T) {
	for _, probe := range []bool{false, true} {
		t.Run(fmt.Sprint("probe ", probe), func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			texts := filled(t, dir, 400, nil)
			edited(t, dir, looped)
			o := probedOptions(dir, &asked{})
			if !probe {
				o.Probe = nil
			}
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, 400, 1)
			flushNow(t, q)
			_, recs := drain(t, q)
			total := checkLedger(t, q)
			if lost := total.Lost["corrupt"]; lost == 0 || lost > 60 || len(recs)+int(lost) != len(texts)+1 {
				t.Errorf("%d records of %d, %+v", len(recs), len(texts)+1, total)
			}
			mustClose(t, q)
			if s := q.Stats(); len(s.Damaged) != 1 || s.Degraded {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestTwoDeathsWithinAMinute: a process that ends soon after it opened files
// leaves their names; of a file that two in a row left, another process is asked.
// A minute, or an orderly end, and they are forgotten. Row 12.
func TestTwoDeathsWithinAMinute(t *testing.T) {
	for _, c := range []struct {
		name   string
		lives  int
		lasted time.Duration
		orders bool
		asked  int
	}{
		{"one", 1, 0, false, 0},
		{"two", 2, 0, false, 1},
		{"two that lived", 2, 62 * time.Second, false, 0},
		{"two that ended in order", 2, 0, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := fastDir(t)
			dir := filepath.Join(base, "0")
			texts := filled(t, dir, 64, nil)
			synctest.Test(t, func(t *testing.T) {
				var open []*Queue
				for i := range c.lives {
					q := mustOpen(t, probedOptions(dir, &asked{answer: errors.New("nobody is suspicious yet")}))
					if _, recs, err := q.readRecords(1, 1000, 1); err != nil || len(recs) != 1 {
						t.Fatal(len(recs), err)
					}
					time.Sleep(c.lasted)
					synctest.Wait()
					if c.orders {
						mustClose(t, q)
					} else {
						open = append(open, q)
					}
					next := filepath.Join(base, fmt.Sprint(i+1)) // what a kill leaves
					copyDir(t, dir, next)
					dir = next
				}
				a := &asked{}
				q := mustOpen(t, probedOptions(dir, a))
				_, recs := drain(t, q)
				if len(a.paths) != c.asked || len(recs) != len(texts) || len(q.Stats().Damaged) > 0 {
					t.Errorf("asked for %v, %d records of %d", a.paths, len(recs), len(texts))
				}
				mustClose(t, q)
				if _, err := OS(dir).Size(openingName); !errors.Is(err, fs.ErrNotExist) {
					t.Error("the note stays: ", err)
				}
				for _, q := range open {
					mustClose(t, q)
				}
			})
		})
	}
}

// TestDeathsAtOneFileAreNotAnothers: the names that a process left are kept by
// the next one until something is known of them, whatever else it opens.
func TestDeathsAtOneFileAreNotAnothers(t *testing.T) {
	f := OS(fastDir(t))
	a, b, c := newSegment(1), newSegment(2), newSegment(3)
	life := func(use func(o *openings)) *openings {
		o := new(openings)
		use(o)
		return o
	}
	life(func(o *openings) { o.enter(f, toRead, a, 0); o.enter(f, toRead, b, 0) })                            // dies in b
	life(func(o *openings) { o.enter(f, toWrite, c, 0); o.enter(f, toRead, a, 0); o.enter(f, toRead, b, 0) }) // again, and c was open
	o := life(func(o *openings) { o.enter(f, toRead, a, 0) })
	for i, want := range map[*segment]int{a: 0, b: 2, c: 1} {
		if got := o.deathsAt(f, i.name); got != want {
			t.Errorf("%d deaths at %s, want %d", got, i.name, want)
		}
	}
	o = life(func(o *openings) { o.only(f, []string{a.name, c.name}); o.enter(f, toRead, c, 0) })
	if o.settle(f, 59_000) != 60_000 || o.settle(f, 60_000) != 0 {
		t.Error("a minute is not a minute")
	}
	if n := new(openings).deathsAt(f, c.name); n != 0 {
		t.Errorf("%d deaths at a file that was survived", n)
	}
	c.mu.Lock() // somebody is inside ever since
	o.enter(f, toRead, c, 60_000)
	if at := o.settle(f, 600_000); at != 601_000 || new(openings).deathsAt(f, c.name) != 1 {
		t.Errorf("a file that nobody came out of is forgotten, next look %d", at)
	}
}

// TestProbeIsCalledOff: a queue that is closed does not wait for it, and takes
// nothing for a verdict.
func TestProbeIsCalledOff(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 64, nil)
	synctest.Test(t, func(t *testing.T) {
		o := probedOptions(dir, nil)
		began := false
		o.Probe = func(ctx context.Context, _ string) error {
			began = true
			<-ctx.Done()
			return ctx.Err()
		}
		q := &Queue{opt: o, sz: o.tune, fs: OS(dir), openings: new(openings), stop: make(chan struct{})}
		time.AfterFunc(time.Second, func() { close(q.stop) })
		if err := q.probe("x"); !began || !errors.Is(err, errUnasked) || damaged(err) {
			t.Errorf("began %v, %v", began, err)
		}
		// Without a stop the time is limited, for one and for all.
		q.stop = nil
		for i, want := range []time.Duration{20 * time.Second, 20 * time.Second, 19 * time.Second, 0} {
			from := time.Now()
			if err := q.probe("x"); err == nil || errors.Is(err, ErrNoProbe) || time.Since(from) != want {
				t.Errorf("probe %d: %v after %v", i, err, time.Since(from))
			}
		}
	})
}

// TestVisit: what a probing process does goes through sound files of every size,
// and says no to what it can survive. What it cannot is tried on the built
// program, see TestProbeDies in cmd/portti/faults.
func TestVisit(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 2000, nil)
	segs := segmentFiles(t, dir)
	for _, path := range segs {
		if err := Visit(path); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(segs[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(b []byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"no meta": func(b []byte) []byte { clear(b[:2*pageSize]); return b },
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, edit(append([]byte(nil), b...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Visit(path); err == nil {
			t.Error("nothing is wrong with: ", name)
		}
	}
	if err := Visit(dir); err == nil {
		t.Error("a folder was visited")
	}
}
