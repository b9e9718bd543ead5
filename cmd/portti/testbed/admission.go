package testbed

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The close codes with which Haltless ends a connection that has not shown a
// good token.
const (
	closeTokenWrong  = 4001
	closeTokenLate   = 4002
	closeManyPending = 4003
)

// maxToken is the longest first message, in bytes.
const maxToken = 16 << 10

// pending counts the connections of each address that have not shown their
// token yet.
type pending struct {
	limit int
	mu    sync.Mutex
	open  map[string]int
}

// enter is false when the address has as many as it may.
func (p *pending) enter(ip string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[ip] >= p.limit {
		return false
	}
	p.open[ip]++
	return true
}

func (p *pending) leave(ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[ip]--; p.open[ip] <= 0 {
		delete(p.open, ip)
	}
}

// admit waits for the token as the first message. There is no positive reply.
// The WebSocket library answers pings meanwhile, as it does in most servers:
// that is why a pong proves nothing before the server's first word.
func (s *session) admit(peer string) error {
	ip, _, err := net.SplitHostPort(peer)
	if err != nil {
		ip = peer
	}
	if !s.r.pending.enter(ip) {
		return s.refuse(closeManyPending, "too many connections without a token")
	}
	defer s.r.pending.leave(ip)
	s.conn.SetReadLimit(maxToken)
	s.conn.SetReadDeadline(time.Now().Add(s.r.opts.AuthWait))
	kind, token, err := s.conn.ReadMessage()
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return s.refuse(closeTokenLate, "the token did not come in time")
	case err != nil:
		return err
	}
	want, err := s.r.token.want()
	if err != nil || want == "" || kind != websocket.TextMessage || !same(string(token), want) {
		return s.refuse(closeTokenWrong, "token invalid or expired")
	}
	s.token = string(token)
	s.conn.SetReadDeadline(time.Time{})
	return nil
}

// refuse ends a connection that has not shown a good token.
func (s *session) refuse(code int, why string) error {
	s.r.note(func(st *Stats) { st.Refused++ })
	s.r.opts.Log.Warn("token refused", "component", "receive", "event", "token.refused", "peer", s.conn.RemoteAddr(), "code", code)
	return s.end(code, why, fmt.Errorf("refused with %d: %s", code, why))
}
