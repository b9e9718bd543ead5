package gateway

import (
	"time"

	"portti/uplink"
)

// outage is since when there is no connection, whatever the link tries meanwhile.
// Gateway.looking guards it.
type outage struct {
	began    time.Time // zero = the link is up
	connects uint64    // as last seen
}

// update takes how the link is. Where a connection came and went since the last look,
// another outage has begun.
func (o *outage) update(l uplink.Status, started time.Time) time.Time {
	switch {
	case l.State == uplink.Online:
		o.began = time.Time{}
	case l.Connects == 0:
		o.began = started
	case o.began.IsZero() || l.Connects != o.connects:
		o.began = l.Since
	}
	o.connects = l.Connects
	return o.began
}
