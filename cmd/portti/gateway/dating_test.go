package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/device"
	"portti/device/clock"
	"portti/device/thingsee"
)

// fakeQueue is a queue of fixed entries that remembers offsets as the real one
// does: once.
type fakeQueue struct {
	mu          sync.Mutex
	entries     []buffer.Entry
	boot        uint32
	offsets     map[uint32]buffer.Offset
	changed     chan struct{}
	refuse      error
	ackErr      error
	quarantined map[uint64]string
	starts      []buffer.Start
}

func newFakeQueue(boot uint32) *fakeQueue {
	return &fakeQueue{boot: boot, offsets: map[uint32]buffer.Offset{}, changed: make(chan struct{}), quarantined: map[uint64]string{}}
}

func (s *fakeQueue) Read(from uint64, _, maxRecs int) (uint64, []buffer.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.entries[min(int(from), len(s.entries)):]
	return from, rest[:min(maxRecs, len(rest))], nil
}
func (s *fakeQueue) Ack(_, _ uint64) error        { return s.ackErr }
func (s *fakeQueue) Rewind() (uint64, error)      { return 0, nil }
func (s *fakeQueue) Forget() error                { return nil }
func (s *fakeQueue) Bounds() (first, next uint64) { return 0, uint64(len(s.entries)) }
func (s *fakeQueue) Behind(uint64) bool           { return false }
func (s *fakeQueue) Boot() uint32                 { return s.boot }
func (s *fakeQueue) Part() (uint64, bool)         { return uint64(len(s.entries)), true }
func (s *fakeQueue) Name(uint64) (buffer.Name, uint64) {
	return buffer.Name{}, ^uint64(0)
}
func (s *fakeQueue) QuarantineAll(ns []uint64, reason string) error {
	if s.refuse != nil {
		return s.refuse
	}
	for _, n := range ns {
		s.quarantined[n] = reason
	}
	return nil
}
func (s *fakeQueue) Offset(b uint32) (o buffer.Offset, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok = s.offsets[b]
	return o, ok
}
func (s *fakeQueue) SetOffset(b uint32, o buffer.Offset) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	if _, ok := s.offsets[b]; ok {
		return buffer.ErrOffsetSet
	}
	s.offsets[b] = o
	return nil
}
func (s *fakeQueue) Starts() []buffer.Start {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starts) == 0 {
		return []buffer.Start{{Boot: s.boot}}
	}
	return slices.Clone(s.starts)
}

func (s *fakeQueue) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *fakeQueue) add(e buffer.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	close(s.changed)
	s.changed = make(chan struct{})
}

func provisional(boot uint32, mono int64) buffer.Entry {
	m := thingsee.Message{Tuid: "T"}
	m.Reset(12100, 10)
	m.Int("temp", mono)
	return buffer.Entry{Class: device.ClassProvisional, Boot: boot, Mono: mono, Rec: m.AppendProvisional(nil, mono)}
}

func dated(ms int64) buffer.Entry {
	m := thingsee.Message{Tuid: "T", Time: ms}
	m.Reset(1210, 10)
	m.Time = ms
	return buffer.Entry{Rec: m.Append(nil)}
}

var (
	buildDay = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	quiet    = slog.New(slog.DiscardHandler)
)

func texts(recs [][]byte) string { return string(bytes.Join(recs, []byte("\n"))) }

func TestDaterWritesTheTimeInWhenTheClockIsTrusted(t *testing.T) {
	q := newFakeQueue(3)
	q.entries = []buffer.Entry{dated(1_800_000_000_000), provisional(3, 5_000), provisional(3, 5_250)}
	c := clock.Fake(clock.Now{Mono: 6_000, Unix: 0}, buildDay)
	d := newDater(q, c, 2*time.Minute, buildDay, quiet)

	first, recs, err := d.Read(0, 1<<20, 10)
	if err != nil || first != 0 || len(recs) != 1 || !strings.Contains(texts(recs), `"tsmTs":1800000000,`) {
		t.Fatalf("only what stands before the undated record may go: %d %q %v", first, texts(recs), err)
	}
	if _, recs, _ = d.Read(1, 1<<20, 10); len(recs) != 0 {
		t.Fatalf("an undated record left: %q", recs)
	}
	if len(q.offsets) != 0 {
		t.Fatal("an offset was decided before anything was known")
	}

	c.Set(clock.Now{Mono: 60_000, Unix: 1_800_000_060_000, Trusted: true})
	_, recs, err = d.Read(1, 1<<20, 10)
	want := `{"tsmId":12100,"tsmEv":10,"tsmTs":1800000005,"tsmTuid":"T","temp":5000}` + "\n" +
		`{"tsmId":12100,"tsmEv":10,"tsmTs":1800000005.25,"tsmTuid":"T","temp":5250}`
	if err != nil || texts(recs) != want {
		t.Fatalf("got %s %v", texts(recs), err)
	}
	if q.offsets[3] != (buffer.Offset{Unix: 1_800_000_000_000}) {
		t.Fatalf("offset kept: %+v", q.offsets[3])
	}

	// A step of the clock afterwards changes nothing that was decided.
	c.Set(clock.Now{Mono: 61_000, Unix: 1_900_000_000_000, Trusted: true})
	if _, again, _ := d.Read(1, 1<<20, 10); texts(again) != want {
		t.Fatalf("sent again with other bytes: %s", texts(again))
	}
	// Nor does a restart of the daemon.
	d = newDater(q, c, 2*time.Minute, buildDay, quiet)
	if _, again, _ := d.Read(1, 1<<20, 10); texts(again) != want {
		t.Fatalf("other bytes after a restart: %s", texts(again))
	}
}

