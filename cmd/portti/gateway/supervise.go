package gateway

import (
	"context"
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/uplink"
)

// supervise looks at the parts once a second: it works out what is wrong, logs
// what changed, tells the server what is lost, keeps systemd's status line true,
// and keeps the last good time. It tells systemd that the service is ready:
// buffer, ports and control socket are at work then; a connection is not part of
// being ready.
func (d *Gateway) supervise(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	d.notify("ready", d.opt.Notify.Ready())
	glance := ""
	for {
		s := d.snapshot()
		d.observe(s)
		d.problems.Sync(findings(s))
		d.logChanges()
		if s.link.State == uplink.Online {
			d.statement.look(s.byDevice, s.stats.Losses, d.unix, s.at)
		}
		doc := d.document(s)
		d.voice.look(s.at, &doc)
		if g := doc.Glance(); g != glance {
			glance = g
			d.notify("status", d.opt.Notify.Status(g))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Gateway) notify(what string, err error) {
	if err != nil {
		d.log.Warn("systemd was not told", "event", "systemd.untold", "what", what, "err", err)
	}
}

// observe adds to a snapshot what only a series of them can tell, and acts on
// the clock. It belongs to supervise's goroutine.
func (d *Gateway) observe(s *snapshot) {
	d.observeClock(s)
	d.inflow.note(s.total.Read)
	s.headroom = d.inflow.headroom(s.total.Read, s.stats)
	s.roomLow = d.observeRoom(s)
	if n := len(s.stats.Losses); d.losses.fresh(s.total, s.at) && n > 0 {
		last := s.stats.Losses[n-1]
		s.lastLoss = &loss{Loss: last, from: d.when(last.Oldest), to: d.when(last.Newest)}
	}
	s.stuck = d.stuck()
}

// observeClock keeps the last good time and logs where the time comes from.
func (d *Gateway) observeClock(s *snapshot) {
	if s.clock.Trusted && s.clock.Err == 0 {
		d.queue.SetLastGood(s.clock.Unix)
	}
	if s.source == d.source {
		return
	}
	d.log.Info("time comes from another source", "event", "clock.source-changed",
		"source", s.source, "before", d.source, "worst_error_s", s.clock.Err, "reason", s.distrust)
	d.source = s.source
	if s.clock.Trusted && s.link.Problem == "CLK-UNSET" {
		d.link.Wake()
	}
}

// observeRoom logs that the room changed and says whether it is short.
func (d *Gateway) observeRoom(s *snapshot) (short bool) {
	online, was := s.link.State == uplink.Online, d.room.level
	if d.room.note(s.headroom, online, s.at) {
		log, event, text := d.log.Warn, "buffer.room-low", "the buffer has room for less than "+status.InWords(time.Duration(roomLevels()[max(d.room.level, 1)-1])*time.Second)
		if d.room.level < was {
			log, event, text = d.log.Info, "buffer.room-recovered", "the buffer has more room again"
		}
		log(text, "event", event, "code", "BUF-FILLING", "headroom_s", s.headroom, "bytes", max(0, s.stats.Limit-s.stats.Bytes), "online", online)
	}
	return d.room.level >= roomShort
}

// logChanges logs the problems that came and went.
func (d *Gateway) logChanges() {
	raised, cleared := d.problems.Changes()
	for _, r := range raised {
		log := d.log.Warn
		if r.Severity == status.Info {
			log = d.log.Info
		}
		log(r.Sentence, "event", "problem.raised", "code", r.Code, "subject", r.Subject)
	}
	for _, c := range cleared {
		d.log.Info("solved: "+c.Title, "event", "problem.cleared", "code", c.Code, "subject", c.Subject)
	}
}

// when is a moment of a loss as people read it.
func (d *Gateway) when(t buffer.Time) string {
	if ms, ok := d.unix(t); ok {
		return time.UnixMilli(ms).Format(time.RFC3339)
	}
	if now := d.clock.Now(); t.Boot == d.queue.Boot() && now.Mono >= t.Mono {
		return status.InWords(time.Duration(now.Mono-t.Mono)*time.Millisecond) + " ago"
	}
	return "an unknown time"
}

// unix is a moment of a loss in Unix milliseconds, where it is known.
func (d *Gateway) unix(t buffer.Time) (int64, bool) {
	if o, ok := d.queue.Offset(t.Boot); ok && t != (buffer.Time{}) {
		return o.Unix + t.Mono, true
	}
	if now := d.clock.Now(); t.Boot == d.queue.Boot() && now.Trusted {
		return now.Unix - now.Mono + t.Mono, true
	}
	return 0, false
}
