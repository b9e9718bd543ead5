package buffer

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portti/cross/testkit"
)

// slowly has every commit and sync take long, and commits end so.
func slowly(pause time.Duration, fail error) func(op, name string) error {
	return func(op, _ string) error {
		switch op {
		case "commit":
			time.Sleep(pause)
			return fail
		case "sync":
			time.Sleep(pause)
		default:
		}
		return nil
	}
}

func slowBubble(t *testing.T, run func(t *testing.T, q *Queue, disk *badDisk, dev uint16)) {
	t.Helper()
	disk := newBadDisk("")
	bubble(t, func(o *Options) {
		o.Dir = fastDir(t)
		disk.osFS = osFS{o.Dir}
		o.FS, o.tune = disk, smallSizes()
		o.tune.numbers = 1 << 20
	}, func(t *testing.T, q *Queue, dev uint16) {
		run(t, q, disk, dev)
		disk.be(sound)
	})
}

// TestSlowDiskLeavesReadingAndSendingFree: with syncs of 20 s neither Append
// nor Read nor Ack ever waits, and the committer shows that it gets on. Row 19.
func TestSlowDiskLeavesReadingAndSendingFree(t *testing.T) {
	slowBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		disk.be(slowly(20*time.Second, nil))
		var worst time.Duration
		at, refused := uint64(1), 0
		for i := range 6000 {
			began := time.Now()
			if err := q.Append(0, dev, 1, []byte(text(i))); errors.Is(err, ErrFull) {
				q.Lose(dev, "memory", 1)
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			if i%10 == 9 {
				first, recs, err := q.readRecords(at, 2000, 5)
				if err != nil {
					t.Fatal(err)
				}
				if len(recs) > 0 {
					at = first + uint64(len(recs))
					mustAck(t, q, first, at-1)
				}
			}
			if took := time.Since(began); took > 0 {
				t.Fatalf("waited %v for the disk", took)
			}
			time.Sleep(100 * time.Millisecond)
			worst = max(worst, q.Idle())
		}
		checkLedger(t, q)
		if worst < 19*time.Second || worst > 41*time.Second {
			t.Errorf("idle was at worst %v: it is for the watchdog and must tell one operation, not a whole backlog", worst)
		}
	})
}

// TestNumbersRunDryBehindASlowDisk: readings come faster than numbers can be
// reserved. None waits, and none is handed out under a number that a power cut
// would have used again.
func TestNumbersRunDryBehindASlowDisk(t *testing.T) {
	slowBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		q.mu.Lock()
		q.sz.numbers = 100
		q.reserved = q.next + 100
		q.mu.Unlock()
		disk.be(slowly(20*time.Second, nil))
		appendN(t, q, dev, 0, 10)
		time.Sleep(5 * time.Second) // in the middle of the commit
		began := time.Now()
		appendN(t, q, dev, 10, 490)
		if took := time.Since(began); took > 0 {
			t.Fatalf("waited %v for the disk", took)
		}
		changed := q.Changed()
		read := func() (n uint64) {
			for at, _ := q.Bounds(); ; {
				first, recs, err := q.readRecords(at, 1<<20, 1000)
				if err != nil {
					t.Fatal(err)
				}
				if len(recs) == 0 {
					return n
				}
				for i, rec := range recs {
					if want := text(int(n) + i); string(rec) != want {
						t.Fatalf("record %d is %q, want %q", first+uint64(i), rec, want)
					}
				}
				at, n = first+uint64(len(recs)), n+uint64(len(recs))
			}
		}
		if n := read(); n != 100 {
			t.Errorf("%d records handed out, 100 numbers are reserved", n)
		}
		<-changed
		if n := read(); n != 500 {
			t.Errorf("%d records handed out of 500", n)
		}
		st, err := readSidecar(q.fs)
		if _, next := q.Bounds(); err != nil || st.reserved < next {
			t.Errorf("%v: %d reserved on disk, %d in use", err, st.reserved, next)
		}
		checkLedger(t, q)
	})
}

// TestOffsetIsDurableThoughACommitWasRunning: an offset that is set while the
// committer is busy is saved before SetOffset returns.
func TestOffsetIsDurableThoughACommitWasRunning(t *testing.T) {
	slowBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		disk.be(slowly(5*time.Second, nil))
		appendN(t, q, dev, 0, 10)
		time.Sleep(2 * time.Second) // in the middle of the commit
		if err := q.SetOffset(q.Boot(), Offset{Unix: 77}); err != nil {
			t.Fatal(err)
		}
		st, err := readSidecar(q.fs)
		if err != nil || len(st.starts) != 1 || !st.starts[0].set || st.starts[0].off.Unix != 77 {
			t.Errorf("%v, on disk is %+v", err, st.starts)
		}
	})
}

// TestOffsetOfABootThatIsNotKnown: the sidecar may be lost or have forgotten
// the boot. Its records must get a time all the same.
func TestOffsetOfABootThatIsNotKnown(t *testing.T) {
	bubble(t, nil, func(t *testing.T, q *Queue, dev uint16) {
		q.mu.Lock()
		q.boot, q.starts[0].index = 40, 40
		q.mu.Unlock()
		for boot := uint32(5); boot < 39; boot++ {
			if err := q.SetOffset(boot, Offset{Unix: int64(boot)}); err != nil {
				t.Fatal("boot ", boot, ": ", err)
			}
			if o, ok := q.Offset(boot); !ok || o.Unix != int64(boot) {
				t.Fatal("boot ", boot, ": ", o, ok)
			}
		}
		if err := q.SetOffset(41, Offset{}); err == nil {
			t.Error("a boot that is yet to come has an offset")
		}
		if err := q.SetOffset(38, Offset{}); !errors.Is(err, ErrOffsetSet) {
			t.Error(err)
		}
		if len(q.starts) > maxStarts {
			t.Errorf("%d boots known", len(q.starts))
		}
		if err := q.SetOffset(40, Offset{Unix: 40}); err != nil {
			t.Error(err)
		}
		st, err := readSidecar(q.fs)
		if k := len(st.starts); err != nil || k == 0 || st.starts[k-1].off.Unix != 40 || st.starts[k-2].off.Unix != 38 {
			t.Errorf("%v %+v", err, st.starts)
		}
	})
}

