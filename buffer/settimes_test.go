package buffer

import (
	"testing"
	"testing/synctest"
	"time"
)

// The time until a commit and that of the hold change while the queue is open, for what is
// in it already too.
func TestSetTimes(t *testing.T) {
	bubble(t, func(o *Options) { o.CommitEvery, o.FenceHold = time.Hour, 30*time.Second }, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 5)
		if err := q.SetTimes(2*time.Second, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := q.Stats(); s.WaitingDisk != 5 {
			t.Errorf("after the new time to a commit: %+v", s)
		}
		time.Sleep(2*time.Minute - 4*time.Second)
		wantFirst(t, q, 1)
		time.Sleep(2 * time.Minute)
		wantFirst(t, q, 6)
		mustAck(t, q, 6, 10)
		if err := q.SetTimes(2*time.Second, time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantFirst(t, q, 11)
	})
}

func TestSetTimesRefusesAnotherRule(t *testing.T) {
	bubble(t, func(o *Options) { o.CommitEvery, o.FenceHold = time.Second, 30*time.Second }, func(t *testing.T, q *Queue, _ uint16) {
		for _, c := range [][2]time.Duration{{0, time.Second}, {time.Second, 0}, {-1, 1}, {1, -1}} {
			if q.SetTimes(c[0], c[1]) == nil {
				t.Errorf("%v was taken", c)
			}
		}
	})
	bubble(t, func(o *Options) { o.CommitEvery, o.FenceHold = 0, 0 }, func(t *testing.T, q *Queue, _ uint16) {
		if q.SetTimes(0, 0) != nil || q.SetTimes(time.Second, 0) == nil || q.SetTimes(0, time.Second) == nil {
			t.Error("strict mode and no hold are for good")
		}
	})
}
