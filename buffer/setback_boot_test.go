package buffer

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

// TestBootOfAStateSetBack: without its state file a queue gives the boot it is in
// another index. When an older state file is put back that knows it by the first one,
// the records of the second can be dated all the same; they would wait for ever, and
// all behind them.
func TestBootOfAStateSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(fastDir(t), "q")
		o := testOptions(dir)
		at := 0
		live := func() *Queue {
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, at, 10)
			at += 10
			return q
		}
		state := filepath.Join(dir, sidecarName)
		q := live()
		first := q.Boot()
		mustClose(t, q)
		old, err := os.ReadFile(state)
		if err != nil || os.Remove(state) != nil {
			t.Fatal("no state file: ", err)
		}
		q = live()
		second := q.Boot()
		mustClose(t, q)
		if err := os.WriteFile(state, old, 0o600); err != nil || second <= first {
			t.Fatal(first, second, err)
		}
		q = live()
		if q.Boot() <= second {
			t.Errorf("in boot %d after boot %d", q.Boot(), second)
		}
		if err := q.SetOffset(second, Offset{Unix: 1}); err != nil {
			t.Error("records cannot be dated: ", err)
		}
		third := q.Boot()
		mustClose(t, q)
		q = live()
		if q.Boot() != third {
			t.Errorf("the same boot is %d and %d", third, q.Boot())
		}
		mustClose(t, q)
	})
}
