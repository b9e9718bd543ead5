package gateway

import (
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
)

// outageRecord is one time without a connection, until what waited meanwhile has arrived.
type outageRecord struct {
	began, ended, done time.Time // zero = not yet
	fromStart, planned bool
	causes             []linkCause // while it lasts, else the one that counts
	waited             uint64      // at the most
	delivered, left    uint64
	before             buffer.Counts // at its beginning
	loss               *buffer.Loss  // the latest that was known then
	end                buffer.Counts // at the last look without a connection
	lost               status.Losses
	lostMore           bool
}

// linkCause is why there was no connection, and for how long that was why.
type linkCause struct {
	code, why string
	lasted    time.Duration
}

// startLimit is within which a start connects: no outage is made of that.
const startLimit = 10 * time.Second

// maxCauses bounds what a link that fails in ever other ways leaves behind.
const maxCauses = 8

// noteOutage begins and ends outages, and follows what waited until it has arrived.
func (h *history) noteOutage(l *glimpse) {
	var open *outageRecord
	if n := len(h.outages); n > 0 && h.outages[n-1].ended.IsZero() {
		open = h.outages[n-1]
	}
	switch away := !l.online() && !l.without(); {
	case away && open == nil:
		open = h.beginOutage(l)
		fallthrough
	case away:
		open.goesOn(l, h.last.at)
	case open != nil:
		open.ended = h.between(l.link.Since, l)
		open.causes = []linkCause{open.main()}
		if open.fromStart && open.ended.Sub(open.began) < startLimit {
			h.outages = h.outages[:len(h.outages)-1]
		}
	}
	for _, o := range h.outages {
		o.follow(l)
	}
	for len(h.outages) > 0 && (len(h.outages) > historyOutages || h.outages[0].over(l.at)) {
		h.outages = append(h.outages[:0], h.outages[1:]...)
	}
}

func (h *history) beginOutage(l *glimpse) *outageRecord {
	o := &outageRecord{began: h.between(l.away, l), planned: !l.link.Opens.IsZero(), before: h.last.counts, loss: h.last.loss}
	if h.last.at.IsZero() {
		o.began, o.fromStart = l.started, true
		o.before, o.loss = l.counts, l.loss
	}
	h.outages = append(h.outages, o)
	return o
}

// goesOn takes a look at which there is no connection.
func (o *outageRecord) goesOn(l *glimpse, last time.Time) {
	o.waited, o.end = max(o.waited, l.counts.Waiting), l.counts
	code := l.link.Problem
	if !l.link.Opens.IsZero() || code == "" {
		return
	}
	o.planned = false
	if last.Before(o.began) {
		last = o.began
	}
	for i := range o.causes {
		if o.causes[i].code == code {
			o.causes[i].why, o.causes[i].lasted = status.Clean(l.link.LastError, whyLength), o.causes[i].lasted+l.at.Sub(last)
			return
		}
	}
	if len(o.causes) < maxCauses {
		o.causes = append(o.causes, linkCause{code, status.Clean(l.link.LastError, whyLength), l.at.Sub(last)})
	}
}

// main is the cause that lasted longest.
func (o *outageRecord) main() (c linkCause) {
	for _, other := range o.causes {
		if c.code == "" || other.lasted > c.lasted {
			c = other
		}
	}
	return c
}

// follow counts what was lost and, once there is a connection again, what has arrived of
// what waited then: what came in later is delivered after it or, with order = "fresh-first",
// beside it, and then the link says until when.
func (o *outageRecord) follow(l *glimpse) {
	if !o.done.IsZero() {
		return
	}
	o.lost = status.Losses{}
	for reason, n := range l.counts.Lost {
		if before := o.before.Lost[reason]; n > before && reason != status.LossRate {
			o.lost[reason] = n - before
		}
	}
	o.lostMore = o.lostMore || l.loss != nil && l.loss.AtLeast && !sameLoss(l.loss, o.loss)
	if o.ended.IsZero() {
		return
	}
	since := func(now, before uint64) uint64 { return now - min(now, before) }
	waited := o.end.Waiting
	o.delivered = min(since(l.counts.Acked, o.end.Acked), waited)
	gone := o.delivered + since(l.counts.Quarantined, o.end.Quarantined) + since(lostWaiting(l.counts), lostWaiting(o.end))
	o.left = min(since(waited, gone), l.counts.Waiting)
	if l.link.Backlog && l.online() {
		o.left = max(o.left, 1)
	}
	if o.left == 0 && (l.online() || waited == 0) {
		o.done = l.at
	}
}

// lostWaiting counts what was lost after it had been taken in.
func lostWaiting(c buffer.Counts) uint64 {
	return c.LostAll() - c.Lost[status.LossRate] - c.Lost[status.LossMemory]
}

func sameLoss(a, b *buffer.Loss) bool {
	return a != nil && b != nil && a.Reason == b.Reason && a.First == b.First && a.Last == b.Last && a.Count == b.Count
}

// over says that it is older than what is remembered.
func (o *outageRecord) over(now time.Time) bool {
	return !o.done.IsZero() && now.Sub(o.done) > historySpan || !o.ended.IsZero() && now.Sub(o.ended) > 2*historySpan
}

// document is the outage as it is shown now, which is wall by the clock on the wall.
func (o *outageRecord) document(now, wall time.Time) status.Outage {
	age := func(t time.Time) (*time.Time, float64) {
		if t.IsZero() {
			return nil, 0
		}
		at := wall.Add(t.Sub(now)).UTC().Round(time.Millisecond)
		return &at, status.Seconds(now.Sub(t))
	}
	c := o.main()
	d := status.Outage{FromStart: o.fromStart, Planned: o.planned, Code: c.code, Why: c.why,
		Waited: o.waited, Delivered: o.delivered, Left: o.left, Lost: o.lost, LostMore: o.lostMore}
	began, ago := age(o.began)
	d.Began, d.BeganS = *began, ago
	d.Ended, d.EndedS = age(o.ended)
	d.Done, d.DoneS = age(o.done)
	return d
}

// lastOutage is the latest one that is worth a word; nil = there was none.
func (h *history) lastOutage(now, wall time.Time, trusted bool) *status.Outage {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.outages) - 1; i >= 0; i-- {
		if o := h.outages[i].document(now, wall); !o.Short() {
			o.Trusted = trusted
			return &o
		}
	}
	return nil
}
