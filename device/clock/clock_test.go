package clock

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestNewReadsThisMachine(t *testing.T) {
	c, err := New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().UnixMilli()
	a, b := c.Now(), c.Now()
	if a.Mono <= 0 || b.Mono < a.Mono {
		t.Errorf("mono went from %d to %d", a.Mono, b.Mono)
	}
	if after := time.Now().UnixMilli(); a.Unix < before || b.Unix > after {
		t.Errorf("the wall clock says %d and %d, between %d and %d", a.Unix, b.Unix, before, after)
	}
	if c.BootID() == [16]byte{} {
		t.Error("the boot id is empty")
	}
	again, _ := New(time.Time{})
	if again.BootID() != c.BootID() {
		t.Error("two clocks of one boot have two boot ids")
	}
	// Whether this kernel is synchronised is not ours to say, but the three
	// views of it must agree.
	trusted := c.Now().Trusted
	if (c.Source() == SourceKernel) != trusted || (c.Reason() == "") != trusted {
		t.Errorf("trusted %v, source %q, reason %q", trusted, c.Source(), c.Reason())
	}
}

func TestJudge(t *testing.T) {
	for _, row := range []struct {
		name          string
		state, status int
		err           error
		want          string // part of the reason
	}{
		{"synchronised", 0, unix.STA_PLL, nil, ""},
		{"leap second pending", 1, unix.STA_PLL, nil, ""},
		{"never synchronised", unix.TIME_ERROR, unix.STA_UNSYNC, nil, "not synchronised"},
		{"flag alone", 0, unix.STA_UNSYNC, nil, "not synchronised"},
		{"state alone", unix.TIME_ERROR, 0, nil, "not synchronised"},
		{"seccomp", -1, 0, unix.EPERM, "operation not permitted"},
		{"no such call", -1, 0, unix.ENOSYS, "not implemented"},
	} {
		got := judge(row.state, row.status, row.err)
		if (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// scripted is a Clock whose three readers are variables.
func scripted(floor int64) (c *Clock, mono, wall *int64, why *string, asks *int) {
	mono, wall, why, asks = new(int64), new(int64), new(string), new(int)
	c = &Clock{
		built: floor,
		read:  func() (int64, int64) { return *mono, *wall },
		ask:   func() string { *asks++; return *why },
	}
	return
}

func TestTrust(t *testing.T) {
	const floor = 1_780_000_000_000
	c, mono, wall, why, _ := scripted(floor)
	*mono, *wall = 5000, floor-1
	if n := c.Now(); n.Trusted || n.Unix != floor-1 || n.Mono != 5000 {
		t.Errorf("before the floor: %+v", n)
	}
	if !strings.Contains(c.Reason(), "before") {
		t.Errorf("reason %q", c.Reason())
	}
	*wall = floor
	*mono += askEvery
	if !c.Now().Trusted || c.Source() != SourceKernel || c.Reason() != "" {
		t.Errorf("at the floor: %+v %s %q", c.Now(), c.Source(), c.Reason())
	}
	// What was right goes on by the monotonic clock.
	*why = "lost it"
	*mono += askEvery
	*wall += 3600_000
	if n := c.Now(); n != (Now{Mono: *mono, Unix: floor + askEvery, Trusted: true}) || c.Source() != SourceKernel {
		t.Errorf("unsynchronised: %+v %s %q", n, c.Source(), c.Reason())
	}
}

func TestAsksOnceASecond(t *testing.T) {
	c, mono, wall, why, asks := scripted(0)
	*wall, *why = 1, "not yet"
	for range 1000 { // the first milliseconds after boot, from 0 on
		if c.Now().Trusted {
			t.Fatal("trusted")
		}
		*mono++
	}
	if *asks != 1 {
		t.Errorf("asked %d times within a second", *asks)
	}
	*why = ""
	if !c.Now().Trusted || *asks != 2 {
		t.Errorf("a second later: trusted %v after %d questions", c.Now().Trusted, *asks)
	}
}

func TestParseBootID(t *testing.T) {
	id, err := parseBootID("01234567-89ab-cdef-0123-456789abcdef\n")
	if err != nil || id[0] != 0x01 || id[15] != 0xef {
		t.Errorf("%x %v", id, err)
	}
	for _, bad := range []string{"", "\n", "01234567", "zz234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef00"} {
		if _, err := parseBootID(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestNowDoesNotAllocate(t *testing.T) {
	c, err := New(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c.Now()
	c.ask = func() string { return "" } // a question a second may allocate
	if n := testing.AllocsPerRun(100, func() { c.Now() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	c, err := New(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				c.Now()
				c.Reason()
			}
		})
	}
	wg.Wait()
}

func TestFake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Fake(Now{Mono: 10, Unix: 20, Trusted: true}, time.UnixMilli(5))
		time.Sleep(time.Second)
		if n := c.Now(); n != (Now{Mono: 10, Unix: 20, Trusted: true}) || c.Floor() != 5 || c.Reason() != "" {
			t.Errorf("standing: %+v", n)
		}
		c.Flow()
		time.Sleep(time.Second)
		if n := c.Now(); n != (Now{Mono: 1010, Unix: 1020, Trusted: true}) {
			t.Errorf("flowing: %+v", n)
		}
		c.Set(Now{Mono: 7})
		time.Sleep(time.Millisecond)
		if n := c.Now(); n != (Now{Mono: 8, Unix: 1}) || c.Source() != SourceNone || c.Reason() == "" {
			t.Errorf("set: %+v", n)
		}
		if c.BootID() == [16]byte{} {
			t.Error("the boot id is empty")
		}
	})
}

func TestSetLeavesARealClockAlone(t *testing.T) {
	c, err := New(time.Time{})
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no /proc")
	}
	c.Set(Now{Mono: -1, Unix: -1, Trusted: true})
	c.Flow()
	if n := c.Now(); n.Mono < 0 || n.Unix < 0 {
		t.Errorf("%+v", n)
	}
}

func BenchmarkNow(b *testing.B) {
	c, err := New(time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Now()
	}
}
