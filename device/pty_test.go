package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"portti/cross/testkit"
)

// newPty makes a pseudo-terminal: our end, and the path of the gateway's.
func newPty(t *testing.T) (master *os.File, path string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	path = slave.Name()
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	return master, path
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Error(err)
	}
}

func openPort(t *testing.T, path string) Line {
	t.Helper()
	o, err := Open(t.Context(), Config{Type: "lines", Port: path, Baud: 115200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Line.Close() })
	return o.Line
}

func openErr(t *testing.T, path string) *OpenError {
	t.Helper()
	o, err := Open(t.Context(), Config{Type: "lines", Port: path, Baud: 115200})
	if err == nil {
		_ = o.Line.Close()
		t.Fatalf("%s was opened", path)
	}
	var oe *OpenError
	if !errors.As(err, &oe) {
		t.Fatalf("%s: not an OpenError: %v", path, err)
	}
	return oe
}

func TestSerialReadsAndTimesOut(t *testing.T) {
	master, path := newPty(t)
	line := openPort(t, path)
	buf := make([]byte, 64)

	at := time.Now().Add(20 * time.Millisecond)
	if err := line.SetReadDeadline(at); err != nil {
		t.Fatal(err)
	}
	n, err := line.Read(buf)
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("quiet: %d %v", n, err)
	}
	if left := time.Until(at); left > 0 {
		t.Errorf("the deadline passed %v early", left)
	}
	if n, err := line.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline that has passed: %d %v", n, err)
	}
	_ = line.SetReadDeadline(time.Time{})
	write(t, master, "hello")
	if n, err := line.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q %v", buf[:n], err)
	}
	if _, err := line.Write([]byte("back")); err != nil {
		t.Error(err)
	}
	if n, err := master.Read(buf); err != nil || string(buf[:n]) != "back" {
		t.Errorf("written: %q %v", buf[:n], err)
	}
}

