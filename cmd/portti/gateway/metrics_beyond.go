package gateway

import (
	"maps"
	"slices"
	"time"

	"portti/buffer"
	"portti/cmd/portti/web"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
)

// beyond is what the metrics tell and the status document does not, as the rooms count it.
type beyond struct {
	link     uplink.Status
	buffer   buffer.Stats
	devices  []device.Status
	steps    clock.Step
	ahead    int64 // of the server's time, ms
	aheadOK  bool
	unfed    time.Duration     // since the watchdog was fed, 0 = nothing watches
	loaded   time.Duration     // from the start to the last reload that was taken
	logged   map[string]uint64 // lines, by level
	unlogged [2]uint64         // of the downlink: ignored, limited
	page     *web.Page
}

func (g *Gateway) beyond() beyond {
	b := beyond{link: g.link().Status(), buffer: g.queue.Stats(), devices: g.devices.Status(), steps: g.clock.Stepped(),
		loaded: time.Duration(g.loadedAt.Load()), logged: g.ring.counts(), page: g.page.page,
		unlogged: [...]uint64{g.downlink.counts.ignoredUnlogged.Load(), g.downlink.counts.limitedUnlogged.Load()}}
	b.ahead, b.aheadOK = g.clock.AheadOfServer()
	if fed := g.fedAt.Load(); fed != 0 {
		b.unfed = time.Duration(g.sinceStart() - fed)
	}
	return b
}

// count is one value of a label.
type count struct {
	of string
	n  uint64
}

func (e *exposition) counts(name, help, label string, all ...count) {
	e.family(name, counter, help)
	for _, c := range all {
		e.sample(float64(c.n), label, c.of)
	}
}

func sortedCounts(m map[string]uint64, more ...count) []count {
	for _, of := range slices.Sorted(maps.Keys(m)) {
		more = append(more, count{of, m[of]})
	}
	return more
}

func (e *exposition) beyond(b *beyond) {
	l := &b.link
	other, missed := l.ServerMessages, uint64(0)
	for _, n := range l.ServerKinds {
		other -= min(n, other)
	}
	for end, n := range l.Ends {
		if !end.Dialed && end.Problem == uplink.ProblemNoPong {
			missed += n
		}
	}
	e.one("portti_uplink_missed_pongs_total", counter, "Connections given up because the server stopped answering.", float64(missed))
	e.counts("portti_uplink_rejected_messages_total", "Readings set aside because the server will not take them.", "reason", count{"rejected", l.Quarantined - l.TooBig}, count{"too_big", l.TooBig})
	e.counts("portti_uplink_received_messages_total", "Messages of the server, by what the dialect calls them, acknowledgements not counted.", "type", sortedCounts(l.ServerKinds, count{"other", other})...)
	e.counts("portti_uplink_protocol_errors_total", "What the server sends and should not: messages that are too long, no text, or no JSON; pongs and acknowledgements that answer nothing.", "kind",
		count{"too_big", l.TooLong}, count{"bad_utf8", l.BadUTF8}, count{"bad_json", l.BadJSON}, count{"unexpected", l.ForeignPongs + l.ForeignAcks})
	e.counts("portti_buffer_recoveries_total", "Disks that could be written again, damaged files set aside, and numberings begun anew because the old one could not be trusted.", "kind",
		count{"reopened", b.buffer.Reopened}, count{"quarantined", b.buffer.SetAside}, count{"rebuilt", b.buffer.Rollbacks})
	e.opens(b.devices)
	e.counts("portti_clock_steps_total", "Jumps of the wall clock that were seen.", "direction", count{"forward", b.steps.Count - b.steps.Back}, count{"back", b.steps.Back})
	if b.aheadOK {
		e.one("portti_clock_offset_seconds", gauge, "Wall clock less the time that the server told last, good to a second or two; absent where it told none for a day.", float64(b.ahead)/1000)
	}
	if b.unfed > 0 {
		e.one("portti_watchdog_last_feed_age_seconds", gauge, "Time since systemd's watchdog was fed; absent where none watches.", b.unfed.Seconds())
	}
	e.counts("portti_log_messages_total", "Lines of the log, by level.", "level", count{"debug", b.logged["debug"]}, count{"info", b.logged["info"]}, count{"warn", b.logged["warn"]}, count{"error", b.logged["error"]})
	e.counts("portti_log_suppressed_total", "Lines that were not logged because they repeat others.", "event", sortedCounts(l.Unlogged, count{"command.ignored", b.unlogged[0]}, count{"command.limited", b.unlogged[1]})...)
	if b.page != nil {
		e.web(b.page)
	}
}

func (e *exposition) opens(devices []device.Status) {
	e.family("portti_device_opens_total", counter, "Tries to open the device's port, by what became of them.")
	heard := func(d *device.Status) bool { return d.Heard >= 0 }
	some := false
	for i := range devices {
		d := &devices[i]
		some = some || heard(d)
		for r, n := range d.Opens {
			e.sample(float64(n), "device", d.Name, "result", device.OpenResult(r).String())
		}
	}
	if !some {
		return
	}
	e.family("portti_device_tags_heard", gauge, "Tags or nodes of a mesh heard since the port was opened, up to a limit; absent while it is not open.")
	for i := range devices {
		if d := &devices[i]; heard(d) {
			e.sample(float64(d.Heard), "device", d.Name)
		}
	}
}

func (e *exposition) web(p *web.Page) {
	e.family("portti_web_requests_total", counter, "Requests that the local page answered, by class of the status code.")
	p.Answers(func(code, method string, n uint64) { e.sample(float64(n), "code", code, "method", method) })
	e.family("portti_web_rejected_total", counter, "Requests to the local page that were turned away: for another host, by another web page, without a session, after too many failed sign-ins.")
	p.Rejected(func(reason string, n uint64) { e.sample(float64(n), "reason", reason) })
}
