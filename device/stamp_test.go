package device

import (
	"context"
	"errors"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/device/clock"
	"portti/device/thingsee"
)

const floor = 1_780_000_000_000

// newStamp makes a stamp on a clock that stands still.
func newStamp(sink Sink, now clock.Now) (*stamp, *clock.Clock) {
	c := clock.Fake(now, time.UnixMilli(floor))
	return &stamp{
		stamper: &stamper{clock: c, gateway: "GW", sink: sink},
		device:  7, id: "DEV", ctx: context.Background(), beat: func(time.Duration) {}, failed: func(error) {},
	}, c
}

func message(id, event int) *thingsee.Message {
	m := &thingsee.Message{}
	m.Reset(id, event)
	m.Int("x", 1)
	return m
}

func TestStampTime(t *testing.T) {
	const now = floor + 1_000_000_000
	trusted := clock.Now{Mono: 60_000, Unix: now, Trusted: true}
	lost := clock.Now{Mono: 60_000, Unix: 5_000}
	for _, row := range []struct {
		name      string
		now       clock.Now
		time, age int64
		want      string
		class     byte
		badTime   bool
	}{
		{"by the clock", trusted, 0, 0, "1781000000", 0, false},
		{"by the clock, aged", trusted, 0, 1500, "1780999998.5", 0, false},
		{"by the clock, aged beyond the floor", trusted, 0, 1 << 60, "1781000000", 0, false},
		{"by the clock, aged less than nothing", trusted, 0, -5, "1781000000", 0, false},
		{"its own", trusted, now - 86_400_000, 0, "1780913600", 0, false},
		{"its own, age not looked at", trusted, now - 1, 500, "1780999999.999", 0, false},
		{"its own at the floor", trusted, floor, 0, "1780000000", 0, false},
		{"of years ago, from a data logger", trusted, 1_520_416_221_000, 0, "1520416221", 0, false},
		{"where a clock chip begins", trusted, 946_684_800_000, 0, "1781000000", 0, true},
		{"a little ahead", trusted, now + maxAhead, 0, "1781000300", 0, false},
		{"too far ahead", trusted, now + maxAhead + 1, 0, "1781000000", 0, true},
		{"negative", trusted, -1, 0, "1781000000", 0, true},
		{"untrusted clock", lost, 0, 0, "@60000", ClassProvisional, false},
		{"untrusted clock, aged", lost, 0, 1500, "@58500", ClassProvisional, false},
		{"untrusted clock, aged beyond the boot", lost, 0, 60_001, "@60000", ClassProvisional, false},
		{"untrusted clock, its own", lost, now, 0, "1781000000", 0, false},
		{"untrusted clock, of years ago", lost, 1_520_416_221_000, 0, "1520416221", 0, false},
		{"untrusted clock, too early", lost, earliest - 1, 0, "@60000", ClassProvisional, true},
		{"untrusted clock, too late", lost, floor + maxUnknown + 1, 0, "@60000", ClassProvisional, true},
	} {
		sink := newSink()
		s, _ := newStamp(sink, row.now)
		m := message(12100, 10)
		m.Time, m.Age = row.time, row.age
		o := s.put(m)
		if len(sink.records) != 1 {
			t.Fatalf("%s: %v", row.name, o)
		}
		eq(t, row.name, sink.records[0], `{"tsmId":12100,"tsmEv":10,"tsmTs":`+row.want+`,"tsmTuid":"DEV","tsmGw":"GW","x":1}`)
		if sink.classes[0] != row.class || o.badTime != row.badTime || o.lost != "" {
			t.Errorf("%s: class %#x, %+v", row.name, sink.classes[0], o)
		}
		if m.Time != row.time || m.Age != row.age || m.Tuid != "" || m.Gateway != "" {
			t.Errorf("%s: the message was changed: %+v", row.name, m)
		}
	}
}

func TestStampIsFilledIn(t *testing.T) {
	sink := newSink()
	s, _ := newStamp(sink, clock.Now{Mono: 5000, Unix: 12})
	s.put(message(12100, 10))
	got, err := thingsee.FillTime(nil, []byte(sink.records[0]), floor, 0)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "filled in", string(got), `{"tsmId":12100,"tsmEv":10,"tsmTs":1780000005,"tsmTuid":"DEV","tsmGw":"GW","x":1}`)
}

