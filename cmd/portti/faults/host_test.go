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

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// A second daemon on one state folder ends with 1 and names the first, which
// works on. Row 18.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	first := s.Start()
	second := s.Spawn()
	second.Await()
	if code := second.Cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if want := fmt.Sprintf("process %d", first.Pid()); !strings.Contains(second.Said(), want) {
		t.Errorf("it said %q, without %q", second.Said(), want)
	}
	s.Line().Feed(10)
	first.Until("the first works on", s.Arrived)
	first.Stop()
}

// SIGHUP means nothing to this version beyond a look at the
// credentials, and must never end the process. Row 69.
func TestHangupStorm(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	g := s.Start()
	for range 200 {
		g.Signal(syscall.SIGHUP)
	}
	s.Line().Feed(100)
	g.Until("it works on", s.Arrived)
	s.Whole(g.Until("all are acknowledged", rig.Drained))
	g.Stop()
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
			s := newSite(t, testbed.Options{})
			s.wrap(wrap...)
			g := s.Start()
			s.Line().Feed(100)
			g.Until("it works", s.Arrived)
			s.Down() // something to log
			s.Line().Feed(100)
			g.Until("200 are read", rig.Read(200))
			s.Up()
			g.Until("it works on", s.Arrived)
			s.Whole(g.Until("all are acknowledged", rig.Drained))
			if err := syscall.Kill(g.Cmd.Process.Pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			g.Await()
			if g.Err != nil {
				t.Errorf("it ended with: %v", g.Err)
			}
		})
	}
}

// No more descriptors. What is open goes on; when there are
// descriptors again the rest comes back. Row 72.
func TestNoMoreDescriptors(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "prlimit")
	s := newSite(t, testbed.Options{})
	g := s.Start()
	s.Line().Feed(100)
	g.Until("100 arrive", s.Arrived)
	pid := fmt.Sprint(g.Pid())
	soft := strings.TrimSpace(command(t, "prlimit", "--pid", pid, "--nofile", "--output", "SOFT", "--noheadings"))
	command(t, "prlimit", "--pid", pid, "--nofile=3:"+soft) // below what is open: nothing can be opened
	s.Line().Feed(100)
	testkit.Eventually(t, "what is connected goes on", func() bool { return s.Arrived(nil) })
	s.Server.Cut() // the link cannot be dialled again, the socket cannot be answered
	s.Line().Feed(100)
	testkit.Eventually(t, "it says why", func() bool { return strings.Contains(g.Said(), "too many open files") })
	if g.Gone() {
		t.Fatal("it ended for want of descriptors")
	}
	command(t, "prlimit", "--pid", pid, "--nofile="+soft+":"+soft)
	g.Until("all arrive", s.Arrived)
	s.Whole(g.Until("all are acknowledged", rig.Drained))
	quiet(g, 60)
	g.Stop()
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
			s := newSite(t, testbed.Options{})
			s.Env = append([]string{"NOTHING=1"}, env...)
			g := s.Start()
			s.Line().Feed(50)
			g.Until("all arrive", s.Arrived)
			st := g.Until("all are acknowledged", rig.Drained)
			s.Whole(st)
			if _, zone := st.Time.Zone(); zone != 0 {
				t.Errorf("the status has the time %v", st.Time)
			}
			g.Stop()
		})
	}
}

// The machine sleeps. The server has given the connection up in the
// meantime; one reconnect, no burst, nothing lost.
func TestPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	s.Uplink = "ping_interval = \"1s\"\npong_timeout = \"1s\""
	g := s.Start()
	s.Line().Feed(100)
	before := g.Until("100 are acknowledged", func(st *status.Document) bool { return st.Totals.Acked == 100 })
	g.Signal(syscall.SIGSTOP)
	s.Server.Cut()
	time.Sleep(6 * time.Second) // the pause, well beyond both limits
	g.Signal(syscall.SIGCONT)
	s.Line().Feed(100)
	g.Until("200 arrive", s.Arrived)
	st := g.Until("all are acknowledged", rig.Drained)
	s.Whole(st)
	if n := st.Link.Connects - before.Link.Connects; n > 2 {
		t.Errorf("%d connections for one pause", n)
	}
	if rig.HasProblem(st, "SYS-WATCHDOG") {
		t.Error("a pause is called a stuck part")
	}
	g.Stop()
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
			temp := rig.Folder(t)
			cmd := exec.Command(os.Getenv(binaryVar), "demo")
			cmd.Env = append(rig.PlainEnv(), "TMPDIR="+temp)
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
			testkit.Receive(t, "the demo ends", ended)
			if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
