package device

import (
	"context"
	"log/slog"

	"portti/device/thingsee"
)

// Own is the gateway as a thing of its own. The messages that it sends about
// itself are stamped and kept as those of a device are.
type Own struct{ stamp stamp }

// Own makes the sender of the gateway's own messages; number is its number
// in the ledger. It is for one goroutine.
func (s *Set) Own(number uint16, log *slog.Logger) *Own {
	o := &Own{stamp: stamp{
		stamper: s.shared, device: number, id: s.shared.gateway,
		ctx: context.Background(),
	}}
	o.stamp.failed = func(err error) {
		log.Warn("a message of the gateway itself was not kept", "component", "device", "event", "own.lost", "err", err)
	}
	return o
}

// Say dates m, unless it has a time, and hands it on. It says whether the
// message was kept; one that was not is in the ledger as lost.
func (o *Own) Say(m *thingsee.Message) bool { return o.stamp.put(m).lost == "" }
