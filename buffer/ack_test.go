package buffer

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a queue in fake time.
func bubble(t *testing.T, edit func(*Options), run func(t *testing.T, q *Queue, dev uint16)) {
	t.Helper()
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		if edit != nil {
			edit(&o)
		}
		q := mustOpen(t, o)
		dev, err := q.Device("dev")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		run(t, q, dev)
		mustClose(t, q)
	})
}

func mustAck(t testing.TB, q *Queue, from, through uint64) {
	t.Helper()
	if err := q.Ack(from, through); err != nil {
		t.Fatal("ack: ", err)
	}
}

func wantFirst(t testing.TB, q *Queue, want uint64) {
	t.Helper()
	if first, _ := q.Bounds(); first != want {
		t.Errorf("first not released is %d, want %d", first, want)
	}
}

func TestHoldReleasesLateNeverEarly(t *testing.T) {
	hold := func(o *Options) { o.FenceHold = 30 * time.Second }
	bubble(t, hold, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 10)
		time.Sleep(29 * time.Second)
		wantFirst(t, q, 1)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		wantFirst(t, q, 11)
		if s := q.Stats(); s.Commits != 0 || s.Held != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRewindMakesHeldWaitAgainOnce(t *testing.T) {
	hold := func(o *Options) { o.FenceHold = 30 * time.Second }
	bubble(t, hold, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 10)
		if c := checkLedger(t, q); c.Acked != 10 {
			t.Fatalf("%+v", c)
		}
		from, err := q.Rewind()
		if err != nil || from != 1 {
			t.Fatal(from, err)
		}
		if c := checkLedger(t, q); c.Waiting != 10 || c.Acked != 0 {
			t.Fatalf("%+v", c)
		}
		time.Sleep(500 * time.Millisecond)
		if s := q.Stats(); s.Commits != 0 {
			t.Error("committed before CommitEvery had passed since the rewind")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := q.Stats(); s.WaitingDisk != 10 {
			t.Errorf("not committed after the rewind: %+v", s)
		}
		if numbers, _ := drain(t, q); len(numbers) != 10 {
			t.Fatal(numbers)
		}
		mustAck(t, q, 1, 10) // proven a second time: no hold any more
		wantFirst(t, q, 11)
		if s := q.Stats(); s.Accepted != 10 {
			t.Errorf("accepted %d of 10", s.Accepted)
		}
	})
}

func TestForgetEndsTheHold(t *testing.T) {
	hold := func(o *Options) { o.FenceHold = 30 * time.Second }
	bubble(t, hold, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 10)
		if err := q.Forget(); err != nil {
			t.Fatal(err)
		}
		wantFirst(t, q, 11)
	})
}

func TestCloseWithoutForgetKeepsTheHeld(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		o.FenceHold = 30 * time.Second
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 10)
		mustClose(t, q)
		q = mustOpen(t, o)
		if numbers, _ := drain(t, q); len(numbers) != 10 {
			t.Error("held records are gone after a stop: ", numbers)
		}
		checkLedger(t, q)
		mustClose(t, q)
	})
}

func TestAckWithGaps(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 30)
		mustAck(t, q, 21, 30)
		wantFirst(t, q, 1)
		mustAck(t, q, 5, 8)
		numbers, _ := drain(t, q)
		if len(numbers) != 16 || numbers[3] != 4 || numbers[4] != 9 || numbers[15] != 20 {
			t.Fatal(numbers)
		}
		mustAck(t, q, 1, 20)
		wantFirst(t, q, 31)
	})
}

// TestFreshLaneSurvivesAStop: what was released beyond the mark is not sent
// again after a clean stop.
func TestFreshLaneSurvivesAStop(t *testing.T) {
	dir := fastDir(t)
	synctest.Test(t, func(t *testing.T) {
		q := mustOpen(t, testOptions(dir))
		dev, _ := q.Device("dev")
		appendN(t, q, dev, 0, 100)
		time.Sleep(3 * time.Second)
		mustAck(t, q, 51, 100)
		mustClose(t, q)
		q = mustOpen(t, testOptions(dir))
		if numbers, _ := drain(t, q); len(numbers) != 50 || numbers[49] != 50 {
			t.Error(numbers)
		}
		if c := checkLedger(t, q); c.Acked != 50 || c.Waiting != 50 {
			t.Errorf("%+v", c)
		}
		mustClose(t, q)
	})
}

func TestAckBeyondBeginsANewEpoch(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		was := q.Epoch()
		if err := q.Ack(1, 500); !errors.Is(err, ErrRollback) {
			t.Fatal(err)
		}
		if q.Epoch() == was || q.Stats().NewEpochs != 1 {
			t.Error("same epoch")
		}
		if c := checkLedger(t, q); c.Waiting != 10 {
			t.Errorf("something was released: %+v", c)
		}
		synctest.Wait()
		st, err := readSidecar(q.fs)
		if err != nil || st.epoch != q.Epoch() {
			t.Error("new epoch is not on disk", err)
		}
	})
}

