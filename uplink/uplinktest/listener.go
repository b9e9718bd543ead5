package uplinktest

import (
	"context"
	"net"
	"sync"
)

// room is what a connection of a Listener holds each way.
const room = 64 << 10

// Listener is a server's end of a network of one server.
type Listener struct {
	queue chan *Conn
	done  chan struct{}
	once  sync.Once
}

// Listen makes one. Nothing is reachable but through its Dial.
func Listen() *Listener {
	return &Listener{queue: make(chan *Conn), done: make(chan struct{})}
}

// Dial connects to the listener, whatever the address says.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := Pair(room)
	select {
	case l.queue <- server:
		return client, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
