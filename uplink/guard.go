package uplink

import (
	"net"
	"sync/atomic"
)

const (
	maxHandshakeBytes = 256 << 10 // certificates and the HTTP response together
	maxInboundRate    = 4 << 20   // bytes a second once the link is up
)

var (
	errHandshakeSize = fault{failNotHTTP, "the server's answer is too long"}
	errInboundRate   = fault{failFlood, "the server sends more than the link allows"}
)

// guard is the TCP connection under a link. It bounds what a server can make
// us read: net/http reads response headers without limit, and endless empty
// fragments never reach WebSocket's own limit.
type guard struct {
	net.Conn
	up     atomic.Bool           // the upgrade is done
	reason atomic.Pointer[error] // why we ended it ourselves
	out    atomic.Uint64         // bytes written since somebody last asked

	deflate bool // compression was agreed upon; set by the dialler

	// owned by the dialler first, then by the session's reader
	handshake int
	unsent    error // of the first Write that failed before the link was up
	inbound   perSecond
}

// While the link is being made Write returns no failure; the next Read that fails
// returns it. A proxy or server that refused before it was asked has
// closed by then, and what it said first, which names the cause, can still be read.
func (g *guard) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	g.out.Add(uint64(n))
	if err != nil && !g.up.Load() {
		if g.unsent == nil {
			g.unsent = err
		}
		return len(p), nil
	}
	return n, err
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err != nil && g.unsent != nil && !g.up.Load() {
		err = g.unsent
	}
	if why := g.reason.Load(); why != nil {
		return 0, *why
	}
	if !g.up.Load() {
		if g.handshake += n; g.handshake > maxHandshakeBytes {
			return 0, errHandshakeSize
		}
		return n, err
	}
	if !g.inbound.allow(n, maxInboundRate) {
		return 0, errInboundRate
	}
	return n, err
}
