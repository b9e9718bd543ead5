package buffer

import (
	"testing"
	"testing/synctest"
	"time"
)

// CommitNow writes what waits, and only that; what comes later has its time.
func TestCommitNow(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.CommitEvery, o.FenceHold = time.Hour, time.Minute
		q := mustOpen(t, o)
		dev, err := q.Device("a")
		if err != nil {
			t.Fatal(err)
		}
		settle := func() Stats {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			return q.Stats()
		}
		before := settle().Commits
		q.CommitNow() // nothing is there
		if st := settle(); st.Commits != before {
			t.Errorf("%d commits of nothing", st.Commits-before)
		}
		appendN(t, q, dev, 0, 3000) // more than one commit takes
		q.CommitNow()
		appendN(t, q, dev, 3000, 5)
		if st := settle(); st.WaitingMemory > 5 || st.Waiting != 3005 || st.Commits == before {
			t.Errorf("after CommitNow: %+v", st)
		}
		time.Sleep(time.Hour + time.Second)
		if st := settle(); st.WaitingMemory != 0 {
			t.Errorf("after commit_every: %+v", st)
		}
		appendN(t, q, dev, 3005, 5)
		q.CommitNow() // the ledger with it, which else would be due by itself
		settle()
		appendN(t, q, dev, 4000, 10)
		first, next := q.Bounds()
		if err := q.Ack(first, next-1); err != nil {
			t.Fatal(err)
		}
		commits := q.Stats().Commits
		q.CommitNow() // all is proven
		if st := settle(); st.Commits != commits || st.Held != 3020 {
			t.Errorf("what is proven was committed: %d commits, %d held", st.Commits-commits, st.Held)
		}
		checkLedger(t, q)
		mustClose(t, q)
	})
}