func TestStampClass(t *testing.T) {
	for event, want := range map[int]byte{10: 0, 7: 1, 8: 1, 9: 1, 0: 1, 999: 1, 15: 1, 16: 1, 11: 2, 12: 2, 13: 2, 14: 2, 17: 3, 18: 3} {
		if got := classOf(event); got != want {
			t.Errorf("tsmEv %d: class %d, want %d", event, got, want)
		}
	}
}

// TestStampStream: what is kept of the tuid before changes nothing.
func TestStampStream(t *testing.T) {
	var s stamp
	for _, c := range []struct {
		tuid string
		id   int
		want []byte // what is hashed
	}{
		{"", 0, []byte{0, 0, 0, 0}}, {"a", 1, []byte{'a', 1, 0, 0, 0}}, {"a", 12100, []byte{'a', 0x44, 0x2f, 0, 0}},
		{"", 0x00636261, []byte("abc\x00")}, {"abc", 0, []byte("abc\x00\x00\x00\x00")}, {"abd", 0, []byte("abd\x00\x00\x00\x00")},
	} {
		want := fnv.New32a()
		_, _ = want.Write(c.want)
		for range 2 {
			if got := s.stream(c.tuid, c.id); got != want.Sum32() {
				t.Errorf("%q %d: %08x, want %08x", c.tuid, c.id, got, want.Sum32())
			}
		}
	}
}

// TestStampKeysAreUnique: two devices that speak for one thing share the keys.
func TestStampKeysAreUnique(t *testing.T) {
	for _, now := range []clock.Now{{Mono: 1000, Unix: floor + 1, Trusted: true}, {Mono: 1000}} {
		sink := newSink()
		a, _ := newStamp(sink, now)
		b := &stamp{stamper: a.stamper, device: 8, id: "DEV", ctx: a.ctx, beat: a.beat, failed: a.failed}
		var wg sync.WaitGroup
		for _, s := range []*stamp{a, b} {
			wg.Go(func() {
				for range 500 {
					s.put(message(12100, 10))
					s.put(message(1110, 10))
				}
			})
		}
		wg.Wait()
		seen := map[string]bool{}
		for _, r := range sink.records {
			if seen[r] {
				t.Fatalf("twice: %s", r)
			}
			seen[r] = true
		}
		if len(seen) != 2000 {
			t.Errorf("%d records", len(seen))
		}
	}
}

func TestStampRate(t *testing.T) {
	sink := newSink()
	s, c := newStamp(sink, clock.Now{Mono: 1, Unix: floor, Trusted: true})
	s.rate = bucket{perSecond: 5}
	at := int64(1)
	for range 100 { // 10 s at 10 a second
		s.put(message(12100, 10))
		at += 100
		c.Set(clock.Now{Mono: at, Unix: floor + at, Trusted: true})
	}
	// A full bucket of 5 and 5 for each of the 9.9 s between the first and the last.
	if n, lost := len(sink.records), sink.lostBy(LostRate); n < 53 || n > 54 || n+lost != 100 {
		t.Errorf("%d kept, %d lost", n, lost)
	}
	slow := bucket{perSecond: 0.5}
	var kept int
	for now := int64(0); now < 10_000; now += 100 {
		if slow.take(now) {
			kept++
		}
	}
	if kept != 5 {
		t.Errorf("%d kept of 10 s at one in 2 s", kept)
	}
	back := bucket{perSecond: 1}
	if !back.take(1000) || back.take(0) || !back.take(2000) {
		t.Error("a clock that goes back gives tokens")
	}
}

func TestStampFullMemory(t *testing.T) {
	sink := newSink()
	s, _ := newStamp(sink, clock.Now{Mono: 1, Unix: floor, Trusted: true})
	sink.setFull(true)
	if o := s.put(message(12100, 10)); o.lost != LostMemory || sink.lostBy(LostMemory) != 1 || len(sink.records) != 0 {
		t.Errorf("a serial port: %+v %v", o, sink.lost)
	}
	sink.setFull(false)
	if o := s.put(message(12100, 10)); o.lost != "" || len(sink.records) != 1 {
		t.Errorf("room again: %+v", o)
	}
}

func TestStampWaitsWithFlowControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newSink()
		s, c := newStamp(sink, clock.Now{Mono: 1, Unix: floor, Trusted: true})
		c.Flow()
		var beats []time.Duration
		s.flow, s.beat = true, func(d time.Duration) { beats = append(beats, d) }
		sink.setFull(true)
		var o outcome
		done := make(chan struct{})
		go func() {
			o = s.put(message(12100, 10))
			close(done)
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		select {
		case <-done:
			t.Fatal("did not wait")
		default:
		}
		sink.setFull(false)
		<-done
		if o.lost != "" || len(sink.records) != 1 || len(sink.lost) != 0 || !slices.Equal(beats, []time.Duration{forever, 0}) {
			t.Errorf("%+v %v, promised to be back within %v", o, sink.lost, beats)
		}
		if want := int64(1 + 10_001); o.at != want {
			t.Errorf("taken at %d ms, want %d: after the wait", o.at, want)
		}

		ctx, cancel := context.WithCancel(context.Background())
		s.ctx = ctx
		sink.setFull(true)
		time.AfterFunc(time.Minute, cancel)
		if o := s.put(message(12100, 10)); o.lost != LostMemory || sink.lostBy(LostMemory) != 1 {
			t.Errorf("at stop: %+v %v", o, sink.lost)
		}
	})
}

func TestStampBrokenSink(t *testing.T) {
	sink := newSink()
	s, _ := newStamp(sink, clock.Now{Mono: 1, Unix: floor, Trusted: true})
	var told error
	s.failed, s.flow = func(err error) { told = err }, true
	broken := errors.New("closed")
	sink.setBroken(broken)
	if o := s.put(message(12100, 10)); o.lost != LostIO || sink.lostBy(LostIO) != 1 || !errors.Is(told, broken) {
		t.Errorf("%+v %v %v", o, sink.lost, told)
	}
}

// TestOneMomentForWhatOneReadGave: what came together has one time, and what comes after
// a wait, or without a port, has its own. Trust is that of now.
func TestOneMomentForWhatOneReadGave(t *testing.T) {
	sink := newSink()
	s, c := newStamp(sink, clock.Now{Mono: 1000, Unix: floor + 1000})
	s.flow = true
	put := func(after int64) int64 {
		at := 1000 + after
		c.Set(clock.Now{Mono: at, Unix: floor + at, Trusted: true})
		m := message(12100, 10)
		return s.put(m).at - 1000
	}
	var got []int64
	got = append(got, put(0), put(10)) // no port
	s.arrived()
	got = append(got, put(20), put(30))
	sink.setFull(true)
	go func() {
		for sink.waiting() == 0 {
			runtime.Gosched()
		}
		sink.setFull(false)
	}()
	got = append(got, put(40), put(50), put(60)) // the first of them waits for room
	s.arrived()
	got = append(got, put(70))
	if want := []int64{0, 10, 20, 20, 40, 50, 50, 70}; !slices.Equal(got, want) {
		t.Errorf("taken at %v, want %v", got, want)
	}
	if want := []int64{1000, 1010, 1020, 1020, 1020, 1050, 1050, 1070}; !slices.Equal(sink.at, want) {
		t.Errorf("records of %v, want %v", sink.at, want)
	}
}

func TestStampDoesNotAllocate(t *testing.T) {
	for _, now := range []clock.Now{{Mono: 1, Unix: floor, Trusted: true}, {Mono: 1}} {
		s, _ := newStamp(nullSink{}, now)
		m := message(12100, 10)
		s.put(m)
		if n := testing.AllocsPerRun(100, func() { s.put(m) }); n != 0 {
			t.Errorf("%v allocations with trusted %v", n, now.Trusted)
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	s, _ := newStamp(nullSink{}, clock.Now{Mono: 1, Unix: floor, Trusted: true})
	m := message(12100, 10)
	m.Decimal("temp", 213, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.put(m)
	}
}
