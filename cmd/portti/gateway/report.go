package gateway

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

// Status is the one truth about this gateway, taken at one moment. After Run
// has ended it is how things stood then. It does not wait for a look at the parts
// that is going on, whose disk or system may hang; the problems are from before that
// one then.
func (g *Gateway) Status() status.Document {
	if last := g.final.Load(); last != nil {
		return *last
	}
	if g.looking.TryLock() {
		defer g.looking.Unlock()
		return g.document(g.look())
	}
	return g.document(g.snapshot())
}

// document is the status of a snapshot with the problems that are open.
func (g *Gateway) document(s *snapshot) status.Document {
	doc := statusOf(s)
	doc.Problems = g.problems.Active()
	return doc
}

func statusOf(s *snapshot) status.Document {
	doc := status.Document{
		Schema: status.Schema, Running: true, Version: s.version, Time: s.at.UTC(), UptimeS: status.Seconds(s.uptime),
		Started:  s.began,
		Gateway:  status.Gateway{ID: s.id, Name: s.name, Start: s.start, Config: s.config, Labels: s.cfg.Gateway.Labels},
		Link:     linkStatus(s),
		Buffer:   bufferStatus(s),
		Totals:   status.Totals{Ledger: ledgerOf(s.total), Accepted: s.stats.Accepted, Resent: s.link.Resent, LeftOut: s.link.LeftOut, LostUnknown: lostUnknown(s)},
		Clock:    status.Clock{Trusted: s.clock.Trusted, Source: s.source, Reason: s.distrust, WorstErrorS: s.clock.Err, Steps: s.step.Count},
		Downlink: s.downlink,
		Devices:  []status.Device{},
	}
	for _, dev := range s.devices {
		doc.Devices = append(doc.Devices, deviceStatus(dev, s.byDevice[dev.Name], s.at))
	}
	return doc
}

// lostUnknown says that readings are or may be lost that nobody counted.
func lostUnknown(s *snapshot) bool {
	return s.gone || slices.ContainsFunc(s.stats.Losses, func(l buffer.Loss) bool { return l.AtLeast })
}

func ledgerOf(c buffer.Counts) status.Ledger {
	return status.Ledger{Read: c.Read, Acked: c.Acked, Waiting: c.Waiting, Quarantined: c.Quarantined, Lost: status.Losses(c.Lost)}
}

func linkStatus(s *snapshot) status.Link {
	l := s.link
	since := l.Since
	if l.State != uplink.Online && l.State != uplink.Stopped && !s.away.IsZero() {
		since = s.away
	}
	doc := status.Link{
		State: string(l.State), Since: since.UTC(), SinceS: status.Seconds(s.at.Sub(since)),
		Dialect: l.Dialect, URLHost: l.Server, URL: addressOf(s), RTTms: float64(l.RTT.Microseconds()) / 1000,
		LastError: l.LastError, Problem: l.Problem, Ack: l.Ack, Token: tokenStatus(s.token),
		Reached: l.Reached, Connects: l.Connects, Failures: l.Failures, OnlineS: status.Seconds(l.OnlineTime), SentBytes: l.SentBytes, Frames: l.SentFrames, SentMessages: l.SentRecords, ProvenMessages: l.Proven,
		ServerMessages: l.ServerMessages, ServerKinds: l.ServerKinds,
		Order: s.cfg.Uplink.Order, Backlog: l.Backlog, DrainRate: l.DrainRate,
		Compressed: l.Compressed, WireBytes: l.WireBytes, LastOutage: s.outage,
	}
	if !l.Opens.IsZero() {
		doc.OpensS = max(1, status.Seconds(l.Opens.Sub(s.wall)))
	}
	if !l.NextTry.IsZero() {
		doc.NextTryS = max(0, status.Seconds(l.NextTry.Sub(s.at)))
	}
	return doc
}

// addressOf is the address of the present server as it may be shown: whole, but for
// what is secret in it.
func addressOf(s *snapshot) string {
	for _, raw := range s.cfg.Uplink.Addresses() {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		scheme := strings.Replace(u.Scheme, "http", "ws", 1) // an API's address, as some dialects take it
		if s.link.Server == scheme+"://"+u.Host || s.link.Server == u.Scheme+"://"+u.Host {
			return config.MaskURL(raw)
		}
	}
	return s.link.Server
}

func tokenStatus(t *uplink.TokenState) *status.Token {
	if t == nil {
		return nil
	}
	doc := &status.Token{Source: t.Source, Fingerprint: t.Fingerprint, Problem: t.Problem, LastError: t.LastError}
	if !t.Expires.IsZero() {
		doc.ExpiresAt = t.Expires.Unix()
	}
	return doc
}

func bufferStatus(s *snapshot) status.Buffer {
	q, waiting := s.stats, s.total.Waiting
	memory := min(q.WaitingMemory, waiting)
	doc := status.Buffer{
		State:   status.BufferOK,
		Waiting: waiting, WaitingMemory: memory, WaitingDisk: waiting - memory, Held: q.Held,
		Bytes: q.Bytes, CapacityBytes: q.Capacity, OldestAgeS: status.Seconds(time.Duration(q.OldestAge) * time.Millisecond),
		HeadroomS: s.headroom, RoomBytes: &s.room, CommitEveryS: status.Seconds(time.Duration(s.cfg.Buffer.CommitEvery)),
		Commits: q.Commits, HoldsCut: q.HoldShortened,
	}
	switch {
	case q.Degraded:
		doc.State, doc.LastError = status.BufferDegraded, q.Err
	case s.full(), s.room == 0:
		doc.State = status.BufferFull
	}
	return doc
}

func deviceStatus(dev device.Status, c buffer.Counts, now time.Time) status.Device {
	s := status.Device{
		Name: dev.Name, Type: dev.Type, Port: dev.Port, Resolved: dev.Resolved,
		State: string(dev.State), Problem: dev.Code, SinceS: status.Seconds(now.Sub(dev.Since)),
		LastAgeS: -1, RateHz: dev.RateHz, Read: c.Read, Bad: dev.Bad, Unknown: dev.Frames[device.Unknown],
		Detail: dev.Detail, LastLine: dev.LastLine, LastError: dev.LastErr, Ledger: ledgerOf(c),
		Bytes: dev.Bytes, Followers: dev.Followers, FollowersDropped: dev.Dropped, Withheld: dev.Withheld,
	}
	if dev.Auto {
		s.Baud = dev.Baud
	}
	if sh := dev.Share; sh != nil {
		s.Share = &status.Share{Address: sh.Address, Clients: sh.Clients, Refused: sh.Refused, Error: sh.Err}
	}
	if dev.LastAge >= 0 {
		s.LastAgeS = status.Seconds(dev.LastAge)
	}
	return s
}
