package buffer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestOldestWaiting: a file that is partly through does not make what waits older than it
// is: 61 readings of the last minute were said to wait for two.
func TestOldestWaiting(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		dev, err := q.Device("dev")
		if err != nil {
			t.Fatal(err)
		}
		oldest := func(what string, least, most time.Duration) {
			t.Helper()
			if age := time.Duration(q.Stats().OldestAge) * time.Millisecond; age < least || age > most {
				t.Errorf("%s: the oldest is said to be %v old, which is %v to %v", what, age, least, most)
			}
		}
		begin := q.Stats().Next
		for i := range 600 { // a reading a second, while the link is away
			appendN(t, q, dev, i, 1)
			time.Sleep(time.Second)
		}
		oldest("all wait", 600*time.Second, 602*time.Second)
		if err := q.Ack(begin, begin+539); err != nil {
			t.Fatal(err)
		}
		if s := q.Stats(); s.Waiting != 60 {
			t.Fatalf("%d wait", s.Waiting)
		}
		oldest("60 of the last minute wait", 59*time.Second, 70*time.Second)
		mustClose(t, q)

		q = mustOpen(t, testOptions(dir)) // where only the file's own account is left
		if got, _ := drain(t, q); len(got) != 60 {
			t.Fatalf("%d wait", len(got))
		}
		oldest("after a restart, once they were read", 0, 70*time.Second)
		mustClose(t, q)
	})
}
