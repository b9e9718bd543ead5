package gateway

import (
	"log/slog"
	"sync"

	"portti/device"
	"portti/device/thingsee"
)

// mouth is how the gateway speaks of itself: what it is given goes through the
// buffer like a reading of the device ":gateway". It is made when there is
// something to say, so that a gateway that says nothing has no such account.
// All methods may be called from any goroutine.
type mouth struct {
	make func() (*device.Own, error)
	log  *slog.Logger

	mu     sync.Mutex
	own    *device.Own
	shut   bool
	failed bool // and that was logged
}

// Say hands m on. It says whether it was kept; after hush nothing is.
func (m *mouth) Say(msg *thingsee.Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sayLocked(msg)
}

func (m *mouth) sayLocked(msg *thingsee.Message) bool {
	if m.shut {
		return false
	}
	if m.own == nil {
		own, err := m.make()
		if err != nil {
			if !m.failed {
				m.failed = true
				m.log.Warn("the gateway can say nothing of itself", "component", "daemon", "event", "voice.unsaid", "err", err)
			}
			return false
		}
		m.own = own
	}
	return m.own.Say(msg)
}

// hush says a last word, if there is one, and then nothing more: the buffer is
// about to be sealed.
func (m *mouth) hush(last *thingsee.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last != nil {
		m.sayLocked(last)
	}
	m.shut = true
}
