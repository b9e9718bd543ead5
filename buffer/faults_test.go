package buffer

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// life is a seeded life of a queue on a disk that may fail, with a simple model
// next to it.
type life struct {
	t         *testing.T
	fs        *fakeFS
	opt       Options
	q         *Queue
	rnd       *rand.Rand
	dev       uint16
	appended  int
	restarted bool
	refused   int
	unsaved   uint64         // what Close said it could not save
	delivered map[string]int // by text
	acked     map[uint64]bool
	at        uint64
}

// step does one thing, and never minds what the disk does.
func (l *life) step() {
	switch k := l.rnd.Intn(10); {
	case k < 4:
		for range 1 + l.rnd.Intn(40) {
			if err := l.q.Append(0, l.dev, 1, []byte(text(l.appended))); err != nil {
				l.q.Lose(l.dev, "memory", 1)
				l.refused++
			}
			l.appended++
		}
	case k < 6:
		time.Sleep(time.Duration(l.rnd.Intn(2500)) * time.Millisecond)
	case k < 9:
		l.deliver(1 + l.rnd.Intn(6))
	default:
		at, err := l.q.Rewind()
		if err != nil {
			l.t.Error("rewind: ", err)
		}
		l.at = at
	}
	synctest.Wait()
	l.audit()
}

func (l *life) deliver(frames int) {
	for range frames {
		first, recs, err := l.q.readRecords(l.at, 2000, 20)
		if err != nil {
			l.t.Error("read: ", err)
			return
		}
		if len(recs) == 0 {
			return
		}
		for _, r := range recs {
			l.delivered[string(r)]++
		}
		l.at = first + uint64(len(recs))
		if err := l.q.Ack(first, l.at-1); err != nil {
			l.t.Error("ack: ", err)
		}
		for n := first; n < l.at; n++ {
			l.acked[n] = true
		}
	}
}

// audit holds the ledger against the model: what was read is what was
// appended, and it balances.
func (l *life) audit() {
	c := checkLedger(l.t, l.q)
	// After a stop that could not save, and while a start cannot read what is on
	// disk, the ledger may know less; never more.
	less := l.unsaved > 0 || l.restarted && l.q.Stats().Degraded
	if c.Read > uint64(l.appended) || c.Read < uint64(l.appended) && !less {
		l.t.Errorf("read %d, appended %d", c.Read, l.appended)
	}
}

// finish heals the disk, waits for the queue to recover, delivers everything,
// and says how many readings were lost by the ledger's account.
func (l *life) finish() Counts {
	l.fs.heal()
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	if s := l.q.Stats(); s.Degraded {
		l.t.Errorf("still degraded: %s", s.Err)
	}
	l.at, _ = l.q.Rewind()
	l.deliver(1 << 20)
	l.audit()
	c, _ := l.q.Ledger()
	if c.Waiting != 0 {
		l.t.Errorf("%d records wait for ever: %+v", c.Waiting, l.q.Stats())
	}
	missing := 0
	for i := range l.appended {
		if l.delivered[text(i)] == 0 {
			missing++
		}
	}
	if l.unsaved == 0 && uint64(missing) > c.LostAll()+c.Quarantined {
		l.t.Errorf("%d readings never arrived, the ledger admits to %+v", missing, c)
	}
	mustClose(l.t, l.q)
	return c
}

func newLife(t *testing.T, f *fakeFS, seed int64) *life {
	l := &life{t: t, fs: f, rnd: rand.New(rand.NewSource(seed)), delivered: map[string]int{}, acked: map[uint64]bool{}, at: 1}
	l.opt = testOptions(f.dir)
	l.opt.FS, l.opt.tune, l.opt.FenceHold = f, smallSizes(), 2*time.Second
	return l
}

func (l *life) open() {
	l.q = mustOpen(l.t, l.opt)
	l.dev, _ = l.q.Device("a")
	l.at, _ = l.q.Bounds()
}

// restart closes and opens. Where the disk cannot be written Close says what
// it could not save, and the model takes it out of its books.
func (l *life) restart() {
	err := l.q.Close()
	s := l.q.Stats()
	before, _ := l.q.Ledger()
	if err == nil && s.WaitingMemory > 0 {
		l.t.Errorf("closed without an error and %d records only in memory", s.WaitingMemory)
	}
	if err != nil {
		l.unsaved = s.WaitingMemory + 1
	}
	l.open()
	after, _ := l.q.Ledger()
	if err == nil && !s.Degraded && after.Read != before.Read && !l.q.Stats().Degraded {
		l.t.Errorf("read was %d before a clean stop, %d after", before.Read, after.Read)
	}
	l.restarted = true
}

// TestNthOperationFails lets each operation of a life fail in turn, once or
// for ever, before or after it took effect, until no failure happens.
// Rows 6, 9, 10 and 11.
func TestNthOperationFails(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	stride := 1
	if sampled() {
		stride = 29
	}
	runs, first := 0, 0
	for _, always := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
				if errno != syscall.EIO && after {
					continue
				}
				first += 5 // another one in each way
				for n := 1 + first%stride; ; n += stride {
					hit := false
					synctest.Test(t, func(t *testing.T) {
						f := newFake(filepath.Join(dir, fmt.Sprint(runs)))
						f.record, f.failAt, f.always, f.after, f.err = false, n, always, after, errno
						l := newLife(t, f, 5)
						l.open()
						for i := range 60 {
							l.step()
							if i == 40 {
								l.restart()
							}
						}
						l.finish()
						hit = f.hits > 0
					})
					runs++
					if t.Failed() {
						t.Fatalf("operation %d, always %v, after %v, %v", n, always, after, errno)
					}
					if !hit {
						break
					}
				}
			}
		}
	}
	t.Logf("%d runs", runs)
}
