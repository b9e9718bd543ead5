//go:build faults

package faults

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// silent takes connections and says nothing, not even in the handshake.
func silent(t testing.TB) string {
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
func blackhole(t testing.TB) string {
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
// The gateway ends with 0, and everything it had read is delivered after the next
// start. How long a stop may take is held by TestStopWithADeadServer of the daemon, in
// fake time.
func TestStopWithDeadServer(t *testing.T) {
	for name, dead := range map[string]func(*site){
		"refuses":           func(s *site) { s.Down() },
		"silent":            func(s *site) { s.URL = silent(s.TB) },
		"blackhole":         func(s *site) { s.URL = blackhole(s.TB) },
		"answers 503":       func(s *site) { s.Server.Answer(503) },
		"never pongs":       func(s *site) { s.Server.Mute(true) },
		"reads nothing":     func(s *site) { s.Server.Stall(true) },
		"dies in mid-drain": func(s *site) { s.Server.Mute(true); s.Server.Stall(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			good := s.URL
			if name == "reads nothing" {
				s.Buffer = "commit_every = \"10s\"" // nothing is on disk yet when the stop comes
			}
			dead(s)
			g := s.Start()
			s.Line().Feed(20_000)
			g.Until("all are read", rig.Read(20_000))
			t.Logf("stopping took %v", g.Stop().Round(time.Millisecond))
			s.URL = good
			s.Server.Answer(0)
			s.Server.Mute(false)
			s.Server.Stall(false)
			s.Server.Cut()
			s.Up()
			g = s.Start()
			st := g.Until("all are delivered", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Acked == 20_000 })
			s.Whole(st)
			g.Stop()
		})
	}
}

// The first SIGTERM hangs on a disk that takes for ever to sync; the
// second ends the process at once, and costs at most what was not accepted.
// Row 68.
func TestSecondSignalLeavesAtOnce(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "strace")
	s := newSite(t, testbed.Options{})
	s.Buffer = "commit_every = \"3s\""
	s.Down()
	g := s.Start()
	s.Line().Feed(200)
	g.Until("200 are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 200 })
	heal := disturb(g, "fdatasync,fsync:delay_enter=60000000")
	s.Line().Feed(50)
	g.Until("250 are read", rig.Read(250))
	g.Signal(syscall.SIGTERM)
	g.Until("it stops", func(st *status.Document) bool { return st.Link.State == status.LinkStopped })
	pid := g.Pid()
	g.Signal(syscall.SIGTERM)
	// The tracer keeps the thread it delays, and with it the dead process.
	testkit.Eventually(t, "the second signal ends it", func() bool { return ended(pid) }, func() string { return threads(pid) })
	heal()
	if g.Await(); g.Err == nil {
		t.Fatal("it ended in order, without waiting for the disk: the test tests nothing")
	}
	s.Up()
	g = s.Start()
	g.Until("all are delivered", rig.Drained)
	if m := s.Oracle.Missing(s.Line().Tuid, 1, 200); len(m) > 0 {
		t.Errorf("%d of the readings that were on disk are missing", len(m))
	}
	s.Oracle.Honest(t, s.Lines...)
	g.Stop()
}

// ended says whether the process runs no more, though its parent may not know.
func ended(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.HasPrefix(field(string(b), "State:"), "Z")
}

// threads says of each thread what it does and which signals wait for it.
func threads(pid int) string {
	var out strings.Builder
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		b, _ := os.ReadFile(file)
		where, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "wchan"))
		fmt.Fprintf(&out, "%s in %s:", filepath.Base(filepath.Dir(file)), where)
		for _, name := range []string{"State:", "TracerPid:", "SigPnd:", "ShdPnd:", "SigBlk:"} {
			fmt.Fprintf(&out, " %s %s", name, field(string(b), name))
		}
		out.WriteByte('\n')
	}
	return out.String()
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
