package daemon

import (
	"time"

	"portti/uplink"
)

// stepShown is how long a step of the wall clock is shown.
const stepShown = 10 * 60 * 1000 // ms

// lookAtClock turns the clock's state into problems and the log, and keeps the
// last good time. It belongs to supervise's goroutine.
func (d *Daemon) lookAtClock(link uplink.Status) {
	now := d.clock.Now()
	if now.Trusted && now.Err == 0 {
		d.queue.SetLastGood(now.Unix)
	}
	if source := d.clock.Source(); source != d.source {
		d.log.Info("time comes from another source", "event", "clock.source-changed",
			"source", source, "before", d.source, "worst_error_s", now.Err, "reason", d.clock.Reason())
		d.source = source
		if now.Trusted && link.Problem == "CLK-UNSET" {
			d.link.Wake()
		}
	}
	kept, ok := d.queue.Offset(d.queue.Boot())
	guessed := ok && kept.Err > 0
	p := d.problems
	p.Set(!now.Trusted && (!ok || link.Problem == "CLK-UNSET"), "CLK-UNSET", "")
	p.Set(!now.Trusted && guessed, "CLK-GUESSED", "", "hold", people(time.Duration(d.cfg.Clock.HoldUntilSynced)))
	step, way := d.clock.Stepped(), "forward"
	by := time.Duration(step.By) * time.Millisecond
	if by < 0 {
		by, way = -by, "back"
	}
	p.Set(step.Count > 0 && now.Mono-step.Mono < stepShown, "CLK-STEP", "", "by", people(by), "way", way)
}

func (d *Daemon) clockStatus() ClockStatus {
	now := d.clock.Now()
	s := ClockStatus{Trusted: now.Trusted, Source: d.clock.Source(), WorstErrorS: now.Err, Steps: d.clock.Stepped().Count}
	if !now.Trusted {
		s.Reason = d.clock.Reason()
	}
	return s
}

// wallTime is what certificates are judged by. While the clock is not trusted
// it is at least the floor: it cannot be earlier than that, and a machine that
// begins in 1970 could else reach no server at all.
func (d *Daemon) wallTime() time.Time {
	now := d.clock.Now()
	if !now.Trusted {
		return time.UnixMilli(max(now.Unix, d.clock.Floor()))
	}
	return time.UnixMilli(now.Unix)
}

// heard takes the server's word for the time.
func (d *Daemon) heard(now time.Time, slack time.Duration) {
	d.clock.HearServer(now.UnixMilli(), d.clock.Now().Mono, slack.Milliseconds(), d.cfg.Clock.TrustServer)
}
