package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/device/clock"
	"portti/device/clock/clocktest"
)

// A boot's time is kept when it is known and something needs it, tried again as
// long as the disk refuses, and never set twice.
func TestDaterKeepsTheTimeOfABoot(t *testing.T) {
	day := buildDay.UnixMilli()
	trusted := clock.Now{Mono: 5_000, Unix: day + 5_000, Trusted: true, Err: 2}
	want := buffer.Offset{Unix: day, Err: 2}
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue(1)
		c := clock.Fake(clock.Now{}, buildDay)
		d := newDater(q, c, time.Minute, buildDay, quiet)
		done := make(chan struct{})
		go func() { d.saveOffset(t.Context()); close(done) }()
		kept := func() (buffer.Offset, bool) {
			time.Sleep(3 * time.Second)
			synctest.Wait() // the look of this very moment is over too
			return q.Offset(1)
		}
		d.expect(false)
		c.Set(trusted)
		if o, ok := kept(); ok {
			t.Errorf("kept although nothing needs it: %+v", o)
		}
		c.Set(clock.Now{Mono: 1_000})
		d.expect(true)
		if o, ok := kept(); ok {
			t.Errorf("kept although it is not known: %+v", o)
		}
		q.mu.Lock()
		q.refuse = errors.New("input/output error")
		q.mu.Unlock()
		c.Set(trusted)
		if o, ok := kept(); ok {
			t.Errorf("kept on a disk that refuses: %+v", o)
		}
		q.mu.Lock()
		q.refuse = nil
		q.mu.Unlock()
		if o, ok := kept(); !ok || o != want {
			t.Errorf("kept %+v %v, want %+v", o, ok, want)
		}
		<-done
	})
	for name, refuse := range map[string]error{
		"memory only": fmt.Errorf("wrapped: %w", buffer.ErrMemoryOnly),
		"set":         buffer.ErrOffsetSet,
		"sealed":      buffer.ErrSealed,
	} {
		q := newFakeQueue(1)
		q.refuse = refuse
		d := newDater(q, clock.Fake(trusted, buildDay), time.Minute, buildDay, quiet)
		d.expect(true)
		if !d.offsetSaved() {
			t.Errorf("%s: would be tried for ever", name)
		}
	}
}

// slowQueue tells an offset to everybody while it is still being written, as the
// queue does.
type slowQueue struct {
	*fakeQueue
	written chan struct{}
}

func (s slowQueue) SetOffset(b uint32, o buffer.Offset) error {
	err := s.fakeQueue.SetOffset(b, o)
	<-s.written
	return err
}

// No record leaves before the offset it depends on is durable, whoever fixes it.
func TestDaterWaitsForWhoKeepsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := slowQueue{newFakeQueue(1), make(chan struct{})}
		q.entries = []buffer.Entry{provisional(1, 1_000)}
		d := newDater(q, clock.Fake(clock.Now{Mono: 5_000, Unix: buildDay.UnixMilli(), Trusted: true}, buildDay), time.Minute, buildDay, quiet)
		d.expect(true)
		go d.saveOffset(t.Context())
		synctest.Wait()
		if _, ok := q.Offset(1); !ok {
			t.Fatal("nobody keeps it")
		}
		read := make(chan int)
		go func() {
			_, recs, _ := d.Read(0, 1<<20, 10)
			read <- len(recs)
		}()
		synctest.Wait()
		select {
		case n := <-read:
			t.Fatalf("%d records left before their time was durable", n)
		default:
		}
		close(q.written)
		if n := <-read; n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

// What a trusted clock said of a boot, noted next to other writes, dates the
// records of that boot even where it was never fixed: in the same boot after a
// restart, and in the next.
func TestDaterGoesByWhatWasNoted(t *testing.T) {
	day := buildDay.UnixMilli()
	q := newFakeQueue(2)
	q.entries = []buffer.Entry{provisional(1, 10_000), provisional(2, 20_000)}
	q.starts = []buffer.Start{
		{Boot: 1, Lasted: 50_000, Offset: buffer.Offset{Unix: day}, Known: true},
		{Boot: 2, Lasted: 30_000, Offset: buffer.Offset{Unix: day + 90_000}, Known: true},
	}
	d := newDater(q, clock.Fake(clock.Now{Mono: 30_000}, buildDay), time.Hour, buildDay, quiet)
	if !d.settled() {
		t.Error("the hold goes on although the boot's time is known")
	}
	_, recs, err := d.Read(0, 1<<20, 10)
	if err != nil || len(recs) != 2 {
		t.Fatalf("%q %v", recs, err)
	}
	if q.offsets[1] != (buffer.Offset{Unix: day}) || q.offsets[2] != (buffer.Offset{Unix: day + 90_000}) || strings.Contains(texts(recs), "tsErr") {
		t.Errorf("%+v %s", q.offsets, texts(recs))
	}
}

