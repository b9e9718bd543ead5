//go:build faults

package faults

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

// stopLimit is how long a stop may take with a dead server.
const stopLimit = 5 * time.Second

// silent takes connections and says nothing, not even in the handshake.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return "ws://" + l.Addr().String() + "/socket"
}

// blackhole answers no SYN: its queue of connections is full.
func blackhole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
		if err != nil {
			return "ws://" + addr + "/socket"
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue of connections does not fill")
	return ""
}

// Rows 33, 36 and 67: SIGTERM with a server that is dead in one of many ways.
// The gateway ends in time and with 0, and everything it had read is delivered
// after the next start.
func TestStopWithDeadServer(t *testing.T) {
	for name, dead := range map[string]func(*site){
		"refuses":           func(s *site) { s.down() },
		"silent":            func(s *site) { s.url = silent(s.t) },
		"blackhole":         func(s *site) { s.url = blackhole(s.t) },
		"answers 503":       func(s *site) { s.server.Answer(503) },
		"never pongs":       func(s *site) { s.server.Mute(true) },
		"reads nothing":     func(s *site) { s.server.Stall(true) },
		"dies in mid-drain": func(s *site) { s.server.Mute(true); s.server.Stall(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bench.Options{})
			good := s.url
			if name == "reads nothing" {
				s.buffer = "commit_every = \"10s\"" // nothing is on disk yet when the stop comes
			}
			dead(s)
			g := s.start()
			s.line().feed(t, 20_000)
			g.until("all are read", read(20_000))
			if took := g.stop(); took >= stopLimit {
				t.Errorf("stopping took %v", took)
			}
			s.url = good
			s.server.Answer(0)
			s.server.Mute(false)
			s.server.Stall(false)
			s.server.Cut()
			s.up()
			g = s.start()
			st := g.until("all are delivered", func(st *daemon.Status) bool { return drained(st) && st.Totals.Acked == 20_000 })
			s.whole(st)
			g.stop()
		})
	}
}

// The first SIGTERM hangs on a disk that takes for ever to sync; the
// second ends the process at once, and costs at most what was not accepted.
// Row 68.
func TestSecondSignalLeavesAtOnce(t *testing.T) {
	t.Parallel()
	needTool(t, "strace")
	s := newSite(t, bench.Options{})
	s.buffer = "commit_every = \"3s\""
	s.down()
	g := s.start()
	s.line().feed(t, 200)
	g.until("200 are on disk", func(st *daemon.Status) bool { return st.Buffer.WaitingDisk == 200 })
	heal := g.disturb("fdatasync,fsync:delay_enter=60000000")
	s.line().feed(t, 50)
	g.until("250 are read", read(250))
	g.signal(syscall.SIGTERM)
	select {
	case <-g.ended:
		t.Fatal("the stop did not wait for the disk: the test tests nothing")
	case <-time.After(4 * time.Second):
	}
	began := time.Now()
	pid := g.pid()
	g.signal(syscall.SIGTERM)
	// The tracer keeps the thread it delays, and with it the dead process.
	for dead := false; !dead; dead = ended(pid) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the process is still there after the second signal")
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("left %v after the second signal", time.Since(began).Round(time.Millisecond))
	heal()
	g.await(patience)
	s.up()
	g = s.start()
	g.until("all are delivered", drained)
	if m := s.oracle.missing(s.line().tuid, 1, 200); len(m) > 0 {
		t.Errorf("%d of the readings that were on disk are missing", len(m))
	}
	s.oracle.honest(t, s.lines...)
	g.stop()
}

// ended says whether the process runs no more, though its parent may not know.
func ended(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.HasPrefix(field(string(b), "State:"), "Z")
}

// traced says whether every thread of the process has a tracer.
func traced(pid int) bool {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, th := range threads {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, th.Name()))
		if field(string(b), "TracerPid:") == "0" {
			return false
		}
	}
	return len(threads) > 0
}
