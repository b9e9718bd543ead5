package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// typescript is what came out of a terminal.
type typescript struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write is part of io.Writer.
func (s *typescript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(b)
}

func (s *typescript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

const (
	takes = "\x1b[?1049h\x1b[?25l"
	gives = "\x1b[?25h\x1b[?1049l"
)

// onTerminal runs a shell's command in a session on a pseudo-terminal, $0 of which is this
// program, and $1 the socket. before is how the terminal was.
func onTerminal(t *testing.T, command, socket string) (cmd *exec.Cmd, keyboard, terminal *os.File, before unix.Termios, out *typescript) {
	t.Helper()
	var err error
	keyboard, terminal, err = pty.Open()
	if err != nil {
		testkit.Need(t, "a pseudo-terminal", err)
	}
	if err := pty.Setsize(keyboard, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before = modesOf(t, terminal)
	cmd = exec.CommandContext(t.Context(), "sh", "-c", command, self, socket)
	cmd.Env = append(os.Environ(), "PORTTI_TEST_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "TERM=xterm", "LANG=C.UTF-8", "LC_ALL=", "NO_COLOR=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		unlessEmulated(t, err)
		t.Fatal(err)
	}
	out = new(typescript)
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(out, keyboard) }()
	t.Cleanup(func() { _ = terminal.Close(); _ = keyboard.Close(); <-read })
	return cmd, keyboard, terminal, before, out
}

func modesOf(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

// TestTopStopsAndGoesOn: Ctrl-Z gives the terminal to the shell, fg takes it again, and a
// signal to end gives it back.
func TestTopStopsAndGoesOn(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	defer g.Halt()
	cmd, keyboard, terminal, before, out := onTerminal(t, `set -m; "$0" top --socket "$1"; echo HELD $?; read x; fg >/dev/null; echo ENDED $?`, filepath.Join(s.Dir, "run", "portti.sock"))
	says := func(text string, times int) {
		t.Helper()
		testkit.Eventually(t, fmt.Sprintf("%q is there %d times", text, times), func() bool { return strings.Count(out.String(), text) == times }, out.String)
	}
	says(takes, 1)
	says("VALUE", 1)
	if _, err := keyboard.WriteString("\x1a"); err != nil {
		t.Fatal(err)
	}
	says("HELD", 1)
	if text := out.String(); strings.LastIndex(text, gives) < strings.LastIndex(text, takes) {
		t.Errorf("the shell has a terminal that was not given back: %q", text)
	}
	if held := modesOf(t, terminal); held.Lflag != before.Lflag || held.Iflag != before.Iflag {
		t.Errorf("modes before %+v, while it is held %+v", before, held)
	}
	if _, err := keyboard.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	says(takes, 2)
	says("VALUE", 2)
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	says("ENDED 0", 1)
	_ = cmd.Wait()
	if after := modesOf(t, terminal); after.Lflag != before.Lflag || after.Iflag != before.Iflag || strings.Count(out.String(), gives) != 2 {
		t.Errorf("modes before %+v, after %+v\n%q", before, after, out.String())
	}
}

// TestTopRemembers: a running gateway tells the view of its minutes.
func TestTopRemembers(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	defer g.Halt()
	h, err := (&topSource{g: globals{timeout: time.Second}, socket: filepath.Join(s.Dir, "run", "portti.sock")}).History(t.Context())
	if err != nil || h.Schema != status.Schema || len(h.Devices) != 1 || h.Devices[0].Name != "panel" {
		t.Fatal(err, h)
	}
}

// TestTopEndsBySignal: with its exit code, and the terminal as it was.
func TestTopEndsBySignal(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	defer g.Halt()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		cmd, _, terminal, before, out := onTerminal(t, `exec "$0" top --socket "$1"`, filepath.Join(s.Dir, "run", "portti.sock"))
		testkit.Eventually(t, "it draws", func() bool { return strings.Contains(out.String(), "VALUE") }, out.String)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		testkit.Eventually(t, "the terminal is given back", func() bool { return strings.HasSuffix(out.String(), gives) }, out.String)
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || modesOf(t, terminal) != before {
			t.Errorf("%s: exit code %d, modes before %+v, after %+v", sig, code, before, modesOf(t, terminal))
		}
	}
}

// TestTopWithoutATerminal: lines instead of a screen.
func TestTopWithoutATerminal(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	defer g.Halt()
	socket := filepath.Join(s.Dir, "run", "portti.sock")
	v := startVerb(t, "", "top", "--socket", socket)
	testkit.Eventually(t, "it prints a line", func() bool {
		return strings.Contains(v.out.String(), " portti ok ") || strings.Contains(v.out.String(), " portti degraded ")
	}, v.out.String)
	if strings.Contains(v.out.String(), "\x1b") {
		t.Errorf("%q", v.out.String())
	}
	v.cancel()
	v.ends(t, exitInterrupted)
	j := startVerb(t, "", "top", "--json", "--socket", socket)
	testkit.Eventually(t, "it prints a document", func() bool { return strings.Contains(j.out.String(), "\n") }, j.out.String)
	line, _, _ := strings.Cut(j.out.String(), "\n")
	var doc status.Document
	if err := json.Unmarshal([]byte(line), &doc); err != nil || !doc.Running {
		t.Error(err, line)
	}
	j.cancel()
	j.ends(t, exitInterrupted)
}

// TestGPSVerb: a receiver's sky comes from the wire to the terminal, and nobody else sees it.
func TestGPSVerb(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	defer g.Halt()
	socket := filepath.Join(s.Dir, "run", "portti.sock")
	v := startVerb(t, "", "gps", "--socket", socket)
	v.ends(t, exitFailed) // the rig has a panel alone
	v.says(t, "no device of the running gateway sends positions")
	n := startVerb(t, "", "gps", "panel", "--socket", socket)
	n.ends(t, exitUsage)
	j := startVerb(t, "", "gps", "--json", "--socket", socket)
	j.ends(t, exitOK)
	var doc status.GPSDocument
	if err := json.Unmarshal([]byte(j.out.String()), &doc); err != nil || doc.Schema != status.GPSSchema || doc.Devices == nil {
		t.Error(err, j.out.String())
	}
}
