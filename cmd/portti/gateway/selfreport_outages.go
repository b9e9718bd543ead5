package gateway

import (
	"time"

	"portti/device/thingsee"
)

const (
	// outageAfter is how long the link is away before that is told: what a
	// network does in less is its everyday life.
	outageAfter = time.Minute
	// outageEvery is the shortest time between two outages that are told, so
	// that a link that flaps all day makes at most six pairs of messages an hour.
	outageEvery = 10 * time.Minute
)

// outages turns the state of the link into network events. The end of an outage
// is told only where its beginning was, and neither makes the link do anything:
// the one waits in the buffer, the other is said when the link is up.
type outages struct {
	up       bool      // it has been up since the start
	since    time.Time // it is away; zero = it is not
	reported bool      // that it is away
	last     time.Time // when that was told last
}

// update takes every few seconds how the link is. event is what to report, 0 = nothing,
// and age how long ago that was.
func (o *outages) update(online bool, now time.Time) (event int, age time.Duration) {
	switch {
	case online && (!o.up || o.reported):
		o.up, o.reported, o.since = true, false, time.Time{}
		return thingsee.EventConnected, 0
	case online:
		o.since = time.Time{}
	case !o.up:
	case o.since.IsZero():
		o.since = now
	case !o.reported && now.Sub(o.since) >= outageAfter && (o.last.IsZero() || now.Sub(o.last) >= outageEvery):
		o.reported, o.last = true, now
		return thingsee.EventDisconnected, now.Sub(o.since)
	}
	return 0, 0
}
