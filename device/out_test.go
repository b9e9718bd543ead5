package device

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"portti/device/thingsee"
)

// collect is an Out that keeps what it is told as text.
type collect struct {
	messages []string
	times    []int64
	frames   [Results]int
	detail   string
	buf      []byte
}

func (c *collect) Emit(m *thingsee.Message) {
	c.buf = m.Append(c.buf[:0])
	c.messages = append(c.messages, string(c.buf))
	c.times = append(c.times, m.Time)
}
func (c *collect) Frame(r Result)     { c.frames[r]++ }
func (c *collect) Detail(text string) { c.detail = text }

func (c *collect) String() string {
	return strings.Join(c.messages, "\n")
}

func (c *collect) bad() (n int) {
	for _, v := range c.frames[Checksum:] {
		n += v
	}
	return n
}

// nothing is an Out that costs nothing.
type nothing struct{ emitted, framed int }

func (n *nothing) Emit(*thingsee.Message) { n.emitted++ }
func (n *nothing) Frame(Result)           { n.framed++ }
func (n *nothing) Detail(string)          {}

// memorySink is a Sink that keeps copies, up to a number that a test sets.
type memorySink struct {
	mu      sync.Mutex
	at      []int64
	records []string
	classes []byte
	devices []uint16
	streams []uint32
	lost    map[string]int
	full    bool
	broken  error
	room    chan struct{}
	waits   int
}

func newSink() *memorySink {
	return &memorySink{lost: map[string]int{}, room: make(chan struct{})}
}

func (s *memorySink) Append(at int64, class byte, device uint16, stream uint32, rec []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.broken != nil:
		return s.broken
	case s.full:
		return fmt.Errorf("cannot append: %w", ErrFull)
	}
	s.at = append(s.at, at)
	s.records = append(s.records, string(rec))
	s.classes = append(s.classes, class)
	s.devices = append(s.devices, device)
	s.streams = append(s.streams, stream)
	return nil
}

func (s *memorySink) Lose(_ uint16, reason string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost[reason] += n
}

func (s *memorySink) Room() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits++
	return s.room
}

func (s *memorySink) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits
}

func (s *memorySink) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
	if !full {
		close(s.room)
		s.room = make(chan struct{})
	}
}

func (s *memorySink) setBroken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *memorySink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.records...)
}

func (s *memorySink) lostBy(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost[reason]
}

// nullSink takes everything and keeps nothing.
type nullSink struct{}

func (nullSink) Append(int64, byte, uint16, uint32, []byte) error { return nil }
func (nullSink) Lose(uint16, string, int)                         {}
func (nullSink) Room() <-chan struct{}                            { return nil }

// eq fails the test with both texts when they differ.
func eq(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
