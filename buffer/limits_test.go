package buffer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// offline appends n records of about 1 KB with pauses for commits.
func offline(t *testing.T, q *Queue, dev uint16, n int) {
	t.Helper()
	pad := make([]byte, 1000)
	for i := range pad {
		pad[i] = 'x'
	}
	for i := range n {
		if err := q.Append(0, dev, 0, fmt.Appendf(nil, "%06d%s", i, pad)); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			time.Sleep(1100 * time.Millisecond)
		}
	}
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func TestFullDropsTheOldest(t *testing.T) {
	for _, policy := range []WhenFull{DropOldest} {
		small := func(o *Options) { o.MaxSize, o.WhenFull = 2<<20, policy }
		bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
			offline(t, q, dev, 4000)
			s := q.Stats()
			if s.Bytes > 2<<20 {
				t.Errorf("%d bytes on disk, 2 MB allowed", s.Bytes)
			}
			c := checkLedger(t, q)
			numbers, _ := drain(t, q)
			if c.Lost["full"] == 0 || c.Waiting != uint64(len(numbers)) || c.Waiting+c.Lost["full"] != 4000 {
				t.Errorf("%+v, %d there", c, len(numbers))
			}
			if numbers[0] != c.Lost["full"]+1 || numbers[len(numbers)-1] != 4000 {
				t.Error("not the oldest were dropped: ", numbers[0], numbers[len(numbers)-1])
			}
			var counted uint64
			for _, l := range s.Losses {
				if l.Reason != "full" || l.Devices["dev"] != l.Count || l.Last-l.First+1 != l.Count || l.Newest.Mono < l.Oldest.Mono {
					t.Errorf("%+v", l)
				}
				counted += l.Count
			}
			if counted != c.Lost["full"] {
				t.Errorf("losses say %d, ledger %d", counted, c.Lost["full"])
			}
			if c.Waiting < 850 {
				t.Errorf("only %d of about 1000 that fit are there", c.Waiting)
			}
			// A late acknowledgement does not bring the lost ones back.
			mustAck(t, q, 1, 4000)
			if after := checkLedger(t, q); after.Lost["full"] != c.Lost["full"] || after.Acked != c.Waiting {
				t.Errorf("%+v", after)
			}
		})
	}
}

func TestFullDropsTheNewest(t *testing.T) {
	small := func(o *Options) {
		o.MaxSize, o.WhenFull = 2<<20, DropNewest
		o.tune = defaultSizes(2 << 20)
		o.tune.soft, o.tune.hard = 256<<10, 512<<10
	}
	bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
		offline(t, q, dev, 4000)
		c, s := checkLedger(t, q), q.Stats()
		numbers, _ := drain(t, q)
		if !s.Full || c.Lost["full"] == 0 || c.Waiting != uint64(len(numbers)) || numbers[0] != 1 || s.Bytes > 2<<20 {
			t.Errorf("%+v %+v", c, s)
		}
		mustAck(t, q, 1, numbers[len(numbers)-1])
		time.Sleep(2 * time.Second)
		appendN(t, q, dev, 0, 10)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if after := checkLedger(t, q); after.Waiting != 10 {
			t.Errorf("does not take records again: %+v", after)
		}
	})
}

// TestHoldEndsBeforeAnythingIsShed: proven records make space first.
func TestHoldEndsBeforeAnythingIsShed(t *testing.T) {
	small := func(o *Options) { o.MaxSize, o.FenceHold = 3<<20, time.Hour }
	bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
		offline(t, q, dev, 1000)
		mustAck(t, q, 1, 1000)
		offline(t, q, dev, 1000)
		if c := checkLedger(t, q); c.LostAll() != 0 || c.Waiting != 1000 {
			t.Errorf("%+v", c)
		}
		if q.Stats().HoldShortened == 0 {
			t.Error("the hold was not shortened")
		}
	})
}