func TestStrictReadsOnlyWhatIsOnDisk(t *testing.T) {
	strict := func(o *Options) { o.CommitEvery = 0 }
	bubble(t, strict, func(t *testing.T, q *Queue, dev uint16) {
		q.mu.Lock() // the committer cannot take the batch yet
		mono := q.opt.Mono()
		q.tail.append(q.next, Entry{Device: dev, Boot: q.boot, Mono: mono, Rec: []byte("{}")})
		q.next++
		q.dirty += headerLen + 2
		q.ledger.read(dev, 1)
		bump(&q.waiting, dev, 1)
		q.mu.Unlock()
		changed := q.Changed()
		if _, recs, _ := q.readRecords(1, 1000, 10); len(recs) != 0 {
			t.Fatal("read before the fsync")
		}
		q.wake()
		<-changed
		if _, recs, _ := q.readRecords(1, 1000, 10); len(recs) != 1 {
			t.Fatal("not readable after the fsync")
		}
		appendN(t, q, dev, 0, 5)
		synctest.Wait()
		if s := q.Stats(); s.Accepted != 6 || s.WaitingMemory != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestUnprovenCommitsEverything(t *testing.T) {
	none := func(o *Options) { o.Unproven = true }
	bubble(t, none, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 10)
		mustAck(t, q, 1, 10)
		if err := q.Forget(); err != nil {
			t.Fatal(err)
		}
		wantFirst(t, q, 1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := q.Stats(); s.CommittedRecords != 10 {
			t.Errorf("%+v", s)
		}
		wantFirst(t, q, 11)
	})
}

// TestHoldIsShortenedBeforeAnythingIsWritten: at a high flow over a healthy
// link the hold gives way and the card stays dry.
func TestHoldIsShortenedBeforeAnythingIsWritten(t *testing.T) {
	hold := func(o *Options) {
		o.FenceHold = 30 * time.Second
		o.tune = defaultSizes(200 << 20)
		o.tune.soft, o.tune.hard = 256<<10, 512<<10
	}
	bubble(t, hold, func(t *testing.T, q *Queue, dev uint16) {
		for i := range 400 { // 20 s at 50 records each 50 ms: about 2 MB
			appendN(t, q, dev, i*50, 50)
			mustAck(t, q, 1, uint64(i+1)*50)
			time.Sleep(50 * time.Millisecond)
		}
		s := q.Stats()
		if s.HoldShortened == 0 || s.Commits != 0 || s.MemoryBytes > 300<<10 {
			t.Errorf("%+v", s)
		}
	})
}

// pressing is a disk whose Free is called by the committer in the middle of its
// pass, after it had the hold give way and before it decides to commit.
type pressing struct {
	osFS
	free func()
}

func (p *pressing) Free() (int64, error) {
	if p.free != nil {
		p.free()
	}
	return 1 << 40, nil
}

// TestHoldGivesWayInTheMiddleOfAPass: what comes while the committer works is no
// reason to write either, as long as the hold can give way.
func TestHoldGivesWayInTheMiddleOfAPass(t *testing.T) {
	disk := &pressing{}
	edit := func(o *Options) {
		disk.osFS = osFS{o.Dir}
		o.FS, o.FenceHold, o.MinFree, o.tune = disk, 30*time.Second, 1, smallSizes()
		o.tune.numbers = 1 << 14
	}
	bubble(t, edit, func(t *testing.T, q *Queue, dev uint16) {
		at := 0
		proven := func(while func() bool) {
			for while() {
				appendN(t, q, dev, at, 1)
				at++
				mustAck(t, q, uint64(at), uint64(at))
			}
		}
		bytes := func() int {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.dirty
		}
		proven(func() bool { return bytes() < q.sz.soft-500 })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		disk.free = func() { // from just below the limit to just above it
			disk.free = nil
			proven(func() bool { return bytes() <= q.sz.soft })
		}
		q.wake()
		synctest.Wait()
		if s := q.Stats(); disk.free != nil || s.Commits != 0 || s.HoldShortened == 0 || s.MemoryBytes > q.sz.soft {
			t.Errorf("looked at the disk: %v, %+v", disk.free == nil, s)
		}
	})
}

func TestSealEndsTheStream(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 3)
		q.Seal()
		if err := q.Append(0, dev, 0, []byte("{}")); !errors.Is(err, ErrSealed) {
			t.Error(err)
		}
		if _, recs, err := q.readRecords(1, 1000, 10); len(recs) != 3 || err != nil {
			t.Error(recs, err)
		}
		if _, _, err := q.readRecords(4, 1000, 10); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestChangedWakes(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		c := q.Changed()
		select {
		case <-c:
			t.Fatal("closed before anything changed")
		default:
		}
		appendN(t, q, dev, 0, 1)
		<-c
		c = q.Changed()
		if _, err := q.Rewind(); err != nil {
			t.Fatal(err)
		}
		<-c
	})
}

func TestReadRespectsItsLimits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		appendN(t, q, dev, 0, 5000)
		for _, where := range []string{"memory", "disk"} {
			if where == "disk" {
				time.Sleep(3 * time.Second)
				synctest.Wait()
				q.mu.Lock()
				q.tail.drop(0, len(q.tail.blocks), func(*block) bool { return true })
				q.mu.Unlock()
			}
			if _, recs, _ := q.readRecords(1, 1, 10); len(recs) != 1 {
				t.Error(where, ": at least one record even over the limit: ", len(recs))
			}
			if _, recs, _ := q.readRecords(1, 1<<20, 7); len(recs) != 7 {
				t.Error(where, ": ", len(recs))
			}
			_, recs, _ := q.readRecords(1, 1000, 1000)
			n := 0
			for _, r := range recs {
				n += len(r)
			}
			if n > 1000 || n < 800 {
				t.Error(where, ": ", n)
			}
		}
	})
}
