package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

// TestExportWithoutTheStateFile: what can be read of a damaged newest file lies
// below the end that the head names, or it would be taken for what came later;
// and records are called what they were called before.
func TestExportWithoutTheStateFile(t *testing.T) {
	for i, d := range importDamages() {
		dir := filepath.Join(fastDir(t), "q")
		var called Name
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.tune = smallSizes()
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			called, _ = q.Name(1)
			c := carried{src: Name{fmt.Sprint("B", i), 77}, numbers: evens(1000, 2598)}
			c.take(t, q, dev, c.numbers)
			mustClose(t, q)
		})
		segs := segmentFiles(t, dir)
		newest := segs[len(segs)-1]
		b, err := os.ReadFile(newest)
		if err != nil || len(segs) < 2 {
			t.Fatal(err, segs)
		}
		if os.WriteFile(newest, d.edit(b), 0o600) != nil || os.Remove(filepath.Join(dir, sidecarName)) != nil {
			t.Fatal("cannot damage it")
		}
		for range 2 {
			l, err := Inspect(dir)
			if err != nil {
				t.Fatal(err)
			}
			h, records, nameless := l.Head(), 0, 0
			err = l.Each(func(r Record) error {
				if records++; r.Number < h.First || r.Number >= h.Next {
					return fmt.Errorf("record %d is not from %d up to %d", r.Number, h.First, h.Next)
				}
				if r.Called == (Name{}) {
					nameless++
				} else if r.Called != called {
					return fmt.Errorf("record %d is called %v, not %v", r.Number, r.Called, called)
				}
				return nil
			}, func(uint64, uint64, string) error { return nil })
			if err != nil || records < 500 || nameless > records/2 || h.Epoch == 0 {
				t.Errorf("%s: %d records, %d without a name, epoch %x, %v", d.name, records, nameless, h.Epoch, err)
			}
		}
	}
}
