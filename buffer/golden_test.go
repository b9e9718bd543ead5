package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const goldenGateway = "XXXX00GOLDEN00000"

func goldenDir() string {
	return filepath.Join("testdata", "golden", fmt.Sprintf("v%d", formatVersion))
}

// describe says everything that a directory holds, for comparing.
func describe(t testing.TB, dir string) string {
	t.Helper()
	l := looked(t, dir)
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %016x released %d next %d clean %v last good %d\n", l.Epoch, l.Released, l.Next, l.Clean, l.LastGood)
	for _, s := range l.Boots {
		fmt.Fprintf(&b, "boot %d id %x mono %d known %v offset %d error %d seen %d\n", s.Index, s.ID, s.Mono, s.Known, s.Offset.Unix, s.Offset.Err, s.Seen)
	}
	for _, i := range l.Imports {
		fmt.Fprintf(&b, "import %s %016x %v\n", i.Gateway, i.Epoch, i.Ranges)
	}
	account := func(name string, c Counts) {
		fmt.Fprintf(&b, "%q read %d acked %d waiting %d quarantined %d lost", name, c.Read, c.Acked, c.Waiting, c.Quarantined)
		for _, r := range slices.Sorted(maps.Keys(c.Lost)) {
			fmt.Fprintf(&b, " %s %d", r, c.Lost[r])
		}
		b.WriteByte('\n')
	}
	account("total", l.Total)
	for _, name := range slices.Sorted(maps.Keys(l.Devices)) {
		account(name, l.Devices[name])
	}
	for _, f := range l.Faults {
		fmt.Fprintf(&b, "fault %v\n", f)
	}
	err := l.Each(func(r Record) error {
		_, err := fmt.Fprintf(&b, "%d %q class %d device %d stream %08x boot %d mono %d %q\n", r.Number, r.Name, r.Class, r.Device, r.Stream, r.Boot, r.Mono, r.Rec)
		return err
	}, func(first, last uint64, why string) error { return fmt.Errorf("%d to %d: %s", first, last, why) })
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := os.ReadFile(filepath.Join(dir, quarantineName))
	return b.String() + string(kept)
}

