//go:build faults

package faults

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/bench"
	"portti/cmd/portti/daemon"
)

func procFile(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A second daemon on one state folder ends with 1 within two seconds
// and names the first, which works on. Row 18.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	first := s.start()
	second := s.spawn()
	second.await(2 * time.Second)
	if code := second.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if want := fmt.Sprintf("process %d", first.pid()); !strings.Contains(second.said(), want) {
		t.Errorf("it said %q, without %q", second.said(), want)
	}
	s.line().feed(t, 10)
	first.until("the first works on", s.arrived)
	first.stop()
}

// SIGHUP means nothing to this version beyond a look at the
// credentials, and must never end the process. Row 69.
func TestHangupStorm(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	g := s.start()
	for range 200 {
		g.signal(syscall.SIGHUP)
	}
	s.line().feed(t, 100)
	g.until("it works on", s.arrived)
	s.whole(g.until("all are acknowledged", drained))
	g.stop()
}

// Standard output and error are closed, or nobody reads them any more. Row 70.
func TestNobodyListens(t *testing.T) {
	for name, wrap := range map[string][]string{
		"closed":      {"sh", "-c", `exec "$0" "$@" <&- >&- 2>&-`},
		"broken pipe": {"bash", "-c", `exec "$0" "$@" > >(exec true) 2>&1`},
		"full device": {"sh", "-c", `exec "$0" "$@" >/dev/full 2>&1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bench.Options{})
			s.wrap = wrap
			g := s.start()
			s.line().feed(t, 100)
			g.until("it works", s.arrived)
			s.down() // something to log
			s.line().feed(t, 100)
			g.until("200 are read", read(200))
			s.up()
			g.until("it works on", s.arrived)
			s.whole(g.until("all are acknowledged", drained))
			if err := syscall.Kill(g.cmd.Process.Pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			g.await(stopLimit)
			if g.err != nil {
				t.Errorf("it ended with: %v", g.err)
			}
		})
	}
}

// No more descriptors. What is open goes on; when there are
// descriptors again the rest comes back. Row 72.
func TestNoMoreDescriptors(t *testing.T) {
	t.Parallel()
	needTool(t, "prlimit")
	s := newSite(t, bench.Options{})
	g := s.start()
	s.line().feed(t, 100)
	g.until("100 arrive", s.arrived)
	pid := fmt.Sprint(g.pid())
	soft := strings.TrimSpace(command(t, "prlimit", "--pid", pid, "--nofile", "--output", "SOFT", "--noheadings"))
	command(t, "prlimit", "--pid", pid, "--nofile=3:"+soft) // below what is open: nothing can be opened
	s.line().feed(t, 100)
	waitFor(t, "what is connected goes on", func() bool { return s.arrived(nil) })
	s.server.Cut() // the link cannot be dialled again, the socket cannot be answered
	s.line().feed(t, 100)
	time.Sleep(2 * time.Second)
	if g.gone() {
		t.Fatal("it ended for want of descriptors")
	}
	used := g.processorTime()
	time.Sleep(time.Second)
	if used = g.processorTime() - used; used > 500*time.Millisecond {
		t.Errorf("it spins: %v of processor time in 1 s", used)
	}
	command(t, "prlimit", "--pid", pid, "--nofile="+soft+":"+soft)
	g.until("all arrive", s.arrived)
	s.whole(g.until("all are acknowledged", drained))
	if n := strings.Count(g.said(), "\n"); n > 60 {
		t.Errorf("the log has %d lines", n)
	}
	g.stop()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// Rows 78 and 81: another locale and zone, no HOME, no usable folder for
// temporary files, no PATH. What is sent is the same.
func TestEnvironments(t *testing.T) {
	for name, env := range map[string][]string{
		"empty":   {},
		"turkish": {"LC_ALL=tr_TR.UTF-8", "TZ=Pacific/Chatham", "HOME=/nonexistent", "TMPDIR=/nonexistent", "PATH="},
		"posix":   {"LC_ALL=C", "TZ=:broken", "GOMEMLIMIT=40MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bench.Options{})
			s.env = append([]string{"NOTHING=1"}, env...)
			g := s.start()
			s.line().feed(t, 50)
			g.until("all arrive", s.arrived)
			st := g.until("all are acknowledged", drained)
			s.whole(st)
			if _, zone := st.Time.Zone(); zone != 0 {
				t.Errorf("the status has the time %v", st.Time)
			}
			g.stop()
		})
	}
}

// The machine sleeps. The server has given the connection up in the
// meantime; one reconnect, no burst, nothing lost.
func TestPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, bench.Options{})
	s.uplink = "ping_interval = \"1s\"\npong_timeout = \"1s\""
	g := s.start()
	s.line().feed(t, 100)
	before := g.until("100 are acknowledged", func(st *daemon.Status) bool { return st.Totals.Acked == 100 })
	g.signal(syscall.SIGSTOP)
	s.server.Cut()
	time.Sleep(6 * time.Second)
	g.signal(syscall.SIGCONT)
	s.line().feed(t, 100)
	g.until("200 arrive", s.arrived)
	st := g.until("all are acknowledged", drained)
	s.whole(st)
	if n := st.Link.Connects - before.Link.Connects; n > 2 {
		t.Errorf("%d connections for one pause", n)
	}
	if hasProblem(st, "SYS-WATCHDOG") {
		t.Error("a pause is called a stuck part")
	}
	g.stop()
}

// `portti demo | head` ends the demo by SIGPIPE, in the middle of a story:
// its folder must be gone all the same.
func TestDemoLeavesNothingBehind(t *testing.T) {
	for name, end := range map[string]func(*exec.Cmd, io.Closer){
		"reader gone": func(_ *exec.Cmd, out io.Closer) { out.Close() },
		"interrupted": func(c *exec.Cmd, _ io.Closer) { _ = c.Process.Signal(os.Interrupt) },
		"terminated":  func(c *exec.Cmd, _ io.Closer) { _ = c.Process.Signal(syscall.SIGTERM) },
		"hung up":     func(c *exec.Cmd, _ io.Closer) { _ = c.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := folder(t)
			cmd := exec.Command(os.Getenv(binaryVar), "demo")
			cmd.Env = append(plainEnv(), "TMPDIR="+temp)
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
			lines := bufio.NewReader(out)
			for range 6 {
				if _, err := lines.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			end(cmd, out)
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			go func() { _ = cmd.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the demo does not end")
			}
			if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
