package daemon

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"portti/buffer"
	"portti/device"
	"portti/uplink"
)

// Status is the one truth about this gateway, taken at one moment. After Run
// has ended it is how things stood then.
func (d *Daemon) Status() Status {
	if last := d.final.Load(); last != nil {
		return *last
	}
	return d.status(false)
}

func (d *Daemon) status(stopped bool) Status {
	now := time.Now()
	// The queue's two looks are not one. Statistics first, so that what they
	// call waiting can at most have been delivered by the time of the ledger;
	// the ledger's word then replaces theirs, and the document is consistent.
	stats := d.queue.Stats()
	total, byName := d.queue.Ledger()
	link := d.link.Status()
	if stopped {
		link.State = uplink.Stopped
	}
	s := Status{
		Schema: StatusSchema, Version: d.opt.Version, Time: now.UTC(), UptimeS: Seconds(now.Sub(d.started)),
		Gateway:  GatewayStatus{ID: d.id, Name: d.name},
		Link:     d.linkStatus(link, now),
		Buffer:   d.bufferStatus(stats, total),
		Totals:   TotalsStatus{Ledger: ledgerOf(total), Accepted: stats.Accepted, Resent: link.Resent},
		Clock:    d.clockStatus(),
		Downlink: d.downlinkStatus(),
		Devices:  []DeviceStatus{},
		Problems: d.problems.Active(),
	}
	for _, dev := range d.devices.Status() {
		s.Devices = append(s.Devices, deviceStatus(dev, byName[dev.Name], now))
	}
	return s
}

func ledgerOf(c buffer.Counts) Ledger {
	return Ledger{Read: c.Read, Acked: c.Acked, Waiting: c.Waiting, Quarantined: c.Quarantined, Lost: Losses(c.Lost)}
}

func (d *Daemon) linkStatus(l uplink.Status, now time.Time) LinkStatus {
	s := LinkStatus{
		State: string(l.State), Since: l.Since.UTC(), SinceS: Seconds(now.Sub(l.Since)),
		Dialect: l.Dialect, URLHost: l.Server, RTTms: float64(l.RTT.Microseconds()) / 1000,
		LastError: l.LastError, Problem: l.Problem, Ack: l.Ack,
		Connects: l.Connects, SentBytes: l.SentBytes, Frames: l.SentFrames, SentMessages: l.SentRecords, ProvenMessages: l.Proven,
		ServerMessages: l.ServerMessages, ServerKinds: l.ServerKinds,
	}
	s.Order, s.Backlog, s.DrainRate = d.cfg.Uplink.Order, l.Backlog, l.DrainRate
	s.Compressed, s.WireBytes = l.Compressed, l.WireBytes
	if !l.Opens.IsZero() {
		s.OpensS = max(1, Seconds(l.Opens.Sub(d.wallTime())))
	}
	s.Token = d.tokenStatus()
	if !l.NextTry.IsZero() {
		s.NextTryS = max(0, Seconds(l.NextTry.Sub(now)))
	}
	return s
}

func (d *Daemon) bufferStatus(q buffer.Stats, total buffer.Counts) BufferStatus {
	memory := min(q.WaitingMemory, total.Waiting)
	s := BufferStatus{
		State:   BufferOK,
		Waiting: total.Waiting, WaitingMemory: memory, WaitingDisk: total.Waiting - memory, Held: q.Held,
		Bytes: q.Bytes, CapacityBytes: q.Capacity, OldestAgeS: Seconds(time.Duration(q.OldestAge) * time.Millisecond),
		HeadroomS: d.inflow.headroom(total.Read, q), CommitEveryS: Seconds(time.Duration(d.cfg.Buffer.CommitEvery)),
		Commits: q.Commits, HoldsCut: q.HoldShortened,
	}
	switch {
	case q.Degraded:
		s.State, s.LastError = BufferDegraded, q.Err
	case q.Full:
		s.State = BufferFull
	}
	return s
}

func deviceStatus(dev device.Status, c buffer.Counts, now time.Time) DeviceStatus {
	s := DeviceStatus{
		Name: dev.Name, Type: dev.Type, Port: dev.Port, Resolved: dev.Resolved,
		State: string(dev.State), SinceS: Seconds(now.Sub(dev.Since)),
		LastAgeS: -1, RateHz: dev.RateHz, Read: c.Read, Bad: dev.Bad, Unknown: dev.Frames[device.Unknown],
		Detail: dev.Detail, LastError: dev.LastErr, Ledger: ledgerOf(c),
	}
	if dev.LastAge >= 0 {
		s.LastAgeS = Seconds(dev.LastAge)
	}
	return s
}

