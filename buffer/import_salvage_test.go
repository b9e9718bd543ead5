package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// importDamage is something wrong with a file that holds imported records.
type importDamage struct {
	name string
	// twice: where it is the newest file, its note of what was imported goes with
	// it, but not the records. Those that came after the file before it are taken
	// over once more.
	twice bool
	edit  func([]byte) []byte
}

func importDamages() []importDamage {
	return []importDamage{
		{"pages zeroed", false, func(b []byte) []byte { clear(b[5*pageSize : 9*pageSize]); return b }},
		{"cut short", true, func(b []byte) []byte { return b[:4*pageSize+700] }},
		{"no meta pages", false, func(b []byte) []byte { clear(b[:2*pageSize]); return b }},
		{"a value broken", false, func(b []byte) []byte { b[bytes.Index(b, []byte(`"pad":"000`))+8] = 'X'; return b }},
		{"no ledger", true, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("import:B/a"), []byte("import:B/X")) }},
		{"noise", false, func(b []byte) []byte { return bytes.Repeat([]byte("noise!? "), len(b)/8) }},
	}
}

// imported is how many records of the file were taken over before.
const imported = 1400

// salvaged is a queue one of whose files went bad while nobody ran, and what is
// right to come out of it.
type salvaged struct {
	number int // among the ways of eachImportDamage
	script *script
	c      carried
	all    map[string]bool // every record there was
	times  map[string]int  // how often each comes, where nothing disturbs
	counts Counts
}

