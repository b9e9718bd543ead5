package uplink

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"
)

// pinger keeps the one ping that may be outstanding. Fence and keepalive
// pings share its counter, since a peer may answer only one of several.
type pinger struct {
	prefix   string // "portti:<8 hex nonce>:"
	interval time.Duration
	timeout  time.Duration // at least

	seq      uint64 // of the last ping
	out      bool   // and it has not been answered
	sentAt   time.Time
	frames   uint64 // frames written before it
	bytes    int    // of them not proven then
	answered bool   // any ping of this connection was
	srtt     time.Duration
	last     time.Duration // the last round trip
}

// newPinger takes the nonce of a connection: 4 random bytes, so that a pong of
// an earlier connection, relayed late by a proxy, proves nothing.
func newPinger(interval, timeout, srtt time.Duration) *pinger {
	var nonce [4]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return &pinger{prefix: "portti:" + hex.EncodeToString(nonce[:]) + ":", interval: interval, timeout: timeout, srtt: srtt}
}

// next begins a ping and gives its payload.
func (p *pinger) next(now time.Time, frames uint64, bytes int) string {
	p.seq++
	p.out, p.sentAt, p.frames, p.bytes = true, now, frames, bytes
	return p.prefix + strconv.FormatUint(p.seq, 10)
}

// pong takes the answer to the ping that is out, read at that time, and gives the
// number of frames written before it; ok is false when there was none.
func (p *pinger) pong(at time.Time) (frames uint64, ok bool) {
	if !p.out || at.IsZero() {
		return 0, false
	}
	p.out, p.answered = false, true
	p.sample(at.Sub(p.sentAt))
	return p.frames, true
}

// sample takes a round trip.
func (p *pinger) sample(took time.Duration) {
	sample := max(took, time.Microsecond)
	p.last = sample
	if p.srtt == 0 {
		p.srtt = sample
	} else {
		p.srtt += (sample - p.srtt) / 8
	}
}

// hurry makes the next ping due now, since there is reason to doubt the link:
// most often that the network has changed. It does so once in wakeInterval.
func (p *pinger) hurry(now time.Time) {
	if !p.out && now.Sub(p.sentAt) >= wakeInterval {
		p.sentAt = now.Add(-p.interval)
	}
}

// now makes the next ping due, since somebody waits for a round trip. One that is out
// gives it too.
func (p *pinger) now(now time.Time) {
	if !p.out {
		p.sentAt = now.Add(-p.interval)
	}
}

// due is when something is to be done: the answer is overdue, or a quiet link
// wants its keepalive.
func (p *pinger) due() time.Time {
	if p.out {
		// On a slow line the window grows faster than the smoothed round trip
		// follows, so the last one counts too.
		return p.sentAt.Add(max(p.timeout, 4*p.srtt, 4*p.last))
	}
	return p.sentAt.Add(p.interval)
}
