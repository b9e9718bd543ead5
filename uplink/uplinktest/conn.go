// Package uplinktest is TCP in memory for tests: it runs inside a synctest bubble,
// where real sockets would stop the clock. Nothing but tests uses it.
package uplinktest

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of an in-memory TCP connection with a send buffer, so
// that a small write never blocks (net.Pipe would block each ping) and a peer
// that does not read blocks a large one. All waiting is on channels and
// timers: it runs inside a synctest bubble. As with any net.Conn, all methods
// may be called at the same time; the fields are set before the first call.
type Conn struct {
	in, out *half
	rd, wr  deadline
	once    sync.Once
	lost    atomic.Bool
	Local   netip.Addr // what LocalAddr says
	Discard bool       // Write takes everything and keeps nothing
	MTU     int        // a Write beyond it, and all after it, is swallowed; 0: none
	Rate    int        // bytes a second that Read gives; 0: any
}

// half is one direction. Each of its methods is one step under the lock, so
// that what it decides on cannot change before it acts.
type half struct {
	mu     sync.Mutex
	buf    []byte
	room   int
	eof    bool
	reset  bool
	change chan struct{}
}

// take moves bytes into p. Where there are none yet it gives 0 and a channel
// that is closed at the next change.
func (h *half) take(p []byte) (n int, change <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.reset:
		return 0, nil, os.NewSyscallError("read", syscall.ECONNRESET)
	case len(h.buf) > 0:
		n = copy(p, h.buf)
		if h.buf = h.buf[n:]; len(h.buf) == 0 {
			h.buf = nil
		}
		h.changed()
		return n, nil, nil
	case h.eof:
		return 0, nil, io.EOF
	}
	return 0, h.change, nil
}

// put moves as much of p into the buffer as fits. Where nothing fits it gives
// 0 and a channel that is closed at the next change.
func (h *half) put(p []byte) (n int, change <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.eof || h.reset {
		return 0, nil, os.NewSyscallError("write", syscall.EPIPE)
	}
	if n = min(h.room-len(h.buf), len(p)); n == 0 {
		return 0, h.change, nil
	}
	h.buf = append(h.buf, p[:n]...)
	h.changed()
	return n, nil, nil
}

// end lets nothing more in; what is there can still be taken.
func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.eof = true
	h.changed()
}

// cut ends it and drops what is there.
func (h *half) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reset, h.buf = true, nil
	h.changed()
}

// changed wakes who waits. The lock is held.
func (h *half) changed() {
	close(h.change)
	h.change = make(chan struct{})
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
func wait(change <-chan struct{}, d *deadline) error {
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
	if c.Rate > 0 {
		p = p[:min(len(p), max(c.Rate/10, 1))]
	}
	for {
		n, change, err := c.in.take(p)
		if n > 0 {
			if c.Rate > 0 {
				time.Sleep(time.Duration(n) * time.Second / time.Duration(c.Rate))
			}
			return n, nil
		}
		if err == nil {
			err = wait(change, &c.rd)
		}
		switch {
		case err == io.EOF:
			return 0, io.EOF
		case err != nil:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: err}
		}
	}
}

func (c *Conn) Write(p []byte) (n int, err error) {
	if c.MTU > 0 && len(p) > c.MTU {
		c.lost.Store(true)
	}
	if c.Discard || c.lost.Load() {
		return len(p), nil
	}
	for n < len(p) {
		k, change, err := c.out.put(p[n:])
		n += k
		if err == nil && k == 0 {
			err = wait(change, &c.wr)
		}
		if err != nil {
			return n, &net.OpError{Op: "write", Net: "tcp", Err: err}
		}
	}
	return n, nil
}

// Close ends both directions, as a socket does; what was written still arrives.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.out.end()
		c.in.end()
	})
	return nil
}

// Reset ends both directions as a reset does: what was written may be lost.
func (c *Conn) Reset() {
	c.out.cut()
	c.in.cut()
}

func (c *Conn) LocalAddr() net.Addr                { return &net.TCPAddr{IP: c.Local.AsSlice()} }
func (c *Conn) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *Conn) SetReadDeadline(t time.Time) error  { c.rd.set(t); return nil }
func (c *Conn) SetWriteDeadline(t time.Time) error { c.wr.set(t); return nil }
func (c *Conn) SetDeadline(t time.Time) error      { c.rd.set(t); c.wr.set(t); return nil }
