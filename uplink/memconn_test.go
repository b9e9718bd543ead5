package uplink

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// memConn is one end of an in-memory TCP connection with a send buffer, so
// that a small write never blocks (net.Pipe would block each ping) and a peer
// that does not read blocks a large one. All waiting is on channels and
// timers: it runs inside a synctest bubble.
type memConn struct {
	in, out *half
	rd, wr  deadline
	once    sync.Once
	discard bool // Write takes everything and keeps nothing
	mtu     int  // a Write beyond it, and all after it, is swallowed; 0: none
}

// half is one direction.
type half struct {
	mu     sync.Mutex
	buf    []byte
	room   int
	rate   int // bytes a second the reader is given; 0: any
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

func memPair(room int) (client, server *memConn) {
	up, down := newHalf(room), newHalf(room)
	mk := func(in, out *half) *memConn {
		c := &memConn{in: in, out: out}
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

func (c *memConn) Read(p []byte) (int, error) {
	for {
		c.in.mu.Lock()
		n, eof, reset, change := copy(p, c.in.buf), c.in.eof, c.in.reset, c.in.change
		c.in.mu.Unlock()
		switch {
		case reset:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
		case n > 0:
			if c.in.rate > 0 {
				n = min(n, max(c.in.rate/10, 1))
				time.Sleep(time.Duration(n) * time.Second / time.Duration(c.in.rate))
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

func (c *memConn) Write(p []byte) (n int, err error) {
	if c.mtu > 0 && len(p) > c.mtu {
		c.discard = true
	}
	if c.discard {
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
func (c *memConn) Close() error {
	c.once.Do(func() {
		c.out.touch(func() { c.out.eof = true })
		c.in.touch(func() { c.in.eof = true })
	})
	return nil
}

// rst ends both directions as a reset does: what was written may be lost.
func (c *memConn) rst() {
	c.out.touch(func() { c.out.reset, c.out.buf = true, nil })
	c.in.touch(func() { c.in.reset, c.in.buf = true, nil })
}

func (c *memConn) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (c *memConn) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *memConn) SetReadDeadline(t time.Time) error  { c.rd.set(t); return nil }
func (c *memConn) SetWriteDeadline(t time.Time) error { c.wr.set(t); return nil }
func (c *memConn) SetDeadline(t time.Time) error      { c.rd.set(t); c.wr.set(t); return nil }

// memNet is a network of one server. Each dial is a new connection, served by
// serve in a goroutine of its own.
type memNet struct {
	room  int // send buffer, default 64 KiB
	mtu   int // larger writes of the client are swallowed
	rate  int // bytes a second from client to server; 0: any
	serve func(n int, peer *wire)
	fail  func(n int) error // of the n-th dial, from 1

	mu    sync.Mutex
	dials []time.Time
	wg    sync.WaitGroup
}

func (m *memNet) dial(_ context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	m.dials = append(m.dials, time.Now())
	n := len(m.dials)
	m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(n); err != nil {
			return nil, err
		}
	}
	room := m.room
	if room == 0 {
		room = 64 << 10
	}
	client, server := memPair(room)
	client.mtu = m.mtu
	server.in.rate = m.rate
	m.wg.Go(func() {
		defer server.Close()
		m.serve(n, newWire(server))
	})
	return client, nil
}

func (m *memNet) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.dials)
}

// gaps are the times between dials.
func (m *memNet) gaps() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(m.dials); i++ {
		out = append(out, m.dials[i].Sub(m.dials[i-1]))
	}
	return out
}
