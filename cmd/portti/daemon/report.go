package daemon

import (
	"fmt"
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
	return d.document(d.snapshot())
}

// document is the status of a snapshot with the problems that are open.
func (d *Daemon) document(s *snapshot) Status {
	doc := statusOf(s)
	doc.Problems = d.problems.Active()
	return doc
}

func statusOf(s *snapshot) Status {
	doc := Status{
		Schema: StatusSchema, Version: s.version, Time: s.at.UTC(), UptimeS: Seconds(s.uptime),
		Gateway:  GatewayStatus{ID: s.id, Name: s.name},
		Link:     linkStatus(s),
		Buffer:   bufferStatus(s),
		Totals:   TotalsStatus{Ledger: ledgerOf(s.total), Accepted: s.stats.Accepted, Resent: s.link.Resent},
		Clock:    ClockStatus{Trusted: s.clock.Trusted, Source: s.source, Reason: s.distrust, WorstErrorS: s.clock.Err, Steps: s.step.Count},
		Downlink: s.downlink,
		Devices:  []DeviceStatus{},
	}
	for _, dev := range s.devices {
		doc.Devices = append(doc.Devices, deviceStatus(dev, s.byDevice[dev.Name], s.at))
	}
	return doc
}

func ledgerOf(c buffer.Counts) Ledger {
	return Ledger{Read: c.Read, Acked: c.Acked, Waiting: c.Waiting, Quarantined: c.Quarantined, Lost: Losses(c.Lost)}
}

func linkStatus(s *snapshot) LinkStatus {
	l := s.link
	doc := LinkStatus{
		State: string(l.State), Since: l.Since.UTC(), SinceS: Seconds(s.at.Sub(l.Since)),
		Dialect: l.Dialect, URLHost: l.Server, RTTms: float64(l.RTT.Microseconds()) / 1000,
		LastError: l.LastError, Problem: l.Problem, Ack: l.Ack, Token: tokenStatus(s.token),
		Connects: l.Connects, SentBytes: l.SentBytes, Frames: l.SentFrames, SentMessages: l.SentRecords, ProvenMessages: l.Proven,
		ServerMessages: l.ServerMessages, ServerKinds: l.ServerKinds,
		Order: s.cfg.Uplink.Order, Backlog: l.Backlog, DrainRate: l.DrainRate,
		Compressed: l.Compressed, WireBytes: l.WireBytes,
	}
	if !l.Opens.IsZero() {
		doc.OpensS = max(1, Seconds(l.Opens.Sub(s.wall)))
	}
	if !l.NextTry.IsZero() {
		doc.NextTryS = max(0, Seconds(l.NextTry.Sub(s.at)))
	}
	return doc
}

func tokenStatus(t *uplink.TokenState) *TokenStatus {
	if t == nil {
		return nil
	}
	doc := &TokenStatus{Source: t.Source, Fingerprint: t.Fingerprint, Problem: t.Problem, LastError: t.LastError}
	if !t.Expires.IsZero() {
		doc.ExpiresAt = t.Expires.Unix()
	}
	return doc
}

func bufferStatus(s *snapshot) BufferStatus {
	q, waiting := s.stats, s.total.Waiting
	memory := min(q.WaitingMemory, waiting)
	doc := BufferStatus{
		State:   BufferOK,
		Waiting: waiting, WaitingMemory: memory, WaitingDisk: waiting - memory, Held: q.Held,
		Bytes: q.Bytes, CapacityBytes: q.Capacity, OldestAgeS: Seconds(time.Duration(q.OldestAge) * time.Millisecond),
		HeadroomS: s.headroom, CommitEveryS: Seconds(time.Duration(s.cfg.Buffer.CommitEvery)),
		Commits: q.Commits, HoldsCut: q.HoldShortened,
	}
	switch {
	case q.Degraded:
		doc.State, doc.LastError = BufferDegraded, q.Err
	case q.Full:
		doc.State = BufferFull
	}
	return doc
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