func TestAgeLimit(t *testing.T) {
	old := func(o *Options) { o.MaxAge = time.Hour }
	bubble(t, old, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 100)
		time.Sleep(50 * time.Minute)
		appendN(t, q, dev, 100, 50)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		c := checkLedger(t, q)
		numbers, _ := drain(t, q)
		if c.Lost["age"] != 100 || len(numbers) != 50 || numbers[0] != 101 {
			t.Errorf("%+v, %d there", c, len(numbers))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if c := checkLedger(t, q); c.Lost["age"] != 150 || c.Waiting != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// TestAgeAcrossBoots: the age of a record of an earlier boot counts what the
// boots are known to have lasted, and is exact where both offsets are known.
func TestAgeAcrossBoots(t *testing.T) {
	for _, exact := range []bool{false, true} {
		dir := fastDir(t)
		synctest.Test(t, func(t *testing.T) {
			o := testOptions(dir)
			o.MaxAge = 24 * time.Hour
			q := mustOpen(t, o)
			dev, _ := q.Device("dev")
			appendN(t, q, dev, 0, 10)
			time.Sleep(10 * time.Hour)
			if exact {
				if err := q.SetOffset(q.Boot(), Offset{Unix: 1_000_000_000_000}); err != nil {
					t.Fatal(err)
				}
			}
			mustClose(t, q)

			o.BootID, o.Mono = [16]byte{2}, monoFrom(0)
			q = mustOpen(t, o)
			if q.Boot() != 2 {
				t.Fatal("boot ", q.Boot())
			}
			if exact { // three days without power
				if err := q.SetOffset(2, Offset{Unix: 1_000_000_000_000 + (82 * time.Hour).Milliseconds()}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Hour)
			q.wake()
			synctest.Wait()
			c := checkLedger(t, q)
			if exact != (c.Lost["age"] == 10) {
				t.Errorf("exact %v: %+v", exact, c)
			}
			time.Sleep(15 * time.Hour)
			q.wake()
			synctest.Wait()
			if c := checkLedger(t, q); c.Lost["age"] != 10 {
				t.Errorf("10 h before and 17 h after the start are more than a day: %+v", c)
			}
			mustClose(t, q)
		})
	}
}

func TestMemoryLimit(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		f := newFake(dir)
		f.record = false
		o.FS = &slowFS{fakeFS: f, gate: make(chan struct{})}
		o.tune = smallSizes()
		o.tune.numbers = 1 << 20 // where they run dry Append waits for the disk
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		synctest.Wait()
		n := 0
		var err error
		for ; err == nil; n++ {
			err = q.Append(0, dev, 0, make([]byte, 1000))
		}
		if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		n--
		if s := q.Stats(); s.MemoryBytes > o.tune.hard {
			t.Errorf("%+v", s)
		}
		if c := checkLedger(t, q); c.Read != uint64(n) {
			t.Errorf("a refused record was counted: %+v", c)
		}
		q.Lose(dev, "memory", 1)
		notFull := q.NotFull()
		select {
		case <-notFull:
			t.Fatal("it says that memory is not full")
		default:
		}
		synctest.Wait()
		time.Sleep(20 * time.Second)
		if q.Idle() < 15*time.Second {
			t.Errorf("the committer hangs in a commit and says idle %v", q.Idle())
		}
		close(o.FS.(*slowFS).gate)
		<-notFull
		if err := q.Append(0, dev, 0, make([]byte, 1000)); err != nil {
			t.Error(err)
		}
		if c := checkLedger(t, q); c.Lost["memory"] != 1 || c.Read != uint64(n+2) {
			t.Errorf("%+v", c)
		}
		mustClose(t, q)
	})
}

// slowFS makes commits wait at a gate, as a card does that erases a block.
type slowFS struct {
	*fakeFS
	gate chan struct{}
}

func (s *slowFS) CreateDB(name string, limit int) (DB, error) {
	<-s.gate
	return s.fakeFS.CreateDB(name, limit)
}

// TestRingWhileTheDiskIsAway: with the disk gone the newest readings stay in
// memory and the oldest are counted as lost.
func TestRingWhileTheDiskIsAway(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		f := newFake(dir)
		f.record = false
		f.failAt, f.always, f.err = 1, true, syscall.EROFS
		o.FS, o.tune = f, smallSizes()
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		synctest.Wait()
		if s := q.Stats(); !s.Degraded || s.Code != "BUF-READONLY" {
			t.Fatalf("%+v", s)
		}
		for i := range 5000 {
			if err := q.Append(0, dev, 0, []byte(text(i))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // until the numbers may be used
		c := checkLedger(t, q)
		numbers, recs := drain(t, q)
		if c.Read != 5000 || c.Lost["io"] == 0 || uint64(len(numbers)) != c.Waiting || recs[len(recs)-1] != text(4999) {
			t.Fatalf("%+v, %d there", c, len(recs))
		}
		mustAck(t, q, numbers[0], numbers[len(numbers)-1])
		appendN(t, q, dev, 5000, 10)
		f.heal()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		s := q.Stats()
		if s.Degraded || s.WaitingDisk != 10 || s.Reopened != 1 {
			t.Errorf("did not recover: %+v", s)
		}
		mustClose(t, q)
	})
}

func TestNumbersRunDry(t *testing.T) {
	few := func(o *Options) { o.tune = smallSizes() }
	bubble(t, few, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 2000) // many blocks of 128 numbers
		if _, next := q.Bounds(); next != 2001 {
			t.Error(next)
		}
		synctest.Wait()
		st, err := readSidecar(q.fs)
		if err != nil || st.reserved < 2001 {
			t.Error("numbers in use are not reserved on disk: ", st.reserved, err)
		}
	})
}

// TestALossThatGoesOnIsLoggedOnceAMinute: the log tells that it began, then
// once a minute how much, and the sum of the lines is the loss.
func TestALossThatGoesOnIsLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	small := func(o *Options) {
		o.Dir, o.MaxSize, o.WhenFull, o.tune = fastDir(t), 1<<20, DropOldest, smallSizes()
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	}
	var lost uint64
	bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
		for i := range 400 {
			appendN(t, q, dev, i*50, 50)
			time.Sleep(time.Second)
		}
		lost = checkLedger(t, q).LostAll()
	})
	lines, sum := 0, uint64(0)
	for line := range bytes.Lines(log.Bytes()) {
		var l struct {
			Event string
			Count uint64
		}
		if err := json.Unmarshal(line, &l); err == nil && l.Event == "buffer.dropped" {
			lines++
			sum += l.Count
		}
	}
	if lines < 3 || lines > 9 || sum < lost || lost == 0 {
		t.Errorf("%d lines tell of %d readings in 400 s, %d were lost", lines, sum, lost)
	}
}