// A boot without a time between two that are known waits for nothing, and its
// records say how far it may be from where it was put.
func TestDaterPlacesATimelessBootBetweenTwoOthers(t *testing.T) {
	day := buildDay.UnixMilli()
	q := newFakeQueue(4)
	q.entries = []buffer.Entry{provisional(2, 10_000)}
	q.starts = []buffer.Start{
		{Boot: 1, Lasted: 100_000, Offset: buffer.Offset{Unix: day}, Known: true},
		{Boot: 2, Lasted: 60_000},
		{Boot: 3, Lasted: 10_000, Offset: buffer.Offset{Unix: day + 760_000}, Known: true},
		{Boot: 4, Lasted: 1_000},
	}
	d := newDater(q, clock.Fake(clock.Now{Mono: 1_000}, buildDay), time.Hour, buildDay, quiet)
	_, recs, err := d.Read(0, 1<<20, 10)
	if err != nil || len(recs) != 1 {
		t.Fatalf("%q %v", recs, err)
	}
	// It began from 100 s to 700 s after the first one did.
	if o := q.offsets[2]; o != (buffer.Offset{Unix: day + 400_000, Err: 300}) {
		t.Errorf("dated at %d s ± %d s", (o.Unix-day)/1000, o.Err)
	}
	if !strings.Contains(texts(recs), `"tsErr":300,`) {
		t.Errorf("%s", recs)
	}
}

// Without any time this boot is not guessed to be before the end of the last.
func TestDaterGuessesAfterTheBootBefore(t *testing.T) {
	day := buildDay.UnixMilli()
	q := newFakeQueue(2)
	q.entries = []buffer.Entry{provisional(2, 10_000)}
	q.starts = []buffer.Start{
		{Boot: 1, Lasted: 3_600_000, Offset: buffer.Offset{Unix: day}, Known: true},
		{Boot: 2, Lasted: 60_000},
	}
	d := newDater(q, clock.Fake(clock.Now{Mono: 60_000, Unix: 60_000}, buildDay), 0, buildDay, quiet)
	if _, recs, err := d.Read(0, 1<<20, 10); err != nil || len(recs) != 1 {
		t.Fatalf("%q %v", recs, err)
	}
	if o := q.offsets[2]; o.Unix != day+3_600_000 || o.Err != int64(plausible/time.Second)-3600 {
		t.Errorf("%+v", o)
	}
}

// The sources of time outrank each other as package clock says; whatever comes
// after a record was handed out, it is the same bytes when it is asked for again.
func TestDaterIsTheSameForEverySource(t *testing.T) {
	q := newFakeQueue(1)
	q.entries = []buffer.Entry{provisional(1, 1_000), provisional(1, 2_000)}
	m := clocktest.NewMachine(1, 0)
	m.Sleep(10 * time.Second)
	c := m.Clock(buildDay)
	day := buildDay.UnixMilli()
	d := newDater(q, c, time.Hour, buildDay, quiet)
	if _, recs, _ := d.Read(0, 1<<20, 10); len(recs) != 0 {
		t.Fatalf("handed out %q", recs)
	}
	c.HearServer(day+3_600_000, 10_000, 700, true)
	_, recs, err := d.Read(0, 1<<20, 10)
	first := texts(recs)
	if err != nil || len(recs) != 2 || !strings.Contains(first, `"tsErr":1,`) {
		t.Fatalf("%s %v", first, err)
	}
	g := c.GNSS("gps")
	for i := range int64(4) {
		g.Hear(day+3_601_000+1000*i, 10_000+1000*i)
	}
	if c.Source() != clock.SourceGNSS {
		t.Fatalf("source %s", c.Source())
	}
	for _, change := range []func(){func() {}, func() { m.Sync(true, day+7_200_000) }, func() { m.Step(-time.Hour) },
		func() { d = newDater(q, c, time.Hour, buildDay, quiet) }} {
		change()
		m.Sleep(2 * time.Second)
		if _, recs, err := d.Read(0, 1<<20, 10); err != nil || texts(recs) != first {
			t.Errorf("%s\nafter %s", texts(recs), first)
		}
	}
}
