package device

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deadline is a point in time that one goroutine sets while another gets it.
type deadline struct {
	mu sync.Mutex
	at time.Time
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
}

func (d *deadline) get() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// fakeLine is a Line that plays what a test feeds it.
type fakeLine struct {
	feed     chan string
	rest     string
	gone     chan struct{}
	stop     chan struct{}
	stopOnce sync.Once
	deadline deadline
	onClose  func()
}

func newFakeLine() *fakeLine {
	return &fakeLine{feed: make(chan string, 1000), gone: make(chan struct{}), stop: make(chan struct{}), onClose: func() {}}
}

func (l *fakeLine) Read(p []byte) (int, error) {
	if l.rest == "" {
		var timeout <-chan time.Time
		if at := l.deadline.get(); !at.IsZero() {
			timer := time.NewTimer(time.Until(at))
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case l.rest = <-l.feed:
		case <-timeout:
			return 0, os.ErrDeadlineExceeded
		case <-l.stop:
			return 0, errInterrupted
		case <-l.gone:
			return 0, ErrGone
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *fakeLine) Write(p []byte) (int, error) { return len(p), nil }
func (l *fakeLine) SetReadDeadline(t time.Time) error {
	l.deadline.set(t)
	return nil
}
func (l *fakeLine) Interrupt() { l.stopOnce.Do(func() { close(l.stop) }) }
func (l *fakeLine) Close() error {
	l.onClose()
	return nil
}

// watched is a set with one device on lines that the test makes.
type watched struct {
	t      *testing.T
	set    *Set
	log    *logText
	sink   *memorySink
	cancel context.CancelFunc
	done   chan struct{}
}

func watchOne(t *testing.T, c Config, open OpenFunc) *watched {
	t.Helper()
	env, log := loggedEnv()
	w := &watched{t: t, log: log, sink: newSink(), done: make(chan struct{})}
	w.set = newSet(t, env, w.sink, Tuning{Open: open}, c)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	go func() {
		w.set.Run(ctx)
		close(w.done)
	}()
	return w
}

func (w *watched) stop() {
	w.cancel()
	<-w.done
}

func (w *watched) is(what string, s State, code string) {
	w.t.Helper()
	synctest.Wait()
	if st := w.set.Status()[0]; st.State != s || st.Code != code {
		w.t.Errorf("%s: %s %q, want %s %q; log:\n%s", what, st.State, st.Code, s, code, w.log)
	}
}

// alive lets time pass, in which the loop is never overdue, and somebody looks at the
// state each second as the daemon does.
func (w *watched) alive(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		w.set.Status()
		if idle := w.set.Idle(); idle > 0 {
			w.t.Fatalf("overdue for %v", idle)
		}
	}
}

func always(l Line) OpenFunc {
	return func(context.Context, Config) (Opened, error) { return Opened{Line: l, Path: "/dev/fake"}, nil }
}

func TestWatchSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		c := linesConfig("panel", "/dev/fake")
		c.ExpectEvery = "10s"
		w := watchOne(t, c, always(line))
		defer w.stop()
		w.is("just opened", Silent, "")
		w.alive(29 * time.Second)
		w.is("not yet", Silent, "")
		w.alive(2 * time.Second)
		w.is("silent", Silent, CodeSilent)
		w.alive(time.Hour)
		line.feed <- "temp=1\n"
		time.Sleep(time.Second)
		w.is("speaks", Fine, "")
		w.alive(28 * time.Second)
		w.is("still fine", Fine, "")
		w.alive(3 * time.Second)
		w.is("silent again", Silent, CodeSilent)
		if w.log.count("state=silent") != 2 || w.log.count("state=ok") != 1 || w.log.count("level=") != 4 {
			t.Errorf("log:\n%s", w.log)
		}
	})
}

