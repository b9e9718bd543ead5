package buffer

import (
	"path/filepath"
	"testing"
)

// TestEmptySegmentIsSalvaged: the newest file holds nothing but the ledger, as
// after everything was delivered, and goes bad. What is written next gets the
// number that this file began with, and so a file of the same name: the empty
// one must not take it along when it goes. It cost what the first
// commit held. Rows 12 and 16.
func TestEmptySegmentIsSalvaged(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	filled(t, dir, 400, nil)
	o := testOptions(dir)
	o.tune = smallSizes()
	q := mustOpen(t, o)
	mustAck(t, q, 1, 400)
	flushNow(t, q)
	mustClose(t, q)
	segs := segmentFiles(t, dir)
	newest := segs[len(segs)-1]
	if filepath.Base(newest) != segmentName(401) {
		t.Fatalf("there is no empty segment, the test proves nothing: %v", segs)
	}
	damageFile(t, newest, func(b []byte) []byte { clear(b[:2*pageSize]); return b })
	for life := range 3 {
		q = mustOpen(t, o)
		if life == 0 {
			if _, next := q.Bounds(); next != 401 {
				t.Fatalf("the next number is %d, the test proves nothing", next)
			}
			dev, _ := q.Device("a")
			appendN(t, q, dev, 400, 5)
		}
		flushNow(t, q)
		_, recs := drain(t, q)
		if total := checkLedger(t, q); len(recs) != 5 || total.LostAll() != 0 || total.Waiting != 5 {
			t.Errorf("life %d: %d records of 5, %+v", life, len(recs), total)
		}
		mustClose(t, q)
	}
}