// badImports makes a queue of several files with records of its own and of
// another gateway, damages one, and salvages a copy of it without a disturbance.
func badImports(t *testing.T, f *fakeFS, which int, edit func([]byte) []byte) *salvaged {
	s := &script{fs: f, texts: map[uint64]string{}, acked: map[uint64]bool{}, waiting: map[uint64]string{}}
	s.opt = testOptions(f.dir)
	s.opt.tune, s.opt.FenceHold = smallSizes(), 0
	v := &salvaged{script: s, c: carried{src: Name{"B", 77}, numbers: evens(1000, 3998)}, all: map[string]bool{}}
	q := mustOpen(t, s.opt)
	own, _ := q.Device("a")
	dev, _ := q.Device("import:B/a")
	for at := 0; at < imported; at += 100 {
		for range 10 {
			s.append(t, q, own)
		}
		from := max(0, at-1) // the one before says that nothing is between
		v.c.take(t, q, dev, v.c.numbers[from:at+100])
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
	}
	mustClose(t, q)
	for _, text := range s.texts {
		v.all[text] = true
	}
	for _, n := range v.c.numbers {
		v.all[v.c.text(n)] = true
	}
	segs := segmentFiles(t, f.dir)
	if len(segs) < 3 {
		t.Fatal("too few segments: ", segs)
	}
	victim := segs[[]int{len(segs) - 1, len(segs) / 2}[which]]
	b, err := os.ReadFile(victim)
	if err == nil {
		err = os.WriteFile(victim, edit(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.opt.FS = f
	names, err := OS(f.dir).List()
	for _, name := range names { // from here on f knows what there is
		err = errors.Join(err, f.ruin(name, func(b []byte) []byte { return b }))
	}
	if err = errors.Join(err, f.SyncDir()); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(fastDir(t), "copy")
	copyDir(t, f.dir, copied)
	if v.times, v.counts, err = v.importedOnce(copied, OS(copied)); err != nil {
		t.Fatal(err)
	}
	return v
}

// importedOnce starts on what is there, lets it be read, imports the whole file once
// more, twice, and gives what waits then.
func (v *salvaged) importedOnce(dir string, fs FS) (times map[string]int, total Counts, err error) {
	o := v.script.opt
	o.Dir, o.FS, o.CommitEvery = dir, fs, time.Hour
	for again := range 2 {
		q, err := Open(o)
		if err != nil {
			return nil, total, fmt.Errorf("does not open: %w", err)
		}
		if _, err = handedOut(q); err == nil { // which finds what the start did not
			dev, _ := q.Device("import:B/a")
			var fresh int
			if fresh, err = v.c.takeAll(q, dev); err == nil && again == 1 && fresh > 0 {
				err = fmt.Errorf("%d records taken over once more", fresh)
			}
		}
		there, e := handedOut(q)
		times = map[string]int{}
		for _, r := range there {
			times[r]++
		}
		total, _ = q.Ledger()
		if err = errors.Join(err, e, q.Close()); err != nil {
			return times, total, err
		}
	}
	return times, total, nil
}

// judge holds what came out against what is right: nothing is missing but what is
// counted, nothing comes twice, and it is no other than without a disturbance.
func (v *salvaged) judge(times map[string]int, total Counts, twice bool) (err error) {
	var missing uint64
	for text := range v.all {
		n := times[text]
		if n == 0 {
			missing++
		}
		if n > 2 || n == 2 && !twice {
			err = fmt.Errorf("%.40s is there %d times", text, n)
		}
		if n != v.times[text] {
			err = errors.Join(err, fmt.Errorf("%.40s is there %d times, undisturbed %d", text, n, v.times[text]))
		}
	}
	if lost := total.LostAll() + total.Quarantined; missing > lost {
		return fmt.Errorf("%d records are missing, %d are counted: %+v", missing, lost, total)
	}
	if total.Read != total.Acked+total.Waiting+total.Quarantined+total.LostAll() || int64(total.Acked) < 0 {
		return fmt.Errorf("the ledger does not balance: %+v", total)
	}
	return err
}

// eachImportDamage makes the newest and a middle file bad in each way, or in n.
func eachImportDamage(t *testing.T, n int, list []importDamage, try func(t *testing.T, f *fakeFS, v *salvaged, twice bool)) {
	for _, i := range chosen(t, n, upTo(2*len(list))) {
		d, which := list[i/2], i%2
		t.Run([]string{"newest", "middle"}[which]+" "+d.name, func(t *testing.T) {
			f := newFake(filepath.Join(fastDir(t), "run"))
			var v *salvaged
			synctest.Test(t, func(t *testing.T) { v = badImports(t, f, which, d.edit) })
			v.number = i
			twice := d.twice && which == 0
			if err := v.judge(v.times, v.counts, twice); err != nil {
				t.Error("undisturbed: ", err)
			}
			try(t, f, v, twice)
		})
	}
}

// TestPowerCutWhileSalvagingImports cuts the power at each operation while a
// damaged file with records of another gateway is salvaged, and imports their
// file once more. Rows 4, 16 and 66.
func TestPowerCutWhileSalvagingImports(t *testing.T) {
	t.Parallel()
	every := 8
	switch {
	case sampled():
		every = 40
	case number("PORTTI_CUTS", 0) > 0:
		every = 1
	}
	total := 0
	eachImportDamage(t, 3, importDamages(), func(t *testing.T, f *fakeFS, v *salvaged, twice bool) {
		synctest.Test(t, func(t *testing.T) {
			f.mark(true) // what is before made the files
			for from := imported - 1; from < len(v.c.numbers); from += 50 {
				// The salvage may begin while what is imported is in memory only.
				q := mustOpen(t, v.script.opt)
				dev, _ := q.Device("import:B/a")
				v.c.take(t, q, dev, v.c.numbers[from:min(from+51, len(v.c.numbers))])
				if _, err := handedOut(q); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				mustClose(t, q)
			}
		})
		images, bad := cutLog(t, f, cuts{seed: int64(number("PORTTI_SEED", 1)), every: every, report: 2,
			check: func(dir string, known, _ any) error {
				if known == nil {
					return nil
				}
				times, counts, err := v.importedOnce(dir, OS(dir))
				return errors.Join(err, v.judge(times, counts, twice))
			}})
		if bad > 0 {
			t.Errorf("%d of %d images are bad", bad, images)
		}
		total += images
	})
	if t.Logf("%d images", total); total < 600/every {
		t.Error("too few to prove anything")
	}
}

// TestNthOperationFailsWhileSalvagingImports lets each operation of such a salvage
// fail in turn; on a good disk their file is then imported once more. Rows 6, 9,
// 16 and 66.
func TestNthOperationFailsWhileSalvagingImports(t *testing.T) {
	t.Parallel()
	kinds := nthFaults()
	cases := chosen(t, 11, upTo(4*len(kinds)))
	eachImportDamage(t, 4, importDamages()[:2], func(t *testing.T, f *fakeFS, v *salvaged, twice bool) {
		var faults []nthFault
		for _, i := range cases {
			if i/len(kinds) == v.number {
				faults = append(faults, kinds[i%len(kinds)])
			}
		}
		eachNth(t, faults, func(t *testing.T, dir string, fail func(*fakeFS)) bool {
			copyDir(t, f.dir, dir)
			f := newFake(dir)
			o := v.script.opt
			o.Dir, o.FS = dir, f
			fail(f)
			q := mustOpen(t, o)
			dev, _ := q.Device("import:B/a")
			part := carried{v.c.src, v.c.numbers[imported-1:]}
			_, _ = part.takeAll(q, dev)
			_, _ = handedOut(q)
			time.Sleep(10 * time.Second)
			_ = q.Close()
			hit := f.hits > 0
			f.heal()
			times, counts, err := v.importedOnce(dir, f)
			if err = errors.Join(err, v.judge(times, counts, twice)); err != nil {
				t.Fatal(err)
			}
			return hit
		})
	})
}
