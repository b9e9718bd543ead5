//go:build faults

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"portti/cmd/portti/bench"
)

// line is a device: a pseudo-terminal on which numbered readings are put.
type line struct {
	name, tuid, link string
	pty              *bench.Pty

	mu sync.Mutex
	at []time.Time // when number i+1 was put on the line
}

func newLine(t *testing.T, dir, name string) *line {
	t.Helper()
	l := &line{name: name, tuid: "XXXX03" + name, link: filepath.Join(dir, "tty-"+name)}
	l.plug(t)
	t.Cleanup(l.unplug)
	return l
}

func (l *line) plug(t *testing.T) {
	t.Helper()
	pty, err := bench.OpenPty(l.link, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.pty = pty
}

func (l *line) unplug() { l.pty.Close() }

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.at)
}

func (l *line) when(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[n-1]
}

// put writes n readings in one go and waits until the line has taken them.
// Those that it has not taken when ctx ends were not fed.
func (l *line) put(ctx context.Context, n int) error {
	l.mu.Lock()
	var b []byte
	before, now := len(l.at), time.Now()
	for range n {
		l.at = append(l.at, now)
		b = fmt.Appendf(b, "{\"n\":%d}\n", len(l.at))
	}
	l.mu.Unlock()
	taken, err := l.pty.Write(ctx, b)
	if err != nil {
		l.mu.Lock()
		l.at = l.at[:before+bytes.Count(b[:taken], []byte("\n"))]
		l.mu.Unlock()
	}
	return err
}

// feed puts n readings on a line that is being read.
func (l *line) feed(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.put(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// flow puts one reading each interval until stop is called. What is on the
// line then and unread is thrown away, as a line without a reader does.
func (l *line) flow(t *testing.T, interval time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := l.put(ctx, 1); err != nil {
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
				t.Errorf("line %s: %v", l.name, err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// clear throws away what no reader took, so that the next reader begins with
// a whole line.
func (l *line) clear(t *testing.T) {
	t.Helper()
	if err := l.pty.Discard(); err != nil {
		t.Fatal(err)
	}
}
