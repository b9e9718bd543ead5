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

// sender is a queue whose records go to a receiver that keeps one highest number for
// each name, takes every lower one for known, and says so in a resume.
type sender struct {
	t       *testing.T
	rnd     *rand.Rand
	disk    *badDisk
	opt     Options
	q       *Queue
	starts  int
	fed     int
	numbers map[uint64]int  // of this process: which record it is
	stored  map[string]bool // at the receiver
	excused map[string]bool // neither acknowledged nor on disk when the process was killed
	highest map[Name]uint64
	known   int // records that the receiver did not take
}

func (s *sender) open() {
	s.opt.FS = s.disk
	s.q = mustOpen(s.t, s.opt)
	s.numbers = map[uint64]int{}
	synctest.Wait()
}

func (s *sender) feed(n int) {
	dev, _ := s.q.Device("a")
	for range n {
		_, next := s.q.Bounds()
		if s.q.Append(0, dev, 0, []byte(text(s.fed))) != nil {
			return // it is full
		}
		s.numbers[next] = s.fed
		s.fed++
	}
}

// connect is a connection: a resume, frames of one or two lanes, an end.
func (s *sender) connect(resume bool, frames int) {
	first, next := s.q.Bounds()
	lanes, split := []uint64{first}, ^uint64(0)
	if s.rnd.Intn(2) == 0 {
		if n, ok := s.q.Part(); ok {
			lanes, split = []uint64{first, n}, n
		}
	}
	for n := first; resume && n < next; {
		name, last := s.q.Name(n)
		if h := min(s.highest[name], last, split-1); h >= n {
			mustAck(s.t, s.q, n, h)
		}
		n = last + 1
		if n == 0 {
			break
		}
	}
	for i := range frames {
		lane := s.rnd.Intn(len(lanes))
		at, recs, err := s.q.readRecords(lanes[lane], 1+s.rnd.Intn(4000), 1+s.rnd.Intn(50))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(recs) == 0 || lane == 0 && at >= split {
			if s.rnd.Intn(4) == 0 {
				time.Sleep(time.Duration(s.rnd.Intn(1000)) * time.Millisecond)
			}
			continue
		}
		name, last := s.q.Name(at)
		for j, r := range recs {
			if n := at + uint64(j); n > last || lane == 0 && n >= split {
				break
			} else if lanes[lane] = n + 1; n > s.highest[name] {
				s.highest[name], s.stored[string(r)] = n, true
			} else {
				s.known++
			}
		}
		if s.rnd.Intn(8) > 0 {
			mustAck(s.t, s.q, at, lanes[lane]-1)
		}
		if s.q.Behind(lanes[lane]) && i > frames/2 {
			break
		}
	}
	if s.rnd.Intn(2) == 0 {
		if err := s.q.Forget(); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.q.Rewind(); err != nil {
		s.t.Fatal(err)
	}
}

// end stops the process, or kills it: what it does after that has no effect.
func (s *sender) end() {
	synctest.Wait()
	if s.rnd.Intn(3) == 0 {
		s.disk.be(sound)
		if s.q.Close() == nil {
			return
		}
	}
	s.q.mu.Lock()
	for n, i := range s.numbers {
		if n > s.q.committed {
			s.excused[text(i)] = true
		}
	}
	s.q.mu.Unlock()
	s.starts++
	left := filepath.Join(filepath.Dir(s.opt.Dir), fmt.Sprint(s.starts))
	copyDir(s.t, s.opt.Dir, left)
	_ = s.q.Close()
	s.opt.Dir, s.disk = left, newBadDisk(left)
}

// trouble has some of the files go bad, or not be readable for a while.
func (s *sender) trouble(running bool) {
	segs := segmentFiles(s.t, s.opt.Dir)
	var unread []string
	for _, path := range segs {
		if s.rnd.Intn(3) == 0 {
			unread = append(unread, filepath.Base(path))
		}
	}
	var err error
	if s.rnd.Intn(3) == 0 {
		err = syscall.EROFS
	}
	s.disk.be(refusing(err, unread...))
	if k := len(segs); k > 1 && s.rnd.Intn(4) == 0 {
		damageFile(s.t, segs[s.rnd.Intn(k-1)], func(b []byte) []byte { clear(b[:2*pageSize]); return b })
	}
	if running {
		s.q.reading.Lock()
		s.q.reader.opened.close()
		s.q.reading.Unlock()
	}
}

func (s *sender) step() {
	switch s.rnd.Intn(9) {
	case 0, 1, 2:
		s.feed(1 + s.rnd.Intn(300))
	case 3:
		time.Sleep(time.Duration(s.rnd.Intn(5000)) * time.Millisecond)
	case 4, 5:
		s.connect(s.rnd.Intn(2) == 0, s.rnd.Intn(60))
	case 6:
		s.trouble(true)
		for range 6 {
			s.connect(s.rnd.Intn(2) == 0, 10)
			time.Sleep(time.Duration(s.rnd.Intn(2000)) * time.Millisecond)
		}
	case 7:
		s.disk.be(sound)
		time.Sleep(time.Duration(s.rnd.Intn(100)) * time.Second)
	case 8:
		s.end()
		if s.rnd.Intn(2) == 0 {
			s.trouble(false)
		}
		s.open()
		time.Sleep(time.Duration(s.rnd.Intn(20)) * time.Second)
	}
	synctest.Wait()
	checkLedger(s.t, s.q)
}

// TestNothingIsTakenForKnown: whatever files cannot be read, go bad or come back, in
// whatever order, and whenever the process is killed, nothing that was not stored goes
// by a name of which the receiver has higher numbers.
func TestNothingIsTakenForKnown(t *testing.T) {
	for _, seed := range chosen(t, 60, upTo(600)) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			base := fastDir(t)
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(base, "0")
				s := &sender{t: t, rnd: rand.New(rand.NewSource(int64(seed))), disk: newBadDisk(dir), opt: testOptions(dir),
					stored: map[string]bool{}, excused: map[string]bool{}, highest: map[Name]uint64{}}
				s.opt.tune, s.opt.Gateway = smallSizes(), "G"
				s.opt.FenceHold = []time.Duration{0, time.Second, time.Minute}[s.rnd.Intn(3)]
				if s.rnd.Intn(4) == 0 {
					s.opt.MaxSize = 1 << 20
				}
				s.open()
				for range 60 {
					s.step()
				}
				s.disk.be(sound)
				for range 40 {
					time.Sleep(time.Minute)
					synctest.Wait()
					s.connect(true, 400)
				}
				total := checkLedger(t, s.q)
				if total.Waiting > 0 {
					t.Errorf("%d still wait: %+v", total.Waiting, s.q.Stats())
				}
				missing := 0
				for i := range s.fed {
					if r := text(i); !s.stored[r] && !s.excused[r] {
						missing++
					}
				}
				if missing > int(total.LostAll()+total.Quarantined) {
					t.Errorf("%d of %d are missing, %d are said to be lost, %d were taken for known", missing, s.fed, total.LostAll()+total.Quarantined, s.known)
				}
				mustClose(t, s.q)
			})
		})
		if !ok {
			break
		}
	}
}

