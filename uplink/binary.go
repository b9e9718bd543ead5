package uplink

import (
	"time"

	"github.com/gorilla/websocket"
)

// binarySocket is a WebSocket for a protocol in binary messages, to which both the
// session's writer and its reader write.
type binarySocket struct {
	*socket
	turn chan struct{} // room for one: who writes
}

// take waits so long for the turn to write.
func (b *binarySocket) take(limit time.Duration, deadline time.Time) bool {
	wait := time.NewTimer(limit)
	defer wait.Stop()
	select {
	case b.turn <- struct{}{}:
		_ = b.conn.SetWriteDeadline(deadline)
		return true
	case <-wait.C:
		return false
	}
}

// say writes one message.
func (b *binarySocket) say(message []byte, deadline time.Time) error {
	if !b.take(time.Until(deadline), deadline) {
		return errWriteStuck
	}
	defer func() { <-b.turn }()
	return writeError(b.conn.WriteMessage(websocket.BinaryMessage, message))
}
