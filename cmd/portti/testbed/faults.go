package testbed

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// faults are the ways in which a Receiver can be made to misbehave.
type faults struct {
	refuse atomic.Bool  // drop new connections before the handshake
	mute   atomic.Bool  // answer no ping and send no acknowledgement
	answer atomic.Int32 // HTTP status instead of the upgrade, 0 = none

	mu    sync.Mutex
	stall chan struct{} // open while nothing is read; nil otherwise
}

// Cut resets every connection, as a pulled plug or a killed server does: no
// close frame, no pong, what is under way is gone. It returns when the
// handlers have ended, so that Stats stands still. A frame whose handler had
// begun is handled to its end.
func (r *Receiver) Cut() {
	r.mu.Lock()
	sessions := r.open()
	r.mu.Unlock()
	for _, s := range sessions {
		s.cut()
		abort(plain(s.conn.NetConn()))
		s.conn.Close()
	}
	for _, s := range sessions {
		<-s.gone
	}
}

// Refuse makes the receiver unreachable (true) or reachable again: new
// connections are reset before a byte is read.
func (r *Receiver) Refuse(on bool) { r.faults.refuse.Store(on) }

// Answer refuses every handshake with an HTTP status such as 401 or 503;
// 0 lets them pass again.
func (r *Receiver) Answer(status int) { r.faults.answer.Store(int32(status)) }

// Mute makes the receiver handle frames but answer no ping and send no
// acknowledgement.
func (r *Receiver) Mute(on bool) { r.faults.mute.Store(on) }

// Stall stops the reading of every connection (true) after at most one more
// frame each, or lets it go on.
func (r *Receiver) Stall(on bool) {
	if !on {
		r.faults.release()
		return
	}
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	if r.faults.stall == nil {
		r.faults.stall = make(chan struct{})
	}
}

func (f *faults) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stall != nil {
		close(f.stall)
		f.stall = nil
	}
}

// wait holds a session back while the receiver is stalled.
func (f *faults) wait(ctx context.Context) {
	f.mu.Lock()
	stall := f.stall
	f.mu.Unlock()
	if stall == nil {
		return
	}
	select {
	case <-stall:
	case <-ctx.Done():
	}
}

type faultyListener struct {
	net.Listener
	faults *faults
}

func (l *faultyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.faults.refuse.Load() {
			return conn, err
		}
		abort(conn)
	}
}

// abort ends a connection by a reset: nothing more is sent, not even what was
// written.
func abort(conn net.Conn) {
	switch c := conn.(type) {
	case interface{ SetLinger(sec int) error }: // TCP
		_ = c.SetLinger(0) // at worst it ends in a FIN
	case interface{ Reset() }: // in memory
		c.Reset()
	}
	conn.Close()
}

// plain is the TCP connection under a TLS one.
func plain(conn net.Conn) net.Conn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return conn
}