func TestDaterGuessesWhenTheHoldIsOver(t *testing.T) {
	day := buildDay.UnixMilli()
	for name, c := range map[string]struct {
		unix, offset, worst int64
	}{
		"clock before the floor": {0, day - 120_000, int64(plausible/time.Second) + 120},
		"clock after the floor":  {day + 3_600_000, day + 3_600_000 - 120_000, int64(plausible/time.Second) - 3600 + 120},
	} {
		t.Run(name, func(t *testing.T) {
			q := newFakeQueue(1)
			q.entries = []buffer.Entry{provisional(1, 100_000)}
			d := newDater(q, clock.Fake(clock.Now{Mono: 120_000, Unix: c.unix}, buildDay), 0, buildDay, quiet)
			_, recs, err := d.Read(0, 1<<20, 10)
			if err != nil || len(recs) != 1 {
				t.Fatalf("%q %v", recs, err)
			}
			if got := q.offsets[1]; got.Unix != c.offset || got.Err != c.worst {
				t.Errorf("offset %+v, want %d and %d s", got, c.offset, c.worst)
			}
			if !strings.Contains(texts(recs), fmt.Sprintf(`,"tsErr":%d,`, c.worst)) {
				t.Errorf("the error is not told: %s", recs)
			}
		})
	}
}

func TestDaterPlacesAnEarlierBootBeforeThisOne(t *testing.T) {
	q := newFakeQueue(2)
	q.entries = []buffer.Entry{provisional(1, 10_000), provisional(2, 1_000)}
	at := buildDay.Add(24 * time.Hour).UnixMilli()
	c := clock.Fake(clock.Now{Mono: 5_000, Unix: at, Trusted: true}, buildDay)
	d := newDater(q, c, 2*time.Minute, buildDay, quiet)
	_, recs, err := d.Read(0, 1<<20, 10)
	if err != nil || len(recs) != 2 {
		t.Fatalf("%q %v", recs, err)
	}
	if o := q.offsets[1]; o.Unix != buildDay.UnixMilli()+(24*3600-5)*1000/2 || o.Err != (24*3600-5+1)/2 {
		t.Errorf("earlier boot at %+v", o)
	}
	if o := q.offsets[2]; o.Unix != at-5_000 || o.Err != 0 {
		t.Errorf("this boot at %+v", o)
	}
}

func TestDaterSendsNothingBeforeTheOffsetIsKept(t *testing.T) {
	q := newFakeQueue(1)
	q.entries, q.refuse = []buffer.Entry{provisional(1, 1_000)}, errors.New("no space left on device")
	c := clock.Fake(clock.Now{Mono: 2_000, Unix: buildDay.UnixMilli(), Trusted: true}, buildDay)
	d := newDater(q, c, time.Minute, buildDay, quiet)
	if _, recs, err := d.Read(0, 1<<20, 10); err != nil || len(recs) != 0 {
		t.Fatalf("handed out %q, %v", recs, err)
	}
	q.refuse = nil
	if _, recs, err := d.Read(0, 1<<20, 10); err != nil || len(recs) != 1 {
		t.Fatalf("not handed out afterwards: %q, %v", recs, err)
	}
	// Where the disk is gone for now, live readings go on.
	q = newFakeQueue(1)
	q.entries, q.refuse = []buffer.Entry{provisional(1, 1_000)}, fmt.Errorf("wrapped: %w", buffer.ErrMemoryOnly)
	d = newDater(q, c, time.Minute, buildDay, quiet)
	if _, recs, err := d.Read(0, 1<<20, 10); err != nil || len(recs) != 1 {
		t.Fatalf("memory only: %q, %v", recs, err)
	}
}