// makeGolden lives a small life with everything in it that the format can say.
func makeGolden(t *testing.T, dir string, files FS) {
	o := testOptions(dir)
	o.tune, o.FS, o.BootID = smallSizes(), files, [16]byte{1, 2, 3}
	o.Mono = func() int64 { return 5_000 }
	o.CommitEvery, o.FenceHold, o.Gateway = time.Hour, 0, goldenGateway
	q := mustOpen(t, o)
	gps, _ := q.Device("gps")
	panel, _ := q.Device("panel \"ä\"")
	if err := q.SetOffset(q.Boot(), Offset{Unix: 1_520_416_221_123, Err: 7}); err != nil {
		t.Fatal(err)
	}
	for i := range 160 {
		dev := []uint16{gps, panel}[i%2]
		if err := q.Append(byte(i%4)|byte(i%5/4)<<7, dev, uint32(i)*0x9e3779b1, []byte(text(i))); err != nil {
			t.Fatal(err)
		}
		if i%80 == 79 {
			flushNow(t, q)
		}
	}
	mustClose(t, q)
	o.BootID, o.Mono = [16]byte{9}, func() int64 { return 7_000 }
	q = mustOpen(t, o)
	mustAck(t, q, 1, 20)
	mustAck(t, q, 120, 129)
	if err := q.Quarantine(100, "refused"); err != nil {
		t.Fatal(err)
	}
	q.Lose(gps, "rate", 3)
	q.Lose(panel, "memory", 2)
	q.SetLastGood(1_700_000_000_000)
	from, _ := q.Device("import:XXXX00OTHER000000/gps")
	for n := uint64(10); n < 60; n += 5 {
		if _, err := q.Import(Name{"XXXX00OTHER000000", 0xfedcba9876543210}, n-5, n, 2, from, 4, []byte(`{"other":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, q)
}

// TestGolden (row 22): a queue of every format that was ever given out opens and
// holds what it was given: records, ledger, offsets, imports and what was set
// aside, byte for byte; and it goes on from there.
func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/golden/v*")
	if err != nil || !slices.Contains(dirs, goldenDir()) {
		t.Fatalf("%v: a golden queue of each format must be there: %v", dirs, err)
	}
	for _, golden := range dirs {
		want, err := os.ReadFile(filepath.Join(golden, "want.txt"))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(fastDir(t), "q")
		copyDir(t, golden, dir)
		os.Remove(filepath.Join(dir, "want.txt"))
		if got := describe(t, dir); golden == goldenDir() && got != string(want) {
			t.Errorf("%s is read as\n%s\nwant\n%s", golden, got, want)
		}
		synctest.Test(t, func(t *testing.T) { opensGolden(t, dir, string(want)) })
	}
}

// opensGolden opens it as a daemon does, in a later boot.
func opensGolden(t *testing.T, dir, want string) {
	l := looked(t, dir)
	recs, _ := gather(t, l.Each)
	kept, _ := os.ReadFile(filepath.Join(dir, quarantineName))
	o := testOptions(dir)
	o.BootID = [16]byte{77}
	q := mustOpen(t, o)
	numbers, texts := drain(t, q)
	got := map[uint64]string{}
	for i, n := range numbers {
		got[n] = texts[i]
	}
	sameTexts(t, got, recs)
	if c := checkLedger(t, q); !strings.Contains(want, fmt.Sprintf(`"total" read %d acked %d waiting %d quarantined %d`, c.Read, c.Acked, c.Waiting, c.Quarantined)) {
		t.Errorf("%+v, want\n%s", c, want)
	}
	if _, next := q.Bounds(); q.Epoch() != l.Epoch || next != l.Next || q.LastGood() != l.LastGood || q.Boot() != 3 {
		t.Errorf("epoch %x next %d last good %d boot %d", q.Epoch(), next, q.LastGood(), q.Boot())
	}
	first, _ := q.Name(21)
	last, _ := q.Name(170)
	if first.Gateway != goldenGateway || last.Gateway != goldenGateway || first.Epoch == last.Epoch {
		t.Errorf("records are called %+v and %+v", first, last)
	}
	if off, ok := q.Offset(1); !ok || off != (Offset{Unix: 1_520_416_221_123, Err: 7}) {
		t.Error(off, ok)
	}
	if ok, err := q.Import(Name{"XXXX00OTHER000000", 0xfedcba9876543210}, 54, 55, 2, 1, 4, []byte("x")); ok || err != nil {
		t.Error("taken over once more: ", ok, err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, quarantineName)); string(now) != string(kept) || len(kept) == 0 {
		t.Errorf("set aside: %q, was %q", now, kept)
	}
	dev, _ := q.Device("gps")
	appendN(t, q, dev, 0, 10)
	mustClose(t, q)
	if l := looked(t, dir); len(l.Faults) > 0 || l.Waiting != uint64(len(recs))+10 {
		t.Error(l.Waiting, l.Faults)
	}
}

// TestGoldenIsOfThisFormat: what this program writes is described by the same
// words as the golden queue, so that a change of the format does not go unseen.
// Where this format has no golden queue yet, what was made becomes it. One that
// was given out is never made again: a change that needs that needs a new version.
func TestGoldenIsOfThisFormat(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	makeGolden(t, dir, OS(dir))
	if _, err := os.Stat(goldenDir()); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(filepath.Join(dir, "want.txt"), []byte(describe(t, dir)), 0o644); err != nil {
			t.Fatal(err)
		}
		copyDir(t, dir, goldenDir())
		t.Fatalf("%s was missing and has been made: look at it and commit it", goldenDir())
	}
	_, got, _ := strings.Cut(describe(t, dir), "released") // the epoch is random
	text, err := os.ReadFile(filepath.Join(goldenDir(), "want.txt"))
	_, want, _ := strings.Cut(string(text), "released")
	got, _, _ = strings.Cut(got, `{"number":`)
	want, _, _ = strings.Cut(want, `{"number":`)
	if err != nil || got != want {
		t.Errorf("%v: a queue made now is\n%s\nthe golden one\n%s", err, got, want)
	}
}