// TestSkippedAmidAChange: readers begin to go by a file while it is written or replaced.
// What came into it meanwhile shares no name with what lies behind it.
func TestSkippedAmidAChange(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"a commit", "thinning"} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "q")
			synctest.Test(t, func(t *testing.T) {
				disk := newBadDisk(dir)
				o := testOptions(dir)
				o.FS, o.tune, o.MaxSize = disk, smallSizes(), 1<<20
				q := mustOpen(t, o)
				dev, _ := q.Device("a")
				appendN(t, q, dev, 0, 10)
				time.Sleep(2 * time.Second)
				var skipped *segment
				amid := func(name string) {
					q.mu.Lock()
					defer q.mu.Unlock()
					for i, s := range q.segs {
						amid := i == len(q.segs)-1
						if what == "thinning" {
							amid = s.name == name
						}
						if amid && skipped == nil {
							q.skipLocked(s)
							skipped, s.tryAt = s, q.opt.Mono()+time.Hour.Milliseconds()
						}
					}
				}
				disk.be(func(op, _ string) error {
					if op == "commit" {
						amid("")
					}
					return nil
				})
				disk.after("rename", amid)
				for i := 10; skipped == nil && i < 50_000; i += 10 {
					appendN(t, q, dev, i, 10)
					time.Sleep(2 * time.Second)
					synctest.Wait()
				}
				disk.be(sound)
				disk.after("rename", nil)
				if skipped == nil || !skipped.skipped {
					t.Fatal("it was never done")
				}
				q.mu.Lock()
				end := skipped.end
				q.mu.Unlock()
				in, behind := named(q, end-1), named(q, end)
				if in == behind {
					t.Errorf("record %d in the file and %d behind it are both called %v", end-1, end, in)
				}
				appendN(t, q, dev, 60_000, 10) // these are not to wait with it
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if skipped.end != end {
					t.Errorf("the file went on up to %d, from %d", skipped.end, end)
				}
				mustClose(t, q)
			})
		})
	}
}
