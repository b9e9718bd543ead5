package buffer

import (
	"errors"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// monoFrom is a monotonic clock that follows the bubble's or the real time.
func monoFrom(at int64) func() int64 {
	start := time.Now()
	return func() int64 { return at + time.Since(start).Milliseconds() }
}

func testOptions(dir string) Options {
	return Options{Dir: dir, CommitEvery: time.Second, Mono: monoFrom(1000), BootID: [16]byte{1}}
}

func mustOpen(t testing.TB, o Options) *Queue {
	t.Helper()
	q, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func mustClose(t testing.TB, q *Queue) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Fatal("close: ", err)
	}
}

// text is the record with a number of the test's own.
func text(i int) string {
	return `{"i":` + strconv.Itoa(i) + `,"pad":"` + strings.Repeat("0", max(1, i%90)) + `"}`
}

func appendN(t testing.TB, q *Queue, dev uint16, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if err := q.Append(0, dev, 7, []byte(text(i))); err != nil {
			t.Fatal("append ", i, ": ", err)
		}
	}
}

// drain reads everything from the first number not released on.
func drain(t testing.TB, q *Queue) (numbers []uint64, recs []string) {
	t.Helper()
	at, _ := q.Bounds()
	for {
		first, got, err := q.readRecords(at, 30_000, 200)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal("read: ", err)
		}
		if len(got) == 0 {
			return numbers, recs
		}
		for i, r := range got {
			numbers = append(numbers, first+uint64(i))
			recs = append(recs, string(r))
		}
		at = first + uint64(len(got))
	}
}

func checkLedger(t testing.TB, q *Queue) Counts {
	t.Helper()
	total, devices := q.Ledger()
	var read uint64
	for name, c := range devices {
		read += c.Read
		if c.Read != c.Acked+c.Waiting+c.Quarantined+c.LostAll() {
			t.Errorf("ledger of %q does not balance: %+v", name, c)
		}
	}
	if read != total.Read || total.Read != total.Acked+total.Waiting+total.Quarantined+total.LostAll() {
		t.Errorf("ledger does not balance: %+v", total)
	}
	if int64(total.Acked) < 0 {
		t.Errorf("acked is negative: %+v", total)
	}
	return total
}

// TestAcceptedOnce: records that are acknowledged and released while a commit
// writes them are accepted once.
func TestAcceptedOnce(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		slow := &slowFS{fakeFS: newFake(dir), gate: make(chan struct{})}
		o.FS = slow
		q := mustOpen(t, o)
		dev, err := q.Device("dev")
		if err != nil {
			t.Fatal(err)
		}
		first := q.Stats().Next
		appendN(t, q, dev, 0, 10)
		time.Sleep(2 * time.Second) // the commit waits at the gate
		if err := q.Ack(first, first+5); err != nil {
			t.Fatal(err)
		}
		close(slow.gate)
		synctest.Wait()
		if s := q.Stats(); s.Accepted != 10 || s.WaitingDisk != 4 {
			t.Errorf("%d accepted and %d on disk, want 10 and 4", s.Accepted, s.WaitingDisk)
		}
		mustClose(t, q)
	})
}

// TestAcceptedAcrossRestarts: what the last commit made accepted is in the sum
// that the commit carries, whether or not a part was acknowledged before.
func TestAcceptedAcrossRestarts(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		for life, acked := range []uint64{0, 3, 10} {
			q := mustOpen(t, testOptions(dir))
			dev, err := q.Device("dev")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := q.Stats().Accepted, uint64(10*life); got != want {
				t.Errorf("life %d begins with %d accepted, want %d", life, got, want)
			}
			first := q.Stats().Next
			appendN(t, q, dev, 0, 10)
			if acked > 0 {
				if err := q.Ack(first, first+acked-1); err != nil {
					t.Fatal(err)
				}
			}
			mustClose(t, q)
			if got, want := q.Stats().Accepted, uint64(10*life+10); got != want {
				t.Errorf("life %d ends with %d accepted, want %d", life, got, want)
			}
		}
	})
}

func TestAppendReadAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(fastDir(t)))
		dev, err := q.Device("gps")
		if err != nil || dev != 1 {
			t.Fatal(dev, err)
		}
		appendN(t, q, dev, 0, 100)
		numbers, recs := drain(t, q)
		if len(recs) != 100 || recs[99] != text(99) || numbers[0] != 1 {
			t.Fatal(len(recs), numbers)
		}
		if err := q.Ack(1, 100); err != nil {
			t.Fatal(err)
		}
		c := checkLedger(t, q)
		if c.Acked != 100 || c.Waiting != 0 {
			t.Fatalf("%+v", c)
		}
		time.Sleep(5 * time.Second)
		if s := q.Stats(); s.Commits != 0 || s.Accepted != 100 {
			t.Fatalf("acknowledged records were written: %+v", s)
		}
		mustClose(t, q)
	})
}

func TestRestartKeepsWhatWaits(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		dev, _ := q.Device("gps")
		appendN(t, q, dev, 0, 20_000)
		time.Sleep(3 * time.Second)
		if s := q.Stats(); s.WaitingMemory != 0 || s.WaitingDisk != 20_000 || s.Accepted != 20_000 {
			t.Fatalf("%+v", s)
		}
		if err := q.Ack(1, 7_000); err != nil {
			t.Fatal(err)
		}
		appendN(t, q, dev, 20_000, 5)
		epoch := q.Epoch()
		mustClose(t, q)
		q = mustOpen(t, testOptions(dir))
		if q.Epoch() != epoch {
			t.Error("epoch changed")
		}
		numbers, recs := drain(t, q)
		if len(recs) != 13_005 || recs[0] != text(7_000) || recs[13_004] != text(20_004) || numbers[0] != 7_001 {
			t.Fatal(len(recs), numbers[0], recs[0])
		}
		c := checkLedger(t, q)
		if c.Read != 20_005 || c.Acked != 7_000 || c.Waiting != 13_005 {
			t.Fatalf("%+v", c)
		}
		if _, next := q.Bounds(); next != 20_006 {
			t.Error("next number after a clean stop is ", next)
		}
		if err := q.Ack(numbers[0], numbers[len(numbers)-1]); err != nil {
			t.Fatal(err)
		}
		mustClose(t, q)
	})
}

func TestValueSumIsCRC32C(t *testing.T) {
	rest := []byte("everything that follows")
	want := crc32.Checksum(append(key(0x0102030405060708), rest...), crc32.MakeTable(crc32.Castagnoli))
	if got := valueSum(0x0102030405060708, rest); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}
