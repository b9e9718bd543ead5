package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portti/device/chrony"
)

// chronySocket is where chronyd would read.
func chronySocket(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// samples gives the true times of the samples that have come, in Unix milliseconds. What
// was sent is there: a datagram on this machine is handed over in the call that sends it.
func samples(t *testing.T, c *net.UnixConn) []int64 {
	all, _ := sampled(t, c)
	return all
}

// sampled also gives what the machine's clock is said to have shown.
func sampled(t *testing.T, c *net.UnixConn) (all []int64, shown []time.Time) {
	t.Helper()
	buf := make([]byte, 100)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for {
		n, err := 0, error(nil)
		if e := raw.Read(func(fd uintptr) bool {
			n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			return true
		}); e != nil {
			t.Fatal(e)
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return all, shown
		case err != nil:
			t.Fatal(err)
		case n == 40:
			micros := int64(binary.NativeEndian.Uint64(buf))*1e6 + int64(binary.NativeEndian.Uint64(buf[8:]))
			ahead := math.Float64frombits(binary.NativeEndian.Uint64(buf[16:]))
			shown = append(shown, time.UnixMicro(micros))
			all = append(all, micros/1000+int64(math.Round(ahead*1000)))
		case n != 32 || len(chrony.Sizes()) == 1:
			t.Errorf("a sample of %d bytes", n)
		}
	}
}

// TestClockOut: which fixes reach chronyd.
func TestClockOut(t *testing.T) {
	noon := gpsNoon.UnixMilli()
	for _, row := range []struct {
		name    string
		trusted bool
		steers  bool
		time    int64 // of the fix
		mode    uint8
		want    bool
	}{
		{"one that nothing contradicts", true, true, noon + 20_000, 3, true},
		{"before the clock goes by anything", false, true, noon, 3, false},
		{"two minutes off a trusted clock", true, true, noon + 120_000, 3, false},
		{"long past", true, true, noon - 1e11, 3, false},
		{"no date", true, true, 0, 3, false},
		{"no position", true, true, noon, 1, false},
		{"of a recording", true, false, noon, 3, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			c := chronySocket(t, path)
			l := newLocator("gps", PositionOptions{ClockOut: path}, Env{Clock: gpsClock(row.trusted), Live: row.steers})
			f := at(0, 0, 0, 0)
			f.Time, f.Mode, f.Began = row.time, row.mode, 1000
			l.fix(&f, &gpsOut{})
			got := samples(t, c)
			if (len(got) == 1) != row.want || row.want && max(got[0]-row.time, row.time-got[0]) > 1 {
				t.Errorf("chronyd heard %v, want %d: %v", got, row.time, row.want)
			}
		})
	}
}

// TestClockOutOnceASecond: not more of a receiver that has ten fixes a second, and not
// less of one that has one.
func TestClockOutOnceASecond(t *testing.T) {
	s := steering{path: filepath.Join(t.TempDir(), "s")}
	c := chronySocket(t, s.path)
	heard := 0
	for i := range int64(100) {
		s.tell(gpsNoon.UnixMilli()+100*i, 5000+100*i, 5000+100*i)
		heard += len(samples(t, c)) // a socket keeps some ten
	}
	if heard != 10 && heard != 11 {
		t.Errorf("%d samples in 10 s at 10 Hz", heard)
	}
	heard = 0
	for i := range int64(10) {
		late := i % 2 * 60
		s.tell(gpsNoon.UnixMilli()+1000*i, 20_000+1000*i, 20_000+1000*i+late)
		heard += len(samples(t, c))
	}
	if heard != 10 {
		t.Errorf("%d samples in 10 s at 1 Hz", heard)
	}
}

// TestClockOutKnowsWhen: a fix is of the moment when its first sentence was there, and
// not of that when its last was.
func TestClockOutKnowsWhen(t *testing.T) {
	s := steering{path: filepath.Join(t.TempDir(), "s")}
	c := chronySocket(t, s.path)
	const late = 40 * time.Second
	before := time.Now().Add(-late)
	s.tell(gpsNoon.UnixMilli(), 5000, 5000+late.Milliseconds())
	after := time.Now().Add(-late)
	if _, shown := sampled(t, c); len(shown) != 1 || shown[0].Before(before.Truncate(time.Microsecond)) || shown[0].After(after) {
		t.Errorf("the machine's clock is said to have shown %v, want %v to %v", shown, before, after)
	}
}

// TestChronydComesAndGoes: that it is not there is said once, and shown until it is.
func TestChronydComesAndGoes(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "s")
	l := newLocator("gps", PositionOptions{ClockOut: path}, Env{Clock: gpsClock(true), Live: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	out := &positionOut{}
	fix := func() {
		f := at(0, 0, 0, 0)
		f.Time, f.Began = gpsNoon.UnixMilli(), 1000
		l.steers.last = 0
		l.fix(&f, out)
	}
	fix()
	fix()
	if !out.flags[codeChrony] || strings.Count(log.String(), "gps.clock-out-failed") != 1 || !strings.Contains(log.String(), "has made no such socket") {
		t.Errorf("without chronyd: raised %v, the log: %s", out.flags, log.String())
	}
	c := chronySocket(t, path)
	fix()
	if out.flags[codeChrony] || len(samples(t, c)) != 1 {
		t.Errorf("with it: raised %v", out.flags)
	}
	c.Close() // the socket's name stays, as that of a killed chronyd
	fix()
	if !out.flags[codeChrony] || !strings.Contains(log.String(), "is not running any more") {
		t.Errorf("after it: raised %v, the log: %s", out.flags, log.String())
	}
	if n := len(out.lines); n != 4*2 {
		t.Errorf("%d messages: readings depend on chronyd", n)
	}
}

// TestAFullSocketDelaysNothing: a chronyd that has stopped reading.
func TestAFullSocketDelaysNothing(t *testing.T) {
	s := steering{path: filepath.Join(t.TempDir(), "s")}
	chronySocket(t, s.path)
	for i := range int64(10_000) {
		s.last = 0
		if err, changed := s.tell(1, i, i); changed {
			if !errors.Is(err, unix.EAGAIN) || whyNot(err) != "chronyd does not read it" {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the socket never filled")
}

func TestClockOutPaths(t *testing.T) {
	for option, want := range map[string]string{"": "", "chrony": chronyPath, "/run/x.sock": "/run/x.sock"} {
		if got, err := clockOut(option); got != want || err != nil {
			t.Errorf("%q: %q, %v", option, got, err)
		}
	}
	for _, option := range []string{"ntpd", "run/x", "/" + strings.Repeat("x", maxSockPath), "/a\x00b"} {
		if _, err := clockOut(option); err == nil {
			t.Errorf("%q was taken", option)
		}
	}
}