// TestSerialWaits: a Read that is blocked ends at its deadline, also at one that is
// set meanwhile, and at Interrupt, after which no deadline lets it go on.
func TestSerialWaits(t *testing.T) {
	in := func(d time.Duration) func(Line) {
		return func(l Line) { _ = l.SetReadDeadline(time.Now().Add(d)) }
	}
	for name, row := range map[string]struct {
		begin, later func(Line)
		want         error
	}{
		"deadline":           {in(20 * time.Millisecond), func(Line) {}, os.ErrDeadlineExceeded},
		"deadline, past":     {in(-time.Hour), func(Line) {}, os.ErrDeadlineExceeded},
		"deadline set later": {in(time.Hour), in(0), os.ErrDeadlineExceeded},
		"interrupt":          {in(time.Hour), Line.Interrupt, errInterrupted},
		"interrupt, then":    {in(time.Hour), func(l Line) { l.Interrupt(); in(time.Hour)(l) }, errInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := newPty(t)
			line := openPort(t, path)
			row.begin(line)
			done := make(chan error, 1)
			go func() {
				_, err := line.Read(make([]byte, 1))
				done <- err
			}()
			row.later(line)
			if err := testkit.Receive(t, "Read returns", done); !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
}

// TestSerialWaitsWithoutThreads: ports on which nothing happens wait in the runtime's
// poller, and take no thread each.
func TestSerialWaitsWithoutThreads(t *testing.T) {
	const ports = 32
	threads := func() int {
		tasks, _ := os.ReadDir("/proc/self/task")
		return len(tasks)
	}
	before := threads()
	for range ports {
		_, path := newPty(t)
		line := openPort(t, path)
		go func() { _, _ = line.Read(make([]byte, 1)) }()
	}
	stacks := make([]byte, 1<<20)
	testkit.Eventually(t, "each Read waits in the poller", func() bool {
		all := string(stacks[:runtime.Stack(stacks, true)])
		return strings.Count(all, "[IO wait") >= ports
	})
	if more := threads() - before; more >= ports/2 {
		t.Errorf("%d threads more for %d ports", more, ports)
	}
}

// TestSerialZeroBytesIsUnplugged: what a real port gives that was pulled out, and
// never the end of a stream.
func TestSerialZeroBytesIsUnplugged(t *testing.T) {
	_, path := newPty(t)
	line := openPort(t, path)
	other, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	mode, err := unix.IoctlGetTermios(int(other.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if mode.Cc[unix.VMIN] != 1 {
		t.Errorf("VMIN is %d", mode.Cc[unix.VMIN])
	}
	mode.Cc[unix.VMIN] = 0
	if err := unix.IoctlSetTermios(int(other.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	if n, err := line.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestSerialUnplugAndInterruptDiffer(t *testing.T) {
	master, path := newPty(t)
	line := openPort(t, path)
	_ = master.Close()
	for range 3 { // and it stays so
		if _, err := line.Read(make([]byte, 1)); !errors.Is(err, ErrGone) {
			t.Errorf("unplugged: %v", err)
		}
	}
	if err := line.Close(); err != nil {
		t.Errorf("closing what is gone: %v", err)
	}

	_, path = newPty(t)
	line = openPort(t, path)
	done := make(chan error)
	go func() {
		_, err := line.Read(make([]byte, 1))
		done <- err
	}()
	line.Interrupt()
	if err := <-done; !errors.Is(err, errInterrupted) || errors.Is(err, ErrGone) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := line.Write([]byte{1}); !errors.Is(err, errInterrupted) {
		t.Errorf("writing afterwards: %v", err)
	}
	if err := errors.Join(line.Close(), line.Close()); err != nil {
		t.Error(err)
	}
}

func TestSerialWriteIsBounded(t *testing.T) {
	_, path := newPty(t) // nobody reads the other end
	line := openPort(t, path)
	start := time.Now()
	_, err := line.Write(make([]byte, 1<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took < WriteLimit {
		t.Errorf("gave up after %v", took)
	}
}

func TestSerialWriteAgainstClose(t *testing.T) {
	master, path := newPty(t)
	go func() { _, _ = io.Copy(io.Discard, master) }()
	line := openPort(t, path)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := line.Write([]byte("x")); err != nil {
					return
				}
			}
		})
	}
	_ = line.Close()
	wg.Wait()
}

func TestSerialSpeeds(t *testing.T) {
	for _, baud := range []int{9600, 115200, 1000000, 125000, 31250} {
		_, path := newPty(t)
		o, err := Open(t.Context(), Config{Type: "lines", Port: path, Baud: Baud(baud)})
		if err != nil && strings.Contains(err.Error(), unix.ENOSYS.Error()) {
			t.Logf("%d baud: not under this emulator", baud)
			continue
		}
		if err != nil {
			t.Errorf("%d baud: %v", baud, err)
			continue
		}
		_ = o.Line.Close()
	}
}

func TestOpenRefusesASecondOwner(t *testing.T) {
	_, path := newPty(t)
	first := openPort(t, path)
	e := openErr(t, path)
	if e.State != Busy || e.Code != CodeBusy || !strings.Contains(e.Error(), "another device of this gateway") {
		t.Errorf("%+v %v", e, e)
	}
	_ = first.Close()
	_ = openPort(t, path).Close()
}

func TestOpenNamesALockHolder(t *testing.T) {
	_, path := newPty(t)
	// The child keeps the lock of the file it inherited when we close ours.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	pid := startHolder(t, f)
	_ = f.Close()
	e := openErr(t, path)
	if want := fmt.Sprintf("in use by sleep (process %d)", pid); e.Code != CodeBusy || !strings.Contains(e.Error(), want) {
		t.Errorf("%v, want %q", e, want)
	}
}

func startHolder(t *testing.T, f *os.File) int {
	t.Helper()
	sleep, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil, f}})
	if err != nil {
		t.Skipf("cannot start a process: %v", err)
	}
	t.Cleanup(func() {
		_ = sleep.Kill()
		_, _ = sleep.Wait()
	})
	comm := fmt.Sprintf("/proc/%d/comm", sleep.Pid)
	testkit.Eventually(t, "the child is sleep", func() bool {
		b, _ := os.ReadFile(comm)
		return strings.TrimSpace(string(b)) == "sleep"
	})
	return sleep.Pid
}

// TestOpenMindsExclusiveMode: another program took the port the old way.
func TestOpenMindsExclusiveMode(t *testing.T) {
	_, path := newPty(t)
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGEXCL); err != nil {
		t.Skipf("the exclusive mode cannot be asked for: %v", err) // qemu-user
	}
	pid := startHolder(t, f)
	_ = f.Close()
	if e := openErr(t, path); e.Code != CodeBusy || !strings.Contains(e.Error(), fmt.Sprint(pid)) && os.Geteuid() == 0 {
		t.Errorf("%v", e)
	}
}

// TestOpenAfterACrash: the mode outlived its owner on a pseudo-terminal.
func TestOpenAfterACrash(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root passes the exclusive mode")
	}
	_, path := newPty(t)
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	_ = openPort(t, path)
}

