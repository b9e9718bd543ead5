package uplink

import (
	"log/slog"
	"slices"
)

// Setback is a range of records that a server had acknowledged and later said
// that it does not have: it was restored from an older copy, most likely. They
// are not in the queue any more.
type Setback struct {
	Epoch         string // of the numbering
	From, Through uint64
}

// promise is what a server has said of one numbering since the process began.
type promise struct {
	through uint64   // acknowledged, or claimed by a resume
	refused []uint64 // the latest of those it will never take
}

// maxPromises bounds the numberings that are remembered, maxPromised the
// refusals of one. What is forgotten is a setback that nobody tells.
const (
	maxPromises = 64
	maxPromised = 1000
)

// promises holds them by epoch.
type promises map[string]*promise

// of gives the promise about a numbering.
func (p promises) of(epoch string) *promise {
	known := p[epoch]
	if known == nil {
		if len(p) >= maxPromises {
			clear(p)
		}
		known = &promise{}
		p[epoch] = known
	}
	return known
}

func (p *promise) acked(through uint64) { p.through = max(p.through, through) }

func (p *promise) nacked(n uint64) {
	if len(p.refused) >= maxPromised {
		p.refused = slices.Delete(p.refused, 0, 1)
	}
	p.refused = append(p.refused, n)
}

// resumed compares a resume with the promise, and takes its place; sent is the
// last record that can have been sent. A server that stays before a record
// whose refusal may have been lost has lost nothing.
func (p *promise) resumed(through, sent uint64) (from, to uint64, lost bool) {
	if through >= p.through || slices.Contains(p.refused, through+1) {
		p.acked(min(through, sent))
		return 0, 0, false
	}
	from, to = through+1, p.through
	p.through = through
	return from, to, true
}

// checkSetback tells when a resume is below what was acknowledged. Nothing can
// be sent again for it but what is held: what was released has left the queue.
// A resume that comes after an acknowledgement of this connection may have been
// made before it, and tells nothing.
func (s *session) checkSetback(c claim) {
	if s.acked[c.epoch] {
		return
	}
	from, to, lost := s.link.promises.of(c.epoch).resumed(c.through, s.cursors.split-1)
	if !lost {
		return
	}
	s.link.board.update(func(st *Status) {
		st.Setbacks++
		st.Setback = Setback{Epoch: c.epoch, From: from, Through: to}
	})
	s.link.board.event(slog.LevelError, "uplink.setback", ProblemSetback, "the server does not have records any more that it had acknowledged",
		"epoch", c.epoch, "from", from, "through", to)
}