// TestNotFullWhenTheDiskFails: with the disk gone Append makes space by itself, so
// whoever waits for NotFull must be told.
func TestNotFullWhenTheDiskFails(t *testing.T) {
	slowBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		disk.be(slowly(10*time.Second, syscall.EIO))
		for i := 0; ; i++ {
			if err := q.Append(0, dev, 0, []byte(text(i))); errors.Is(err, ErrFull) {
				break
			}
		}
		notFull := q.NotFull()
		time.Sleep(5 * time.Second)
		select {
		case <-notFull:
			t.Fatal("it says that memory is not full")
		default:
		}
		testkit.Receive(t, "NotFull", notFull)
		appendN(t, q, dev, 0, 100)
		select {
		case <-q.NotFull():
		default:
			t.Error("Append takes records, Room says it does not")
		}
	})
}

// TestFullQueueRests: told to drop the newest, a full queue does not look for
// space a thousand times a second.
func TestFullQueueRests(t *testing.T) {
	small := func(o *Options) {
		o.Dir, o.MaxSize, o.WhenFull = fastDir(t), 1<<20, DropNewest
		o.tune = smallSizes()
	}
	bubble(t, small, func(t *testing.T, q *Queue, dev uint16) {
		for i := range 40 {
			appendN(t, q, dev, i*200, 200)
			time.Sleep(1100 * time.Millisecond)
		}
		if !q.Stats().Full {
			t.Fatal("not full")
		}
		q.mu.Lock()
		was := q.ledger.gen
		q.mu.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		q.mu.Lock()
		tries := q.ledger.gen - was
		q.mu.Unlock()
		if tries > 700 {
			t.Errorf("%d tries to commit in ten minutes", tries)
		}
		_, next := q.Bounds()
		mustAck(t, q, 1, next-1)
	})
}

// TestBlindBootIsNoOther: a start that cannot read the disk does not know which
// boot it is in. Whoever remembers the number it was given must not mistake a
// record of another boot for one of this.
func TestBlindBootIsNoOther(t *testing.T) {
	dir := filepath.Join(fastDir(t), "q")
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(dir)
		q := mustOpen(t, o)
		dev, _ := q.Device("dev")
		appendN(t, q, dev, 0, 10) // of boot 1, and nobody knew the time
		mustClose(t, q)

		f := newFake(dir)
		f.record, f.failAt, f.always, f.err = false, 1, true, syscall.EMFILE
		o.FS, o.BootID = f, [16]byte{2}
		q = mustOpen(t, o)
		blind := q.Boot()
		appendN(t, q, dev, 10, 10)
		want := Offset{Unix: 1_000_000_000_000}
		if err := q.SetOffset(blind, want); !errors.Is(err, ErrMemoryOnly) {
			t.Fatal(err)
		}
		f.heal()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		boots := map[uint32]int{}
		for at, _ := q.Bounds(); ; {
			first, entries, err := q.Read(at, 1<<20, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				boots[e.Boot]++
			}
			at = first + uint64(len(entries))
		}
		if blind == 1 || q.Boot() != 2 || boots[1] != 10 || boots[2] != 10 {
			t.Errorf("blind boot %d, is now %d, records of %v", blind, q.Boot(), boots)
		}
		for boot, known := range map[uint32]bool{1: false, 2: true, blind: true} {
			if got, ok := q.Offset(boot); ok != known || known && got != want {
				t.Errorf("boot %d: %+v %v", boot, got, ok)
			}
		}
		mustClose(t, q)
	})
}

// TestSlowDiskIsNamed: while a commit takes long, and for a while after, Stats
// says so. Row 19 of the failure matrix.
func TestSlowDiskIsNamed(t *testing.T) {
	slowBubble(t, func(t *testing.T, q *Queue, disk *badDisk, dev uint16) {
		if s := q.Stats(); s.Slow != 0 {
			t.Fatalf("slow from the start: %d ms", s.Slow)
		}
		var took []time.Duration
		q.opt.Committed = func(d time.Duration) { took = append(took, d) }
		before := q.Stats().Commits
		disk.be(slowly(20*time.Second, nil))
		appendN(t, q, dev, 0, 10)
		time.Sleep(15 * time.Second)
		if s := q.Stats(); s.Slow < 13_000 || s.Slow > 15_000 {
			t.Errorf("15 s into a commit it says %d ms", s.Slow)
		}
		disk.be(sound)
		time.Sleep(time.Minute)
		appendN(t, q, dev, 10, 10)
		time.Sleep(time.Minute)
		if s := q.Stats(); s.Slow < 19_000 || s.Slow > 21_000 || s.WaitingMemory != 0 {
			t.Errorf("after it %d ms, %+v", s.Slow, s)
		}
		if n := q.Stats().Commits - before; uint64(len(took)) != n || took[0] < 19*time.Second || took[0] > 21*time.Second || took[n-1] > time.Second {
			t.Errorf("%d commits took %v", n, took)
		}
		time.Sleep(5 * time.Minute)
		if s := q.Stats(); s.Slow != 0 {
			t.Errorf("still %d ms", s.Slow)
		}
	})
}