// The link waits on Changed taken before Read. It must be woken by a new
// record, by the clock becoming trusted, and by the end of the hold.
// A record without a field for its time is no JSON: in an array with others it
// would make all of them unreadable to the server, which acknowledges them
// nevertheless. It goes aside, its neighbours go out.
func TestDaterSetsAsideWhatItCannotDate(t *testing.T) {
	q := newFakeQueue(1)
	odd := buffer.Entry{Class: device.ClassProvisional, Boot: 1, Rec: []byte(`{"tsmId":1}`)}
	q.entries = []buffer.Entry{dated(1_800_000_000_000), odd, odd, dated(1_800_000_001_000)}
	d := newDater(q, clock.Fake(clock.Now{Mono: 1, Unix: 1_800_000_000_000, Trusted: true}, buildDay), time.Minute, buildDay, quiet)
	if first, recs, err := d.Read(0, 1<<20, 10); first != 0 || len(recs) != 1 || err != nil {
		t.Fatalf("%d %q %v", first, recs, err)
	}
	first, recs, err := d.Read(1, 1<<20, 10)
	if first != 3 || len(recs) != 1 || err != nil || q.quarantined[1] != reasonUndated || q.quarantined[2] != reasonUndated {
		t.Fatalf("%d %q %v, aside %v", first, recs, err, q.quarantined)
	}
	q.refuse = errors.New("too many open files")
	if first, recs, err := d.Read(1, 1<<20, 10); first != 3 || len(recs) != 1 || err != nil {
		t.Fatalf("stopped by a record that cannot be set aside: %d %q %v", first, recs, err)
	}
}

// An error of the source ends the link and with it the daemon.
func TestDaterKeepsTheLinkAlive(t *testing.T) {
	q := newFakeQueue(1)
	d := newDater(q, clock.Fake(clock.Now{}, buildDay), time.Minute, buildDay, quiet)
	q.ackErr, q.refuse = fmt.Errorf("wrapped: %w", buffer.ErrRollback), errors.New("too many open files")
	if err := errors.Join(d.Ack(1, 500), d.Quarantine(7, "rejected")); err != nil {
		t.Error(err)
	}
}

func TestDaterWakesTheLink(t *testing.T) {
	woken := func(t *testing.T, change func(*fakeQueue, *clock.Clock)) {
		synctest.Test(t, func(t *testing.T) {
			q := newFakeQueue(1)
			q.entries = []buffer.Entry{provisional(1, 1)}
			c := clock.Fake(clock.Now{}, buildDay)
			d := newDater(q, c, 2*time.Minute, buildDay, quiet)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg sync.WaitGroup
			wg.Go(func() { d.watch(ctx) })
			defer wg.Wait()
			defer cancel()

			ready := d.Changed()
			if _, recs, _ := d.Read(0, 1<<20, 10); len(recs) != 0 {
				t.Error("handed out too early")
			}
			synctest.Wait()
			change(q, c)
			select {
			case <-ready:
			case <-time.After(5 * time.Second):
				t.Error("not woken")
			}
		})
	}
	t.Run("record", func(t *testing.T) {
		woken(t, func(q *fakeQueue, _ *clock.Clock) { q.add(dated(1)) })
	})
	t.Run("trust", func(t *testing.T) {
		woken(t, func(_ *fakeQueue, c *clock.Clock) { c.Set(clock.Now{Mono: 10, Unix: 1, Trusted: true}) })
	})
	t.Run("hold over", func(t *testing.T) {
		woken(t, func(_ *fakeQueue, c *clock.Clock) { c.Set(clock.Now{Mono: 120_000}) })
	})
}

// Every record that was added is seen by a reader that follows the rule, while
// the dater goes over from its own channel to the queue's.
func TestDaterMissesNoWakeUp(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			q := newFakeQueue(1)
			c := clock.Fake(clock.Now{}, buildDay)
			d := newDater(q, c, time.Minute, buildDay, quiet)
			var wg sync.WaitGroup
			wg.Go(func() { d.watch(t.Context()) })
			const n = 20
			wg.Go(func() {
				for i := range n {
					q.add(provisional(1, int64(i)))
					if i == n/2 {
						c.Set(clock.Now{Mono: 1000, Unix: buildDay.UnixMilli(), Trusted: true})
					}
				}
			})
			for seen := 0; seen < n; {
				changed := d.Changed()
				_, recs, err := d.Read(uint64(seen), 1<<20, 3)
				if err != nil {
					t.Fatal(err)
				}
				if seen += len(recs); len(recs) == 0 {
					<-changed
				}
			}
			wg.Wait()
		})
	}
}
