package buffer

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestNumbersAfterALostState: what was acknowledged before its commit was due stands in
// no file, but the ledger in the newest one counts its numbers as through. Without the
// state file they must not be given again: such a record would wait for ever, and
// nobody would be handed it.
func TestNumbersAfterALostState(t *testing.T) {
	for acked := 1; acked < 4; acked++ {
		synctest.Test(t, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			o := testOptions(dir)
			o.CommitEvery, o.FenceHold = time.Hour, 0
			q := mustOpen(t, o)
			dev, _ := q.Device("a")
			appendN(t, q, dev, 0, 1) // waits
			q.CommitNow()
			synctest.Wait()
			appendN(t, q, dev, 1, acked)
			mustAck(t, q, 2, uint64(1+acked))
			time.Sleep(31 * time.Minute) // the ledger is committed
			synctest.Wait()
			mustClose(t, q)
			if err := os.Remove(filepath.Join(dir, sidecarName)); err != nil {
				t.Fatal(err)
			}
			q = mustOpen(t, o)
			dev, _ = q.Device("a")
			appendN(t, q, dev, 10, 3)
			if _, recs := drain(t, q); len(recs) != 4 {
				t.Errorf("%d acknowledged in memory: %d of 4 records are handed out", acked, len(recs))
			}
			mustClose(t, q)
		})
	}
}
