package buffer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/boltfile"
)

// TestInspectSaysWhatAStartFinds: of a damaged folder the check counts what the next
// start keeps and what it loses, and the export has what it keeps.
func TestInspectSaysWhatAStartFinds(t *testing.T) {
	base := filepath.Join(fastDir(t), "base")
	filled(t, base, 4000, nil)
	segments := segmentFiles(t, base)
	dir := base + "-hurt"
	in := func(i int) string { return filepath.Join(dir, filepath.Base(segments[i])) }
	newest := len(segments) - 1
	move := func(from, to string) func() {
		return func() {
			if err := os.Rename(from, to); err != nil {
				t.Error(err)
			}
		}
	}
	pages := func(i int, flags uint16, edit func(p boltfile.Page)) func() {
		return func() {
			damageFile(t, in(i), func(b []byte) []byte {
				for at := 4 * pageSize; at < len(b); at += 5 * pageSize {
					if p := boltfile.Page(b[at:][:pageSize]); p.Flags() == flags && p.Count() > 1 {
						edit(p)
					}
				}
				return b
			})
		}
	}
	wipe := func(p boltfile.Page) { clear(p) }
	for what, hurt := range map[string]func(){
		"a wrong name":  move(in(1), filepath.Join(dir, segmentName(9))),
		"two exchanged": func() { move(in(0), dir+"/x")(); move(in(1), in(0))(); move(dir+"/x", in(1))() },
		"a copy":        func() { b, _ := os.ReadFile(in(1)); os.WriteFile(filepath.Join(dir, segmentName(9000)), b, 0o600) },
		"in salvage":    move(in(1), in(1)+salvageSuffix),
		"on its way":    move(in(1), in(1)+movedSuffix),
		"leaves":        pages(0, boltfile.LeafPage, wipe),
		"newest leaves": pages(newest, boltfile.LeafPage, wipe),
		"leaf keys":     pages(1, boltfile.LeafPage, func(p boltfile.Page) { p[len(p)-1-100] ^= 1; p[8] = 9 }),
		"no tree":       func() { damageFile(t, in(0), func(b []byte) []byte { clear(b[:2*pageSize]); return b }) },
		"cut short":     func() { damageFile(t, in(0), func(b []byte) []byte { return b[:len(b)/2] }) },
		"missing":       func() { os.Remove(in(1)) },
		"a folder":      func() { os.Remove(in(1)); os.Mkdir(in(1), 0o700) },
	} {
		copyDir(t, base, dir)
		hurt()
		l := looked(t, dir)
		out, _ := gather(t, l.Each)
		o := testOptions(dir)
		o.tune = smallSizes()
		q := mustOpen(t, o)
		numbers, _ := drain(t, q)
		total := checkLedger(t, q)
		lost := l.Total.Read - l.Total.Acked - l.Total.LostAll() - l.Total.Quarantined - l.Waiting
		if l.Waiting != total.Waiting || l.Total.Read != total.Read || lost != total.LostAll() {
			t.Errorf("%s: %d wait and %d are missing of %d, a start finds %+v", what, l.Waiting, lost, l.Total.Read, total)
		}
		if len(out) != len(numbers) || uint64(len(out)) != l.Waiting {
			t.Errorf("%s: %d are exported, a start hands out %d", what, len(out), len(numbers))
		}
		mustClose(t, q)
		if l := looked(t, dir); slices.ContainsFunc(l.Faults, func(f Fault) bool { return !f.Harmless }) {
			t.Errorf("%s: after a start there is still %v", what, l.Faults)
		}
	}
}

// TestInspectOfAThinnedQueue: what thinning left is sound, and all of it comes
// out.
func TestInspectOfAThinnedQueue(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) { inspectThinned(t, dir) })
}

func inspectThinned(t *testing.T, dir string) {
	o := testOptions(dir)
	o.MaxSize = 1 << 20
	q := mustOpen(t, o)
	dev, _ := q.Device("a")
	for i := 0; i < 15_000; i++ {
		for errors.Is(q.Append(0, dev, uint32(i%7), []byte(text(i))), ErrFull) {
			<-q.NotFull()
		}
	}
	time.Sleep(10 * time.Second) // until it is small enough
	synctest.Wait()
	_, recs := drain(t, q)
	got, missing := gather(t, q.Each)
	c := checkLedger(t, q)
	if len(got) != len(recs) || len(missing) > 0 || c.Waiting != uint64(len(got)) || c.LostAll() == 0 {
		t.Errorf("%d of %d, missing %v, %+v", len(got), len(recs), missing, c)
	}
	mustClose(t, q)
	l := looked(t, dir)
	rest, missing := gather(t, l.Each)
	if len(l.Faults) > 0 || len(missing) > 0 || l.Total.LostAll() != c.LostAll() || l.Waiting != c.Waiting {
		t.Errorf("%v %v %+v, was %+v", l.Faults, missing, l.Total, c)
	}
	sameTexts(t, rest, got)
}
