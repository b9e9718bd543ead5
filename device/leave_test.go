package device

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// polite is a driver that takes its leave.
type polite struct {
	line  *leavingLine
	leave func(port io.Writer)
}

func (p *polite) Run(port Port, _ Out) error {
	_, err := port.Read(make([]byte, 1))
	p.line.note("the port failed")
	return err
}

func (p *polite) Leave(port io.Writer) { p.leave(port) }

// leavingLine notes in which order things happen.
type leavingLine struct {
	*fakeLine
	mu   sync.Mutex
	said []string
}

func (l *leavingLine) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, what)
}

func (l *leavingLine) Write(p []byte) (int, error) {
	l.note("wrote " + string(p))
	return len(p), nil
}

// TestLeave: a driver that is told to end has the last word to its device, and holds up
// no stop.
func TestLeave(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(port io.Writer)
		want  string
		takes time.Duration
	}{
		"a word":          {func(port io.Writer) { _, _ = port.Write([]byte("bye")) }, "wrote bye, the port failed", 0},
		"a crash":         {func(io.Writer) { panic("no") }, "the port failed", 0},
		"one that waits":  {func(io.Writer) { time.Sleep(time.Minute) }, "the port failed", leaveLimit},
		"nothing to say":  {func(io.Writer) {}, "the port failed", 0},
		"after its limit": {func(port io.Writer) { time.Sleep(time.Second); _, _ = port.Write([]byte("late")) }, "the port failed", leaveLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := &leavingLine{fakeLine: newFakeLine()}
				env, _ := loggedEnv()
				kind := Kind{Name: "polite", Baud: 9600, New: func(Config, Env) (Driver, error) { return &polite{line, c.leave}, nil }}
				set := newSet(t, env, newSink(), Tuning{Kinds: Table{kind}, Open: always(line)}, Config{Name: "p", Type: "polite", Port: "/dev/p", ID: "P"})
				stop := runSet(t, set)
				synctest.Wait()
				begun := time.Now()
				stop()
				line.mu.Lock()
				got := strings.Join(line.said, ", ")
				line.mu.Unlock()
				if got != c.want || time.Since(begun) != c.takes {
					t.Errorf("got %q after %v, want %q after %v", got, time.Since(begun), c.want, c.takes)
				}
				time.Sleep(2 * time.Minute)
			})
		})
	}
}
