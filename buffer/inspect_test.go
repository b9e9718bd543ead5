package buffer

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/buffer/boltfile"
	"portti/cross/testkit"
)

// looked inspects a directory and sees that nothing changed by it.
func looked(t testing.TB, dir string) *Inspection {
	t.Helper()
	l, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// gather takes everything out of what can hand out all it has.
func gather(t testing.TB, each func(func(Record) error, func(first, last uint64, why string) error) error) (recs map[uint64]string, missing ranges) {
	t.Helper()
	recs = map[uint64]string{}
	last := uint64(0)
	err := each(func(r Record) error {
		if r.Number <= last {
			t.Errorf("record %d after %d", r.Number, last)
		}
		last = r.Number
		recs[r.Number] = string(r.Rec)
		return nil
	}, func(first, to uint64, why string) error {
		if first <= last || to < first || why == "" {
			t.Errorf("missing %d to %d after %d: %q", first, to, last, why)
		}
		last = to
		missing.add(span{first, to})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return recs, missing
}

func sameTexts(t testing.TB, got, want map[uint64]string) {
	t.Helper()
	for n, w := range want {
		if got[n] != w {
			t.Fatalf("record %d is %q, want %q", n, got[n], w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

// TestInspectSeesEverythingAndTouchesNothing: a sound directory, with some of
// it delivered, has no fault; all that waits comes out; not a byte changes.
func TestInspectSeesEverythingAndTouchesNothing(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 4000, nil)
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(t, o)
	mustAck(t, q, 100, 199)
	mustAck(t, q, 1, 40)
	mustClose(t, q)
	for n := range uint64(200) {
		if n >= 100 || n <= 40 {
			delete(texts, n)
		}
	}
	before := snapshot(t, dir)
	l := looked(t, dir)
	if len(l.Faults) > 0 || len(l.Segments) < 2 || !l.Clean {
		t.Errorf("%+v", l)
	}
	if l.Total.Read != 4000 || l.Total.Acked != 140 || l.Waiting != 3860 || l.Devices["a"].Waiting+l.Devices["b"].Waiting != 3860 {
		t.Errorf("%+v %+v", l.Total, l.Devices)
	}
	recs, missing := gather(t, l.Each)
	sameTexts(t, recs, texts)
	if len(missing) > 0 || l.Head().First != 41 || l.Head().Next != 4001 || len(l.Head().Boots) != 1 {
		t.Error(missing, l.Head())
	}
	if snapshot(t, dir) != before {
		t.Error("the directory was changed")
	}
}

// TestInspectOfNothing: what is not there is not made.
func TestInspectOfNothing(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	if _, err := Inspect(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if l := looked(t, dir); len(l.Faults) > 0 || l.Waiting != 0 {
		t.Errorf("%+v", l)
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Error("something was made: ", names)
	}
}

// TestInspectNamesEachBadRecord (row 15): a flipped bit in a value is found,
// with the record's number and the place in the file, and costs the export that
// record alone.
func TestInspectNamesEachBadRecord(t *testing.T) {
	base := filepath.Join(fastDir(t), "base")
	texts := filled(t, base, 400, nil)
	file := segmentFiles(t, base)[0]
	w, err := walkSegment(OS(base), filepath.Base(file))
	if err != nil || len(w.records) != 400 {
		t.Fatal(err, len(w.records))
	}
	rnd := rand.New(rand.NewSource(1))
	dir := base + "-hurt"
	for range 50 {
		e := w.records[rnd.Intn(len(w.records))]
		n, _ := recordKey(e.Key, 0, ^uint64(0))
		at := e.Offset + int64(rnd.Intn(len(e.Value)))
		copyDir(t, base, dir)
		damageFile(t, filepath.Join(dir, filepath.Base(file)), func(b []byte) []byte {
			if !bytes.Equal(b[e.Offset:e.Offset+int64(len(e.Value))], e.Value) {
				t.Fatalf("record %d is not at byte %d", n, e.Offset)
			}
			b[at] ^= 1 << rnd.Intn(8)
			return b
		})
		l := looked(t, dir)
		if len(l.Faults) != 1 || l.Faults[0].Record != n || l.Faults[0].Offset != e.Offset || l.Faults[0].Page != e.Page || l.Faults[0].Harmless {
			t.Fatalf("record %d: %v", n, l.Faults)
		}
		recs, missing := gather(t, l.Each)
		recs[n] = texts[n]
		sameTexts(t, recs, texts)
		if len(missing) != 1 || missing[0] != (span{n, n}) {
			t.Fatal(missing)
		}
	}
}

// TestInspectOfBrokenPages (row 16): whatever page is zeroed, random or swapped,
// it is said, nothing is made up, and what is not in the export is named in it.
func TestInspectOfBrokenPages(t *testing.T) {
	base := filepath.Join(fastDir(t), "base")
	texts := filled(t, base, 1500, nil)
	file := filepath.Base(segmentFiles(t, base)[0])
	rnd := rand.New(rand.NewSource(2))
	dir := base + "-hurt"
	pages := int(usedBytes(t, filepath.Join(base, file)) / pageSize)
	step := 1
	if sampled() {
		step = 4
	}
	for p := 0; p < pages; p += step {
		copyDir(t, base, dir)
		damageFile(t, filepath.Join(dir, file), func(b []byte) []byte {
			page := b[p*pageSize : (p+1)*pageSize]
			switch p % 3 {
			case 0:
				clear(page)
			case 1:
				rnd.Read(page)
			default:
				copy(page, b[rnd.Intn(pages)*pageSize:])
			}
			return b
		})
		l := looked(t, dir)
		recs, missing := gather(t, l.Each)
		for n, r := range recs {
			if texts[n] != r {
				t.Fatalf("page %d: record %d is %q", p, n, r)
			}
		}
		for n := range texts {
			if _, there := recs[n]; !there && !missing.has(n) {
				t.Fatalf("page %d: record %d is neither there nor named as missing", p, n)
			}
		}
		if len(recs) < len(texts) && len(l.Faults) == 0 {
			t.Fatalf("page %d: %d records missing, no fault", p, len(texts)-len(recs))
		}
	}
}

// TestInspectFindsWhatIsWrongAround: files missing, slots torn, summaries and
// ledgers that do not fit.
func TestInspectFindsWhatIsWrongAround(t *testing.T) {
	base := filepath.Join(fastDir(t), "base")
	filled(t, base, 4000, nil)
	segments := segmentFiles(t, base)
	name := func(i int) string { return filepath.Base(segments[i]) }
	dir := base + "-hurt"
	in := func(name string) string { return filepath.Join(dir, name) }
	for what, c := range map[string]struct {
		hurt     func()
		file     string
		says     string
		harmless bool
	}{
		"state missing": {func() { os.Remove(in(sidecarName)) }, sidecarName, "missing", false},
		"one slot torn": {func() {
			damageFile(t, in(sidecarName), func(b []byte) []byte { b[pageSize+9] ^= 1; return b })
		}, sidecarName, "slot 2 of 3", true},
		"both slots gone": {func() {
			damageFile(t, in(sidecarName), func(b []byte) []byte { clear(b); return b })
		}, sidecarName, "unreadable", false},
		"segment missing": {func() { os.Remove(in(name(1))) }, name(1), "missing", false},
		"segment empty":   {func() { os.Truncate(in(name(1)), 0) }, name(1), "no valid meta page", false},
		"an old segment": {func() {
			damageFile(t, in(name(0)), func(b []byte) []byte { // its last commit never happened
				m, _ := boltfile.NewestMeta(bytesFile(b), int64(len(b)))
				clear(b[m.TxID%2*pageSize:][:pageSize])
				return b
			})
		}, name(0), "counted at the last stop", false},
		"a page left":    {func() { os.WriteFile(in("0000000000000009.seg.tmp"), nil, 0o600) }, "0000000000000009.seg.tmp", "left by", true},
		"no line":        {func() { os.WriteFile(in(quarantineName), []byte("{}\n"), 0o600) }, quarantineName, "no record", false},
		"half a line":    {func() { os.WriteFile(in(quarantineName), []byte(`{"number":`), 0o600) }, quarantineName, "cut off", true},
		"a foreign name": {func() { os.Mkdir(in(quarantineName), 0o700) }, quarantineName, "not a regular file", false},
	} {
		copyDir(t, base, dir)
		c.hurt()
		l := looked(t, dir)
		found := false
		for _, f := range l.Faults {
			found = found || f.File == c.file && strings.Contains(f.What, c.says) && f.Harmless == c.harmless
		}
		if !found {
			t.Errorf("%s: %v", what, l.Faults)
		}
	}
}

type bytesFile []byte

func (b bytesFile) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(b).ReadAt(p, off) }
func (bytesFile) WriteAt([]byte, int64) (int, error)        { return 0, fs.ErrPermission }
func (bytesFile) Sync() error                               { return nil }
func (bytesFile) Close() error                              { return nil }

// TestInspectNextToAWriter: next to a queue that commits and releases there is
// never a fault, and what comes out was put in. The writer may go on for some
// commits with each look that succeeded, so that one always does in the end.
func TestInspectNextToAWriter(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	o := testOptions(dir)
	o.tune = smallSizes()
	o.CommitEvery = 5 * time.Millisecond
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	goOn, done := make(chan struct{}, 40), make(chan struct{})
	go func() {
		defer close(done)
		i := 0
		for range goOn {
			for range 50 {
				for errors.Is(q.Append(0, dev, 1, []byte(text(i))), ErrFull) {
					<-q.NotFull()
				}
				i++
			}
			if _, next := q.Bounds(); i%300 == 0 && next > 2000 {
				_ = q.Ack(next-2000, next-1500)
			}
		}
	}()
	for range cap(goOn) {
		goOn <- struct{}{}
	}
	for looks := 0; looks < 40; {
		l, err := Inspect(dir)
		if err != nil { // it never held still, and says so
			if !strings.Contains(err.Error(), "written too fast") {
				t.Error(err)
			}
			continue
		}
		looks++
		for range 10 {
			goOn <- struct{}{}
		}
		for _, f := range l.Faults {
			if !f.Harmless {
				t.Error(f)
			}
		}
		_ = l.Each(func(r Record) error {
			if string(r.Rec) != text(int(r.Number)-1) {
				t.Errorf("record %d is %q", r.Number, r.Rec)
			}
			return nil
		}, func(first, last uint64, why string) error {
			t.Errorf("%d to %d missing: %s", first, last, why)
			return nil
		})
	}
	close(goOn)
	testkit.Receive(t, "the writer ends", done)
	mustClose(t, q)
}

// TestEachBesideTheReader: a copy of all that waits, in memory and on disk, taken
// while the link reads, holds everything, and disturbs the link's slices not.
func TestEachBesideTheReader(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 4000, nil)
	o := testOptions(dir)
	o.tune, o.CommitEvery = smallSizes(), time.Hour
	o.tune.numbers = 1000 // what is not reserved is not seen
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	for i := range 300 {
		_, n := q.Bounds()
		appendN(t, q, dev, 5000+i, 1)
		texts[n] = text(5000 + i)
	}
	at := uint64(1)
	for n := 0; n < 20; n++ {
		num, recs, err := q.readRecords(at, 3000, 30)
		if err != nil || len(recs) == 0 {
			t.Fatal(err)
		}
		got, missing := gather(t, q.Each)
		sameTexts(t, got, texts)
		if len(missing) > 0 {
			t.Error(missing)
		}
		for i, r := range recs {
			if string(r) != texts[num+uint64(i)] {
				t.Fatalf("the link's record %d became %q", num+uint64(i), r)
			}
		}
		at = num + 200
		mustAck(t, q, num, num+9)
		for m := num; m < num+10; m++ {
			delete(texts, m)
		}
	}
	if h := q.Head(); h.Next != 4301 || h.Boot != 1 || h.Mono == 0 || h.Epoch != q.Epoch() {
		t.Errorf("%+v", h)
	}
	mustClose(t, q)
}

// TestEachPassesOverDamage: what cannot be read is named, the rest comes, and
// the queue is as it was.
func TestEachPassesOverDamage(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	texts := filled(t, dir, 400, nil)
	file := segmentFiles(t, dir)[0]
	w, _ := walkSegment(OS(dir), filepath.Base(file))
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(t, o)
	damageFile(t, file, func(b []byte) []byte { b[w.records[200].Offset+30] ^= 4; return b })
	got, missing := gather(t, q.Each)
	n, _ := recordKey(w.records[200].Key, 0, ^uint64(0))
	if len(missing) != 1 || missing[0] != (span{n, n}) {
		t.Error(missing)
	}
	got[n] = texts[n]
	sameTexts(t, got, texts)
	if c := checkLedger(t, q); c.Waiting != 400 || c.Quarantined != 0 {
		t.Errorf("%+v", c)
	}
	mustClose(t, q)
}