// TestOpenLeavesNoModeBehind: a killed gateway must not lock its successor
// out of a pseudo-terminal.
func TestOpenLeavesNoModeBehind(t *testing.T) {
	_, path := newPty(t)
	_ = openPort(t, path)
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	mode, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGEXCL)
	if err != nil {
		t.Skipf("the exclusive mode cannot be asked for: %v", err) // qemu-user
	}
	if mode != 0 {
		t.Error("the exclusive mode was left on")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("/dev/ttyNotThere", dangling); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path  string
		state State
		code  string
		says  string
	}{
		{filepath.Join(dir, "absent"), Missing, CodeGone, "no such device"},
		{dangling, Missing, CodeGone, "no such device"},
		{dir, Busy, CodeNotSerial, "a folder"},
		{file, Busy, CodeNotSerial, "a file"},
		{"/dev/null", Busy, CodeNotSerial, "not a serial port"},
		{file + "/below", Busy, CodeBusy, "not a directory"},
	} {
		e := openErr(t, row.path)
		if e.State != row.state || e.Code != row.code || !strings.Contains(e.Error(), row.says) || !strings.HasPrefix(e.Error(), "cannot open ") {
			t.Errorf("%s: %s %s %v", row.path, e.State, e.Code, e)
		}
	}
	for _, err := range []error{unix.EACCES, &os.PathError{Op: "open", Path: "/dev/ttyX", Err: unix.EPERM}} {
		var e *OpenError
		if !errors.As(openError("/dev/ttyX", err), &e) || e.Code != CodePermission || e.Error() != "cannot open /dev/ttyX: permission denied" {
			t.Errorf("%v: %+v %v", err, e, e)
		}
	}
	for _, err := range []error{unix.ENXIO, unix.EIO, unix.ENODEV} {
		var e *OpenError
		if !errors.As(openError("/dev/ttyX", err), &e) || e.State != Missing {
			t.Errorf("%v: %+v", err, e)
		}
	}
}

func TestOpenFollowsLinksAtEveryOpening(t *testing.T) {
	_, one := newPty(t)
	_, two := newPty(t)
	link := filepath.Join(t.TempDir(), "by-id")
	for _, path := range []string{one, two} {
		_ = os.Remove(link)
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		o, err := Open(t.Context(), Config{Type: "lines", Port: link, Baud: 115200})
		if err != nil || o.Path != path || o.Flow {
			t.Fatalf("%+v %v", o, err)
		}
		_ = o.Line.Close()
	}
}

// loggedEnv is an Env whose log a test can read.
func loggedEnv() (Env, *logText) {
	env, text := testEnv(), &logText{}
	env.Log = slog.New(slog.NewTextHandler(text, nil))
	env.Clock.Flow()
	return env, text
}

type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// runSet runs devices until the test ends.
func runSet(t *testing.T, s *Set) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		testkit.Receive(t, "Run returns", done)
	}
	t.Cleanup(stop)
	return stop
}

