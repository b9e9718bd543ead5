package gateway

import (
	"context"
	"time"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/device/clock"
	"portti/uplink"
)

// How often the parts are looked at: as a rule, and while the link is up or has no
// server and nothing changes, since each look wakes three or four threads.
const (
	lookEvery = time.Second
	restEvery = 5 * time.Second
)

// supervise looks at the parts every one to five seconds, which is the one timer of a
// gateway in which nothing happens: it works out what is wrong, logs what changed,
// tells the server what is lost, keeps systemd's status line true, and keeps the last
// good time. It tells systemd that the service is ready: buffer, ports and control
// socket are at work then; a connection is not part of being ready.
func (g *Gateway) supervise(ctx context.Context) {
	next := time.NewTimer(lookEvery)
	defer next.Stop()
	err := g.opt.Notify.Ready()
	g.notify("ready", err)
	glance := ""
	for {
		g.lookedAt.Store(g.sinceStart())
		g.looking.Lock()
		g.board.look()
		s := g.look()
		pace := lookEvery
		if (s.link.State == uplink.Online || s.link.Problem == uplink.ProblemNoServer) && s.at.Sub(g.changed) > restEvery {
			pace = restEvery
		}
		g.looking.Unlock()
		if s.link.State == uplink.Online {
			// Looked at after the ledger: a loss that it counts has its times there.
			g.lossReport.update(s.byDevice, g.queue.Stats().Losses, g.unix, s.at)
		}
		doc := g.document(s)
		g.selfReport.update(s.at, &doc)
		if err != nil { // it found systemd's queue full
			err = g.opt.Notify.Ready()
		}
		if line := doc.Glance(); line != glance {
			glance = line
			g.notify("status", g.opt.Notify.Status(line))
		}
		next.Reset(pace)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// look takes a snapshot and works out what is wrong. It needs looking, which who only
// wants to know does not wait for: see Status.
func (g *Gateway) look() *snapshot {
	s := g.snapshot()
	g.observe(s)
	g.problems.Sync(findings(s))
	if g.logChanges() || s.total.Read != g.seenRead {
		g.changed, g.seenRead = s.at, s.total.Read
	}
	return s
}

func (g *Gateway) notify(what string, err error) {
	if err != nil {
		g.log.Warn("cannot notify systemd", "event", "systemd.notify-failed", "what", what, "err", err)
	}
}

// observe adds to a snapshot what only a series of them can tell, and acts on
// the clock. It needs looking.
func (g *Gateway) observe(s *snapshot) {
	g.observeClock(s)
	s.away = g.outage.update(s.link, g.started)
	g.away.Store(&s.away)
	g.observeHistory(s)
	s.otherBoard = g.board.other
	g.inflow.note(s.total.Read)
	g.disk.ask(s.at)
	s.headroom = g.inflow.headroom(s.total.Read, s.stats, s.room)
	s.headroomLow = g.observeHeadroom(s)
	s.lastLoss = nil
	if n := len(s.stats.Losses); g.losses.fresh(s.total, s.stats.Losses, s.at) && n > 0 {
		last := s.stats.Losses[n-1]
		s.lastLoss = &loss{Loss: last, from: g.when(last.Oldest), to: g.when(last.Newest)}
	}
	g.lastLoss.Store(s.lastLoss)
	s.stuck = g.stuck()
}

// observeHistory remembers the look.
func (g *Gateway) observeHistory(s *snapshot) {
	l := glimpse{at: s.at, link: s.link, away: s.away, started: g.started, counts: s.total, bytes: s.stats.Bytes, devices: s.devices}
	if n := len(s.stats.Losses); n > 0 {
		l.loss = &s.stats.Losses[n-1]
	}
	g.history.note(l)
	s.outage = g.history.lastOutage(s.at, s.wall, s.clock.Trusted)
}

// observeClock keeps the last good time and logs where the time comes from.
func (g *Gateway) observeClock(s *snapshot) {
	if s.clock.Trusted && s.clock.Err == 0 && s.source != clock.SourceCarried && g.clock.Firm() {
		g.queue.SetLastGood(s.clock.Unix)
	}
	if s.source == g.source {
		return
	}
	g.log.Info("time comes from another source", "event", "clock.source-changed",
		"source", s.source, "before", g.source, "worst_error_s", s.clock.Err, "reason", s.distrust)
	g.source = s.source
	if s.clock.Trusted && s.link.Problem == "CLK-UNSET" {
		g.link().Wake()
	}
}

// observeHeadroom logs that the headroom changed and returns whether it is short.
func (g *Gateway) observeHeadroom(s *snapshot) (short bool) {
	online, was := s.link.State == uplink.Online, g.headroomLevel.level
	if g.headroomLevel.update(s.headroom, online, s.at) {
		log, event, text := g.log.Warn, "buffer.room-low", "the buffer has room for less than "+status.InWords(time.Duration(headroomLevels()[max(g.headroomLevel.level, 1)-1])*time.Second)
		if g.headroomLevel.level < was {
			log, event, text = g.log.Info, "buffer.room-recovered", "the buffer has more room again"
		}
		log(text, "event", event, "code", "BUF-FILLING", "headroom_s", s.headroom, "bytes", max(0, s.stats.Limit-s.stats.Bytes), "online", online)
	}
	return g.headroomLevel.level >= headroomShort
}

// logChanges logs the problems that came and went, if any.
func (g *Gateway) logChanges() bool {
	raised, cleared := g.problems.Changes()
	for _, r := range raised {
		log := g.log.Warn
		if r.Severity == status.Info {
			log = g.log.Info
		}
		log(r.Sentence, "event", "problem.raised", "code", r.Code, "subject", r.Subject)
	}
	for _, c := range cleared {
		g.log.Info("solved: "+c.Title, "event", "problem.cleared", "code", c.Code, "subject", c.Subject)
	}
	return len(raised)+len(cleared) > 0
}

// when is a moment of a loss as people read it.
func (g *Gateway) when(t buffer.Time) string {
	if ms, ok := g.unix(t); ok {
		return time.UnixMilli(ms).Format(time.RFC3339)
	}
	if now := g.clock.Now(); t.Boot == g.queue.Boot() && now.Mono >= t.Mono {
		return status.InWords(time.Duration(now.Mono-t.Mono)*time.Millisecond) + " ago"
	}
	return "an unknown time"
}

// unix is a moment of a loss in Unix milliseconds, where it is known.
func (g *Gateway) unix(t buffer.Time) (int64, bool) {
	if o, ok := g.queue.Offset(t.Boot); ok && t != (buffer.Time{}) {
		return o.Unix + t.Mono, true
	}
	if now := g.clock.Now(); t.Boot == g.queue.Boot() && now.Trusted {
		return now.Unix - now.Mono + t.Mono, true
	}
	return 0, false
}
