package live

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// fakeGateway answers as it is told.
type fakeGateway struct {
	asked  atomic.Int64
	status func(n int) (*status.Document, error)
	follow func(ctx context.Context, raw bool, line func(string)) error
}

func (f *fakeGateway) Status(context.Context) (*status.Document, error) {
	return f.status(int(f.asked.Add(1)))
}

func (f *fakeGateway) GPS(context.Context) (*status.GPSDocument, error) {
	return &status.GPSDocument{Devices: []status.GPS{{Name: "gps", Fix: status.Fix3D, AgeS: 1, Position: &status.GPSPosition{Latitude: 65, Longitude: 25}}}}, nil
}

func (f *fakeGateway) History(context.Context) (*status.History, error) { return remembered(), nil }

func (f *fakeGateway) Follow(ctx context.Context, _ string, raw bool, line func(string)) error {
	if f.follow != nil {
		return f.follow(ctx, raw, line)
	}
	line(`{"tsmId":12100,"hallCount":1882}`)
	<-ctx.Done()
	return nil
}

func healthy(int) (*status.Document, error) { return gatewayAt(60), nil }

// bench is a view on a pseudo-terminal.
type bench struct {
	t        *testing.T
	keyboard *os.File
	terminal *os.File
	screen   *emulator
	before   unix.Termios
	cancel   context.CancelFunc
	ended    chan error
}

func modes(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func begin(t *testing.T, g *fakeGateway) *bench {
	t.Helper()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		testkit.Need(t, "a pseudo-terminal", err)
	}
	if err := pty.Setsize(keyboard, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &bench{t: t, keyboard: keyboard, terminal: terminal, screen: newEmulator(80, 24), before: modes(t, terminal), cancel: cancel, ended: make(chan error, 1)}
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(b.screen, keyboard) }()
	go func() { b.ended <- Run(ctx, terminal, terminal, g, console.Options{Terminal: true}) }()
	t.Cleanup(func() { cancel(); _ = terminal.Close(); _ = keyboard.Close(); <-read })
	return b
}

func (b *bench) shows(text string) {
	b.t.Helper()
	testkit.Eventually(b.t, "the screen shows "+text, func() bool { return strings.Contains(b.screen.text(), text) }, b.screen.text)
}

func (b *bench) press(keys string) {
	b.t.Helper()
	if _, err := b.keyboard.WriteString(keys); err != nil {
		b.t.Fatal(err)
	}
}

// restored waits for the end and says how the terminal is then.
func (b *bench) restored() error {
	b.t.Helper()
	err := testkit.Receive(b.t, "the view ends", b.ended)
	testkit.Eventually(b.t, "the terminal is given back", func() bool {
		aside, hidden, colour, _ := b.screen.state()
		return !aside && !hidden && colour == ""
	}, b.screen.text)
	if _, _, _, unknown := b.screen.state(); len(unknown) > 0 {
		b.t.Errorf("the terminal was sent what it does not know: %q", unknown)
	}
	if after := modes(b.t, b.terminal); after != b.before {
		b.t.Errorf("modes before %+v, after %+v", b.before, after)
	}
	return err
}

func TestOnATerminal(t *testing.T) {
	t.Parallel()
	b := begin(t, &fakeGateway{status: healthy})
	b.shows("hallCount 1882")
	b.shows(" ▄█│") // the minutes before are there at once
	if aside, hidden, _, _ := b.screen.state(); !aside || !hidden || modes(t, b.terminal) == b.before {
		t.Error("the terminal was not taken")
	}
	m := newModel(console.Options{Terminal: true}, noon)
	m.take(gatewayAt(60), nil, noon)
	m.remember(remembered())
	want := strings.Split(shot(t, m), "\n")
	got := strings.Split(b.screen.text(), "\n")
	for _, y := range []int{3, 4, 6, 7, 9, 23} {
		if strings.TrimRight(got[y], " ") != strings.TrimRight(want[y], " ") {
			t.Errorf("row %d:\ngot  %q\nwant %q", y, got[y], want[y])
		}
	}
	b.press("\x1b[B\r")
	b.shows("hall-panel lines")
	b.press("g")
	b.shows("65.000000, 25.000000")
	b.press("?")
	b.shows("quit")
	b.press("q")
	if err := b.restored(); err != nil {
		t.Error(err)
	}
}