func newSet(t *testing.T, env Env, sink Sink, tune Tuning, cfgs ...Config) *Set {
	t.Helper()
	n := uint16(0)
	s, err := New(cfgs, func(string) (uint16, error) { n++; return n, nil }, sink, env, tune)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func linesConfig(name, port string) Config {
	return Config{Name: name, Type: "lines", Port: port, ID: tuid}
}

const quick = 20 * time.Millisecond

func TestSetReadsAndReopens(t *testing.T) {
	masterOne, one := newPty(t)
	masterTwo, two := newPty(t)
	link := filepath.Join(t.TempDir(), "usb-sensor")
	swap := func(to string) {
		_ = os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	swap(one)
	env, log := loggedEnv()
	sink := newSink()
	s := newSet(t, env, sink, Tuning{Pause: quick}, linesConfig("panel", link))
	stop := runSet(t, s)

	state := func(want State) func() bool { return func() bool { return s.Status()[0].State == want } }
	testkit.Eventually(t, "open", state(Silent))
	write(t, masterOne, "{\"temp\":1}\n")
	testkit.Eventually(t, "the first reading", func() bool { return len(sink.all()) == 1 })
	testkit.Eventually(t, "ok", state(Fine))
	if st := s.Status()[0]; st.Resolved != one || st.Port != link || st.Read != 1 || st.Opened != 1 || st.LastAge < 0 || st.Code != "" {
		t.Errorf("%+v", st)
	}

	_ = os.Remove(link)
	_ = masterOne.Close() // pulled out
	testkit.Eventually(t, "missing", state(Missing))
	if st := s.Status()[0]; st.Code != CodeGone || st.LastErr == "" {
		t.Errorf("%+v", st)
	}
	swap(two) // plugged in again, under another name
	write(t, masterTwo, "{\"temp\":2}\n")
	testkit.Eventually(t, "the second reading", func() bool { return len(sink.all()) == 2 })
	testkit.Eventually(t, "ok again", state(Fine))
	if st := s.Status()[0]; st.Resolved != two || st.Opened != 2 || st.Frames[OK] != 2 || st.Bytes != 22 {
		t.Errorf("%+v", st)
	}
	stop()
	if log.count(CodeRenumbered) != 1 || log.count("state=missing") != 1 || log.count("state=ok") != 2 {
		t.Errorf("log:\n%s", log)
	}
	if idle := s.Idle(); idle != 0 {
		t.Errorf("idle %v after the end", idle)
	}
}

func TestSetNoiseFloodAndLongLines(t *testing.T) {
	masterBad, bad := newPty(t)
	masterGood, good := newPty(t)
	env, _ := loggedEnv()
	sink := newSink()
	flooded := linesConfig("flooded", bad)
	flooded.RateLimit = 10
	s := newSet(t, env, sink, Tuning{}, flooded, linesConfig("good", good))
	runSet(t, s)
	testkit.Eventually(t, "both open", func() bool { return s.Status()[0].Opened == 1 && s.Status()[1].Opened == 1 })

	write(t, masterBad, strings.Repeat("\x00\xff\xaa", 10_000)+"\n") // noise
	write(t, masterBad, strings.Repeat("x", 1<<20)+"\n")             // 1 MB
	testkit.Eventually(t, "noise and length counted", func() bool {
		f := s.Status()[0].Frames
		return f[TooLong] == 2 && f[OK] == 0
	})
	const flood = 5000
	write(t, masterBad, strings.Repeat("temp=1\n", flood))
	write(t, masterGood, "{\"temp\":2}\n")
	testkit.Eventually(t, "all read", func() bool { return s.Status()[0].Read == flood && s.Status()[1].Read == 1 })
	st := s.Status()[0]
	if lost := sink.lostBy(LostRate); lost == 0 || lost+len(sink.all()) != flood+1 || st.Lost != uint64(lost) {
		t.Errorf("%d kept and %d lost of %d; %+v", len(sink.all()), sink.lostBy(LostRate), flood+1, st)
	}
	testkit.Eventually(t, "named a flood", func() bool { return s.Status()[0].State == Fine && s.Status()[0].Code == CodeFlood })
	if g := s.Status()[1]; g.Lost != 0 || g.Bad != 0 {
		t.Errorf("the other device: %+v", g)
	}
}

func TestSetTwoOwners(t *testing.T) {
	_, path := newPty(t)
	env, _ := loggedEnv()
	s := newSet(t, env, newSink(), Tuning{Pause: quick}, linesConfig("one", path), linesConfig("two", path))
	runSet(t, s)
	testkit.Eventually(t, "one of them is busy", func() bool {
		st := s.Status()
		a, b := st[0], st[1]
		if a.State == Busy {
			a, b = b, a
		}
		return a.State == Silent && b.State == Busy && b.Code == CodeBusy
	})
}
