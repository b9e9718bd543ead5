// Package memnet is TCP in memory for tests: it runs inside a synctest bubble,
// where real sockets would stop the clock. Nothing but tests uses it.
package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of an in-memory TCP connection with a send buffer, so
// that a small write never blocks (net.Pipe would block each ping) and a peer
// that does not read blocks a large one. All waiting is on channels and
// timers: it runs inside a synctest bubble.
type Conn struct {
	in, out *half
	rd, wr  deadline
	once    sync.Once
	Local   netip.Addr // what LocalAddr says
	Discard bool       // Write takes everything and keeps nothing
	MTU     int        // a Write beyond it, and all after it, is swallowed; 0: none
	Rate    int        // bytes a second that Read gives; 0: any
}

// half is one direction.
type half struct {
	mu     sync.Mutex
	buf    []byte
	room   int
	eof    bool
	reset  bool
	change chan struct{}
}

type deadline struct {
	mu     sync.Mutex
	t      time.Time
	change chan struct{}
}

func newHalf(room int) *half { return &half{room: room, change: make(chan struct{})} }

// Pair makes the two ends of a connection that holds room bytes each way. What
// is set in a Conn is set before it is used.
func Pair(room int) (client, server *Conn) {
	up, down := newHalf(room), newHalf(room)
	mk := func(in, out *half) *Conn {
		c := &Conn{in: in, out: out}
		c.rd.change, c.wr.change = make(chan struct{}), make(chan struct{})
		return c
	}
	return mk(down, up), mk(up, down)
}

func (h *half) touch(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.change)
	h.change = make(chan struct{})
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.t = t
	close(d.change)
	d.change = make(chan struct{})
}

func (d *deadline) get() (time.Time, chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.t, d.change
}

// wait blocks until the half or the deadline changes, or the deadline passes.
func wait(change chan struct{}, d *deadline) error {
	t, moved := d.get()
	var due <-chan time.Time
	if !t.IsZero() {
		left := time.Until(t)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-change:
	case <-moved:
	case <-due:
	}
	return nil
}

func (c *Conn) Read(p []byte) (int, error) {
	for {
		c.in.mu.Lock()
		n, eof, reset, change := copy(p, c.in.buf), c.in.eof, c.in.reset, c.in.change
		c.in.mu.Unlock()
		switch {
		case reset:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
		case n > 0:
			if c.Rate > 0 {
				n = min(n, max(c.Rate/10, 1))
				time.Sleep(time.Duration(n) * time.Second / time.Duration(c.Rate))
			}
			c.in.touch(func() { c.in.buf = append([]byte(nil), c.in.buf[n:]...) })
			return n, nil
		case eof:
			return 0, io.EOF
		}
		if err := wait(change, &c.rd); err != nil {
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: err}
		}
	}
}

func (c *Conn) Write(p []byte) (n int, err error) {
	if c.MTU > 0 && len(p) > c.MTU {
		c.Discard = true
	}
	if c.Discard {
		return len(p), nil
	}
	for n < len(p) {
		c.out.mu.Lock()
		free, eof, reset, change := c.out.room-len(c.out.buf), c.out.eof, c.out.reset, c.out.change
		c.out.mu.Unlock()
		switch {
		case eof || reset:
			return n, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
		case free > 0:
			k := min(free, len(p)-n)
			c.out.touch(func() { c.out.buf = append(c.out.buf, p[n:n+k]...) })
			n += k
			continue
		}
		if err := wait(change, &c.wr); err != nil {
			return n, &net.OpError{Op: "write", Net: "tcp", Err: err}
		}
	}
	return n, nil
}

// Close ends both directions, as a socket does; what was written still arrives.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.out.touch(func() { c.out.eof = true })
		c.in.touch(func() { c.in.eof = true })
	})
	return nil
}

// Reset ends both directions as a reset does: what was written may be lost.
func (c *Conn) Reset() {
	c.out.touch(func() { c.out.reset, c.out.buf = true, nil })
	c.in.touch(func() { c.in.reset, c.in.buf = true, nil })
}

func (c *Conn) LocalAddr() net.Addr                { return &net.TCPAddr{IP: c.Local.AsSlice()} }
func (c *Conn) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *Conn) SetReadDeadline(t time.Time) error  { c.rd.set(t); return nil }
func (c *Conn) SetWriteDeadline(t time.Time) error { c.wr.set(t); return nil }
func (c *Conn) SetDeadline(t time.Time) error      { c.rd.set(t); c.wr.set(t); return nil }
