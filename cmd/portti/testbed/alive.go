package testbed

import (
	"time"

	"github.com/gorilla/websocket"
)

// closeUnauthorized ends a connection whose token has run out (IANA).
const closeUnauthorized = 3000

// alive starts what a server of the dialect does by the clock, and gives what
// ends it.
func (s *session) alive() (stop func()) {
	switch s.r.opts.Dialect {
	case "haltless":
		return s.beat()
	case "zyeta":
		return s.untilExpiry()
	}
	return func() {}
}

// untilExpiry ends the connection with its token.
func (s *session) untilExpiry() (stop func()) {
	at, ok := expiry(s.token)
	if !ok {
		return func() {}
	}
	timer := time.AfterFunc(time.Until(at), func() {
		_ = s.say((&zyeta{now: time.Now}).wrong(zyetaUnauthorized, "the token has expired"))
		s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(closeUnauthorized, "the token has expired"), time.Now().Add(writeWait))
		s.conn.SetReadDeadline(time.Now().Add(closeWait)) // the client answers the close, or is cut
	})
	return func() { timer.Stop() }
}
