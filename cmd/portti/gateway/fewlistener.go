package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// fewListener holds few connections open and has a place for the next one at any time:
// the one that has waited longest without a request goes for it. So nobody keeps
// others out by connecting and saying nothing.
type fewListener struct {
	net.Listener
	limit  int
	exempt func(net.Conn) bool // connections that are not counted; nil = none are

	mu   sync.Mutex
	open []*fewConn // oldest first
}

func (l *fewListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.exempt != nil && l.exempt(c) {
		return c, err
	}
	f := &fewConn{Conn: c, list: l}
	if out := l.add(f); out != nil {
		_ = out.Close() // which its server notices
	}
	return f, nil
}

// add takes a connection and names the one that has to go for it.
func (l *fewListener) add(f *fewConn) (out *fewConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.limit {
		i := max(0, slices.IndexFunc(l.open, func(c *fewConn) bool { return !c.busy.Load() }))
		out = l.open[i]
		l.open = slices.Delete(l.open, i, i+1)
	}
	l.open = append(l.open, f)
	return out
}

func (l *fewListener) drop(f *fewConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.open, f); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
	}
}

type fewConn struct {
	net.Conn
	list *fewListener
	busy atomic.Bool // a whole request came
}

func (c *fewConn) Close() error {
	c.list.drop(c)
	return c.Conn.Close()
}

// connKey finds the connection of a request in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// busy marks connections whose request is being answered.
func busy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*fewConn); ok {
			c.busy.Store(true)
			defer c.busy.Store(false)
		}
		h.ServeHTTP(w, r)
	})
}
