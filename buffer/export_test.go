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
// and two buffers that lost their state files are two sources.
func TestExportWithoutTheStateFile(t *testing.T) {
	epochs := map[uint64]string{}
	for i, d := range importDamages() {
		dir := filepath.Join(fastDir(t), "q")
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.tune = smallSizes()
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			c := carried{src: Source{fmt.Sprint("B", i), 77}, numbers: evens(1000, 2598)}
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
			h, records := l.Head(), 0
			err = l.Each(func(r Record) error {
				if records++; r.Number < h.First || r.Number >= h.Next {
					return fmt.Errorf("record %d is not from %d up to %d", r.Number, h.First, h.Next)
				}
				return nil
			}, func(uint64, uint64, string) error { return nil })
			if err != nil || records < 500 {
				t.Errorf("%s: %d records, %v", d.name, records, err)
			}
			if other, used := epochs[h.Epoch]; h.Epoch == 0 || used && other != d.name {
				t.Errorf("%s has epoch %x, as %s", d.name, h.Epoch, other)
			}
			epochs[h.Epoch] = d.name
		}
	}
	if len(epochs) != len(importDamages()) {
		t.Error("the same files were exported as different sources: ", epochs)
	}
}