// supervise looks at the parts once a second: it raises and clears problems,
// logs what changed, keeps systemd's status line true, and keeps the last good
// time. It tells systemd that the service is ready: buffer, ports and control
// socket are at work then; a connection is not part of being ready.
func (d *Daemon) supervise(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	d.notify("ready", d.opt.Notify.Ready())
	glance := ""
	for {
		d.look()
		d.tell()
		d.state()
		s := d.Status()
		d.voice.look(time.Now(), &s)
		if g := s.Glance(); g != glance {
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

func (d *Daemon) notify(what string, err error) {
	if err != nil {
		d.log.Warn("systemd was not told", "event", "systemd.untold", "what", what, "err", err)
	}
}

// look turns the states of the parts into problems.
func (d *Daemon) look() {
	p, link := d.problems, d.link.Status()
	d.lookAtClock(link)
	d.lookAtLink(link)
	d.lookAtToken(link)
	d.lookAtBuffer(d.queue.Stats())
	for _, dev := range d.devices.Status() {
		p.Only(dev.Code, dev.Name, "DEV-", "HW-")
		if dev.Code != "" {
			p.Raise(dev.Code, dev.Name, "port", portOf(dev), "age", people(dev.LastAge), "why", dev.LastErr, "baud", d.baudOf(dev.Name))
		}
		d.lookAtFlags(dev)
	}
	part := d.stuck()
	p.Set(part != "", "SYS-WATCHDOG", "", "part", part, "age", people(stuckLimit()))
}

// lookAtFlags shows what the driver finds wrong with what it reads.
func (d *Daemon) lookAtFlags(dev device.Status) {
	for _, code := range []string{"GPS-NO-FIX", "GPS-JUMP", "GPS-ROLLOVER", "GPS-TIME"} {
		d.problems.Set(slices.Contains(dev.Flags, code), code, dev.Name)
	}
}

func (d *Daemon) lookAtLink(l uplink.Status) {
	p := d.problems
	p.Only(l.Problem, "", "UP-", "NET-", "TLS-")
	if l.Problem != "" && l.Problem != "CLK-UNSET" {
		host := l.Server
		if u, err := url.Parse(l.Server); err == nil && u.Hostname() != "" {
			host = u.Hostname()
		}
		p.Raise(l.Problem, "", "host", host, "why", l.LastError)
	}
	p.Set(l.Quarantined > 0, "UP-QUARANTINE", "", "count", fmt.Sprint(l.Quarantined))
	p.Set(d.cfg.Uplink.Ack == uplink.AckNone, "CFG-UNPROVEN", "")
}

func (d *Daemon) lookAtBuffer(q buffer.Stats) {
	p := d.problems
	total, _ := d.queue.Ledger()
	d.inflow.note(total.Read)
	p.Only(q.Code, "", "BUF-IO", "BUF-MOVED", "BUF-READONLY", "BUF-NEWER")
	if q.Code != "" {
		p.Raise(q.Code, "", "why", q.Err, "path", d.cfg.Paths.State, "what", q.Err)
	}
	if n := len(q.Damaged); n > 0 && q.Code != "BUF-CORRUPT" {
		p.Raise("BUF-CORRUPT", "", "what", q.Damaged[n-1])
	}
	p.Set(q.Rollbacks > 0, "BUF-ROLLBACK", "")
	p.Set(q.Slow > 0, "BUF-SLOW", "", "seconds", fmt.Sprint(q.Slow/1000))
	full := q.Full
	if n := len(q.Losses); d.losses.fresh(total, time.Now()) && n > 0 {
		last := q.Losses[n-1]
		p.Raise("BUF-LOST", "", "count", fmt.Sprint(last.Count), "reason", lossInWords(last.Reason, q.WhenFull),
			"from", d.when(last.Oldest), "to", d.when(last.Newest))
		full = full || last.Reason == "full" && q.Bytes > q.Limit/2
	} else {
		p.Clear("BUF-LOST", "")
	}
	p.Set(full, "BUF-FULL", "", "what", fullInWords(q))
	p.Set(q.DiskLow, "BUF-DISK-LOW", "", "free", Size(q.DiskFree/1e6*1e6).String(), "least", Size(q.MinFree).String(), "path", d.cfg.Paths.State)
	percent := q.Bytes * 100 / max(1, q.Limit)
	headroom := d.inflow.headroom(total.Read, q)
	short := d.lookAtRoom(headroom, d.link.Status().State == uplink.Online, max(0, q.Limit-q.Bytes))
	p.Set(percent >= 80 || short, "BUF-FILLING", "", "percent", fmt.Sprint(percent),
		"room", people(time.Duration(headroom*float64(time.Second))))
}

// tell logs the problems that came and went.
func (d *Daemon) tell() {
	raised, cleared := d.problems.Changes()
	for _, r := range raised {
		log := d.log.Warn
		if r.Severity == Info {
			log = d.log.Info
		}
		log(r.Sentence, "event", "problem.raised", "code", r.Code, "subject", r.Subject)
	}
	for _, c := range cleared {
		d.log.Info("solved: "+c.Title, "event", "problem.cleared", "code", c.Code, "subject", c.Subject)
	}
}

// when is a moment of a loss as people read it.
func (d *Daemon) when(t buffer.Time) string {
	if ms, ok := d.unix(t); ok {
		return time.UnixMilli(ms).Format(time.RFC3339)
	}
	if now := d.clock.Now(); t.Boot == d.queue.Boot() && now.Mono >= t.Mono {
		return people(time.Duration(now.Mono-t.Mono)*time.Millisecond) + " ago"
	}
	return "an unknown time"
}

// unix is a moment of a loss in Unix milliseconds, where it is known.
func (d *Daemon) unix(t buffer.Time) (int64, bool) {
	if o, ok := d.queue.Offset(t.Boot); ok && t != (buffer.Time{}) {
		return o.Unix + t.Mono, true
	}
	if now := d.clock.Now(); t.Boot == d.queue.Boot() && now.Trusted {
		return now.Unix - now.Mono + t.Mono, true
	}
	return 0, false
}

// state tells the server what is lost, once it can hear it.
func (d *Daemon) state() {
	if d.link.Status().State != uplink.Online {
		return
	}
	_, byName := d.queue.Ledger()
	d.statement.look(byName, d.queue.Stats().Losses, d.unix, time.Now())
}

func (d *Daemon) baudOf(name string) string {
	for _, c := range d.cfg.Devices {
		if c.Name == name && c.Baud != 0 {
			return fmt.Sprint(c.Baud)
		}
	}
	return "the configured"
}

func portOf(dev device.Status) string {
	if dev.Resolved != "" && dev.State != device.Missing {
		return dev.Resolved
	}
	return dev.Port
}

// fullInWords is what a full buffer does with readings.
func fullInWords(q buffer.Stats) string {
	switch {
	case q.WhenFull == buffer.DropNewest:
		return "new readings are not taken until there is room"
	case q.WhenFull == buffer.Thin && q.Level > 0:
		return fmt.Sprintf("the oldest timed readings are thinned, of some one in %d is left; events are kept longest", int64(1)<<min(q.Level, 40))
	}
	return "the oldest readings are given up to make room"
}

func lossInWords(reason string, policy buffer.WhenFull) string {
	switch reason {
	case "full":
		if policy == buffer.Thin {
			return "the buffer was full and the oldest were thinned"
		}
		return "the buffer was full"
	case "age":
		return "they were older than max_age"
	case "rate":
		return "they came faster than rate_limit"
	case "memory":
		return "the disk was too slow and memory was full"
	case "io":
		return "the disk failed"
	case "corrupt":
		return "the file they were in was damaged"
	case "rollback":
		return "the buffer was set back to an older state"
	case "shrink":
		return "max_size was lowered"
	}
	return reason
}

// people writes a duration as one says it: two units at most.
func people(t time.Duration) string {
	switch {
	case t < 0:
		return "ever" // "has sent nothing for ever": no reading since the start
	case t < time.Minute:
		return fmt.Sprintf("%d s", int(t.Seconds()))
	case t < time.Hour:
		return fmt.Sprintf("%d min", int(t.Minutes()))
	case t < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(t.Hours()), int(t.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(t.Hours()/24))
}