func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		g    *fakeGateway
		end  func(b *bench)
		want error
	}{
		"by Ctrl-C":   {&fakeGateway{status: healthy}, func(b *bench) { b.press("\x03") }, nil},
		"by a signal": {&fakeGateway{status: healthy}, func(b *bench) { b.cancel() }, context.Canceled},
		"by a panic while it draws": {&fakeGateway{status: func(n int) (*status.Document, error) {
			if n > 1 {
				return nil, nil // which no Source may
			}
			return healthy(n)
		}}, func(*bench) {}, ErrPanic},
		"by a panic beside it": {&fakeGateway{status: healthy, follow: func(context.Context, bool, func(string)) error { panic("mistake") }}, func(*bench) {}, ErrPanic},
		"in the midst of much": {&fakeGateway{status: healthy, follow: func(ctx context.Context, _ bool, line func(string)) error {
			for ctx.Err() == nil {
				line(strings.Repeat("x", 70))
			}
			return nil
		}}, func(b *bench) { b.press("r"); b.shows("xxxxxxxx"); b.cancel() }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := begin(t, c.g)
			testkit.Eventually(t, "it draws", func() bool { return strings.Contains(b.screen.text(), "DEVICE") || len(b.ended) > 0 }, b.screen.text)
			c.end(b)
			if err := b.restored(); !errors.Is(err, c.want) {
				t.Errorf("ended with %v, want %v", err, c.want)
			}
		})
	}
}

// TestTerminalThatGoes: an SSH connection that breaks ends the view.
func TestTerminalThatGoes(t *testing.T) {
	t.Parallel()
	b := begin(t, &fakeGateway{status: healthy})
	b.shows("hallCount")
	if err := b.keyboard.Close(); err != nil {
		t.Fatal(err)
	}
	if err := testkit.Receive(t, "the view ends", b.ended); err == nil {
		t.Error("a terminal that is gone is no fault")
	}
}

// TestGatewayGoesAndComes: it is said, and asked again.
func TestGatewayGoesAndComes(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	b := begin(t, &fakeGateway{status: func(n int) (*status.Document, error) {
		if !up.Load() {
			return nil, errors.New("portti is not running")
		}
		return healthy(n)
	}})
	b.shows("portti is not running")
	up.Store(true)
	b.shows("hall-panel")
	up.Store(false)
	b.shows("no answer for")
	up.Store(true)
	b.shows("the gateway answers again")
	b.press("q")
	if err := b.restored(); err != nil {
		t.Error(err)
	}
}

// TestWindowChanges: a window that is made smaller is drawn anew.
func TestWindowChanges(t *testing.T) {
	t.Parallel()
	b := begin(t, &fakeGateway{status: healthy})
	b.shows("e errors  p pause  ? help")
	if err := pty.Setsize(b.keyboard, &pty.Winsize{Cols: 60, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	b.press("\x0c") // the signal goes to a process that has this terminal, which a test has not
	b.shows("enter/esc")
	b.press("q")
	_ = b.restored()
}

// TestDrawsTwiceASecond: however much comes, it is drawn no more often.
func TestDrawsTwiceASecond(t *testing.T) {
	t.Parallel()
	b := begin(t, &fakeGateway{status: healthy, follow: func(ctx context.Context, _ bool, line func(string)) error {
		for n := 0; ctx.Err() == nil; n++ {
			line(strings.Repeat(string(rune('a'+n%26)), 60))
		}
		return nil
	}})
	b.press("r")
	b.shows("aaaaaaaa")
	began := time.Now()
	b.screen.mu.Lock()
	before := b.screen.total
	b.screen.mu.Unlock()
	testkit.Eventually(t, "three seconds pass", func() bool { return time.Since(began) > 3*time.Second })
	b.screen.mu.Lock()
	n := b.screen.total - before
	b.screen.mu.Unlock()
	const screenful = 80 * 24
	if seconds := time.Since(began).Seconds(); float64(n) > (2*seconds+2)*screenful*2 {
		t.Errorf("%d bytes in %.1f s", n, seconds)
	}
	b.press("q")
	_ = b.restored()
}