func TestWatchGarbage(t *testing.T) {
	for _, row := range []struct{ name, noise, code, seen string }{
		{"wrong speed", strings.Repeat("\x00\xf8\xe0\x80", 10) + "\n", CodeWrongBaud, strings.Repeat("f8 e0 80 00 ", 5) + "f8 e0 80 0a"},
		{"zeros", strings.Repeat("\x00", 40), CodeWrongBaud, strings.TrimSpace(strings.Repeat("00 ", 24))},
		{"text", "hello out there, this is no reading\n", CodeGarbage, "hello out there, this is no reading"},
		{"another format", `{"nothing":{"but":"objects"},"in":["it"]}` + "\n", CodeUnknown, `{"nothing":{"but":"objects"},"in":["it"]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := newFakeLine()
				w := watchOne(t, linesConfig("panel", "/dev/fake"), always(line))
				defer w.stop()
				noise := func(seconds int) {
					for range seconds {
						line.feed <- row.noise
						time.Sleep(time.Second)
					}
				}
				noise(2)
				w.is("too early to tell", Silent, "")
				noise(3)
				w.is("garbage", Garbage, row.code)
				if got := w.set.Status()[0].LastLine; got != row.seen {
					t.Errorf("the last line is shown as %s, want %s", got, row.seen)
				}
				line.feed <- "\ntemp=1\n"
				time.Sleep(time.Second)
				w.is("decodes", Fine, "")
				if got := w.set.Status()[0].LastLine; got != "" {
					t.Errorf("a line of a device that is well: %s", got)
				}
				noise(58)
				w.is("a minute is not over", Fine, "")
				noise(5)
				w.is("garbage again", Garbage, row.code)
				time.Sleep(2 * time.Minute)
				w.is("nothing at all", Silent, CodeSilent)
				if len(w.sink.all()) != 1 {
					t.Errorf("made up: %v", w.sink.all())
				}
				if n := w.log.count("level="); n != 5 {
					t.Errorf("%d log lines:\n%s", n, w.log)
				}
			})
		})
	}
}

func TestWatchUnplugAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tried, opened, closed atomic.Int32
		var line atomic.Pointer[fakeLine]
		var absent atomic.Bool
		w := watchOne(t, linesConfig("panel", "/dev/fake"), func(context.Context, Config) (Opened, error) {
			tried.Add(1)
			if absent.Load() {
				return Opened{}, &OpenError{Missing, CodeGone, errors.New("cannot open /dev/fake: no such device")}
			}
			opened.Add(1)
			l := newFakeLine()
			l.onClose = func() { closed.Add(1) }
			line.Store(l)
			return Opened{Line: l, Path: "/dev/fake"}, nil
		})
		w.is("open", Silent, "")
		line.Load().feed <- "\ntemp=1\n"
		synctest.Wait()
		time.Sleep(time.Second)
		w.is("reads", Fine, "")
		absent.Store(true)
		close(line.Load().gone)
		synctest.Wait()
		if closed.Load() != 1 {
			t.Error("not closed at once")
		}
		w.is("gone", Missing, CodeGone)
		before := tried.Load()
		w.alive(time.Hour)
		// What is not there costs one try a Pause, and nothing between them.
		if n := tried.Load() - before; n < 3599 || n > 3601 {
			t.Errorf("tried to open it %d times in an hour", n)
		}
		absent.Store(false)
		time.Sleep(Pause)
		w.is("back", Silent, "")
		if opened.Load() != 2 || w.log.count("state=missing") != 1 {
			t.Errorf("opened %d times, log:\n%s", opened.Load(), w.log)
		}
		w.stop()
		if closed.Load() != 2 {
			t.Error("not closed at stop")
		}
		if w.set.Idle() != 0 {
			t.Error("idle after stop")
		}
	})
}

// TestWatchFlapping: a port that opens and dies at once is logged once.
func TestWatchFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchOne(t, linesConfig("panel", "/dev/fake"), func(context.Context, Config) (Opened, error) {
			l := newFakeLine()
			close(l.gone)
			return Opened{Line: l, Path: "/dev/fake"}, nil
		})
		defer w.stop()
		w.alive(time.Minute)
		if n := w.log.count("level="); n != 2 {
			t.Errorf("%d log lines:\n%s", n, w.log)
		}
		if st := w.set.Status()[0]; st.Opened < 59 || st.Opened > 61 {
			t.Errorf("opened %d times in a minute", st.Opened)
		}
	})
}

func TestWatchStuckOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var mu sync.Mutex
		var opened, closed int
		w := watchOne(t, linesConfig("panel", "/dev/fake"), func(context.Context, Config) (Opened, error) {
			mu.Lock()
			opened++
			mu.Unlock()
			<-release
			l := newFakeLine()
			l.onClose = func() {
				mu.Lock()
				defer mu.Unlock()
				closed++
			}
			return Opened{Line: l}, nil
		})
		w.alive(openLimit + time.Second/2)
		w.is("given up once", Busy, CodeStuck)
		w.alive(2*(openLimit+Pause) - time.Second)
		time.Sleep(time.Second)
		if st := w.set.Status()[0]; st.Stuck != maxStuck {
			t.Errorf("%d stuck", st.Stuck)
		}
		time.Sleep(time.Minute)
		if idle := w.set.Idle(); idle < 50*time.Second {
			t.Errorf("idle %v: the watchdog would not bark", idle)
		}
		w.stop()
		close(release) // the kernel answers after all
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if opened != maxStuck {
			t.Errorf("opened %d times", opened)
		}
		if closed != maxStuck || w.set.Status()[0].Stuck != 0 {
			t.Errorf("%d closed, %d stuck", closed, w.set.Status()[0].Stuck)
		}
	})
}

func TestWatchStuckClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		first := newFakeLine()
		first.onClose = func() { <-release }
		close(first.gone)
		second := newFakeLine()
		next := []Line{first, second}
		w := watchOne(t, linesConfig("panel", "/dev/fake"), func(context.Context, Config) (Opened, error) {
			l := next[0]
			next = next[1:]
			return Opened{Line: l, Path: "/dev/fake"}, nil
		})
		w.alive(closeLimit + Pause + time.Second)
		w.is("goes on with the next", Silent, "")
		if st := w.set.Status()[0]; st.Stuck != 1 || st.Opened != 2 {
			t.Errorf("%+v", st)
		}
		close(release)
		synctest.Wait()
		if n := w.set.Status()[0].Stuck; n != 0 {
			t.Errorf("%d stuck", n)
		}
		w.stop()
	})
}

// TestWatchStopWhileOpening: an opening in progress is not waited for long.
func TestWatchStopWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := watchOne(t, linesConfig("panel", "/dev/fake"), func(context.Context, Config) (Opened, error) {
			<-release
			return Opened{}, io.EOF
		})
		synctest.Wait()
		start := time.Now()
		w.stop()
		if took := time.Since(start); took != stopLimit {
			t.Errorf("stopped after %v", took)
		}
		close(release)
	})
}

// panicky panics on its first line.
type panicky struct{}

func (panicky) Run(port Port, _ Out) error {
	if _, err := port.Read(make([]byte, 1)); err != nil {
		return err
	}
	panic("a bug in a driver")
}

func TestWatchPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		env, log := loggedEnv()
		set := newSet(t, env, newSink(), Tuning{Open: always(line)}, linesConfig("panel", "/dev/fake"))
		d := set.devices[0]
		d.kind.New = func(Config, Env) (Driver, error) { return panicky{}, nil }
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			set.Run(ctx)
			close(done)
		}()
		for range 5 {
			line.feed <- "xxxxx"
		}
		time.Sleep(3*crashPause + time.Second)
		st := set.Status()[0]
		if st.State != Busy || st.Code != CodeCrash || st.Opened != 4 || !strings.Contains(st.LastErr, "a bug in a driver") {
			t.Errorf("%+v", st)
		}
		if log.count("driver.crashed") != 1 || log.count("panicky") != 1 || log.count("state=busy") != 1 {
			t.Errorf("log:\n%s", log)
		}
		cancel()
		<-done
	})
}

// finite ends without the port's fault.
type finite struct{ err error }

func (f finite) Run(Port, Out) error { return f.err }

func TestWatchDriverThatEnds(t *testing.T) {
	for err, want := range map[error]string{nil: "", os.ErrDeadlineExceeded: CodeStuck, io.ErrUnexpectedEOF: ""} {
		synctest.Test(t, func(t *testing.T) {
			env, _ := loggedEnv()
			set := newSet(t, env, newSink(), Tuning{Open: always(newFakeLine())}, linesConfig("panel", "/dev/fake"))
			set.devices[0].kind.New = func(Config, Env) (Driver, error) { return finite{err}, nil }
			ctx, cancel := context.WithTimeout(context.Background(), 10*Pause+Pause/2)
			defer cancel()
			set.Run(ctx)
			if st := set.Status()[0]; st.State != Busy || st.Code != want || st.LastErr == "" || st.Opened != 11 {
				t.Errorf("%v: %+v", err, st)
			}
		})
	}
}

// TestWatchWaitsForRoom: a stopped sink is no reason for the watchdog, and
// none not to stop.
func TestWatchWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		w := watchOne(t, linesConfig("panel", "tcp://fake:1"), func(context.Context, Config) (Opened, error) {
			return Opened{Line: line, Path: "tcp://fake:1", Flow: true}, nil
		})
		w.sink.setFull(true)
		line.feed <- "\ntemp=1\ntemp=2\n"
		w.alive(10 * time.Minute)
		if len(w.sink.all()) != 0 || len(w.sink.lost) != 0 {
			t.Errorf("%v %v", w.sink.all(), w.sink.lost)
		}
		w.sink.setFull(false)
		synctest.Wait()
		if len(w.sink.all()) != 2 {
			t.Errorf("%v", w.sink.all())
		}
		w.sink.setFull(true)
		line.feed <- "temp=3\n"
		synctest.Wait()
		w.stop()
		if w.sink.lostBy(LostMemory) != 1 {
			t.Errorf("%v", w.sink.lost)
		}
	})
}

func TestWatchRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		w := watchOne(t, linesConfig("panel", "/dev/fake"), always(line))
		defer w.stop()
		line.feed <- "\n"
		for range 300 {
			line.feed <- "temp=1\n"
			time.Sleep(200 * time.Millisecond)
		}
		if hz := w.set.Status()[0].RateHz; hz < 4.7 || hz > 5.3 {
			t.Errorf("%v readings a second", hz)
		}
		time.Sleep(time.Minute)
		if st := w.set.Status()[0]; st.RateHz > 0.5 || st.LastAge < time.Minute || st.Read != 300 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWatchSinkErrorsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine()
		w := watchOne(t, linesConfig("panel", "/dev/fake"), always(line))
		defer w.stop()
		w.sink.setBroken(errors.New("the queue is sealed"))
		line.feed <- "\ntemp=1\ntemp=2\ntemp=3\n"
		synctest.Wait()
		w.sink.setBroken(nil)
		line.feed <- "temp=4\n"
		synctest.Wait()
		if w.log.count("sink.failed") != 1 || w.log.count("sink.recovered") != 1 || w.sink.lostBy(LostIO) != 3 || w.set.Status()[0].Lost != 3 {
			t.Errorf("%v\n%s", w.sink.lost, w.log)
		}
	})
}
