package gateway

import (
	"log/slog"
	"sync"

	"portti/device"
	"portti/device/thingsee"
)

// appender puts a message of the gateway into the buffer, and returns whether it
// is there: ownMessages.append, or a test's own.
type appender func(*thingsee.Message) bool

// ownMessages takes the gateway's messages about itself: they go through the
// buffer like readings of the device ":gateway". That device is made with the
// first message, so that a gateway that sends none has no such account.
// All methods may be called from any goroutine.
type ownMessages struct {
	make func() (*device.Own, error)
	log  *slog.Logger

	mu     sync.Mutex
	own    *device.Own
	closed bool
	failed bool // and that was logged
}

// append puts a message into the buffer, and returns whether it is there; after
// close none is.
func (m *ownMessages) append(msg *thingsee.Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.appendLocked(msg)
}

func (m *ownMessages) appendLocked(msg *thingsee.Message) bool {
	if m.closed {
		return false
	}
	if m.own == nil {
		own, err := m.make()
		if err != nil {
			if !m.failed {
				m.failed = true
				m.log.Warn("the gateway cannot send messages about itself", "component", "daemon", "event", "self-report.append-failed", "err", err)
			}
			return false
		}
		m.own = own
	}
	return m.own.Say(msg)
}

// close takes a last message, if there is one, and no more: the buffer is
// about to be sealed.
func (m *ownMessages) close(last *thingsee.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last != nil {
		m.appendLocked(last)
	}
	m.closed = true
}
