package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Line is a device: a pseudo-terminal on which numbered readings are put.
type Line struct {
	t                testing.TB
	Name, Tuid, Link string
	Pty              *testbed.Pty

	mu sync.Mutex
	at []time.Time // when number i+1 was put on the line
}

// NewLine makes one that is plugged in, under a name in dir.
func NewLine(t testing.TB, dir, name string) *Line {
	t.Helper()
	l := &Line{t: t, Name: name, Tuid: "XXXX03" + name, Link: filepath.Join(dir, "tty-"+name)}
	l.Plug()
	t.Cleanup(l.Unplug)
	return l
}

// Plug makes a pseudo-terminal for the line, Unplug takes it away.
func (l *Line) Plug() {
	l.t.Helper()
	pty, err := testbed.OpenPty(l.Link, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Pty = pty
}

func (l *Line) Unplug() { l.Pty.Close() }

// Count is how many readings were fed.
func (l *Line) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.at)
}

// When is the time at which reading n was put on the line.
func (l *Line) When(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[n-1]
}

// Put writes n readings in one go and waits until the line has taken them.
// Those that it has not taken when ctx ends were not fed.
func (l *Line) Put(ctx context.Context, n int) error {
	l.mu.Lock()
	var b []byte
	before, now := len(l.at), time.Now()
	for range n {
		l.at = append(l.at, now)
		b = fmt.Appendf(b, "{\"n\":%d}\n", len(l.at))
	}
	l.mu.Unlock()
	taken, err := l.Pty.Write(ctx, b)
	if err != nil {
		l.mu.Lock()
		l.at = l.at[:before+bytes.Count(b[:taken], []byte("\n"))]
		l.mu.Unlock()
	}
	return err
}

// Feed puts n readings on a line that is being read.
func (l *Line) Feed(n int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := l.Put(ctx, n); err != nil {
		l.t.Fatal(err)
	}
}

// Flow puts one reading each interval until stop is called. What is on the
// line then and unread is thrown away, as a line without a reader does.
func (l *Line) Flow(interval time.Duration) (stop func()) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := l.Put(ctx, 1); err != nil {
				done <- err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- ctx.Err()
				return
			}
		}
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				l.t.Errorf("line %s: %v", l.Name, err)
			}
		})
	}
	l.t.Cleanup(stop)
	return stop
}

// Clear throws away what no reader took, so that the next reader begins with
// a whole line.
func (l *Line) Clear() {
	l.t.Helper()
	if err := l.Pty.Discard(); err != nil {
		l.t.Fatal(err)
	}
}
