package gateway

import (
	"maps"
	"slices"
	"strconv"
	"strings"
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

// counts is a family of counters by one label, whose values are words of a text.
func (e *exposition) counts(name, help, label, values string, n ...uint64) {
	e.family(name, counter, help)
	for i, value := range strings.Fields(values) {
		e.sample(float64(n[i]), label, value)
	}
}

// more adds samples to the family.
func (e *exposition) more(label string, counts map[string]uint64) {
	for _, value := range slices.Sorted(maps.Keys(counts)) {
		e.sample(float64(counts[value]), label, value)
	}
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
	e.counts("portti_uplink_rejected_messages_total", "Readings set aside because the server will not take them.", "reason", "rejected too_big", l.Quarantined-l.TooBig, l.TooBig)
	e.counts("portti_uplink_received_messages_total", "Messages of the server but acknowledgements, by the dialect's names.", "type", "other", other)
	e.more("type", l.ServerKinds)
	e.counts("portti_uplink_protocol_errors_total", "Messages of the server too long, no text, or no JSON; unexpected: pongs and acknowledgements that answer nothing.",
		"kind", "too_big bad_utf8 bad_json unexpected", l.TooLong, l.BadUTF8, l.BadJSON, l.ForeignPongs+l.ForeignAcks)
	e.counts("portti_buffer_recoveries_total", "Disks that could be written again, damaged files set aside, numberings begun anew.",
		"kind", "reopened quarantined rebuilt", b.buffer.Reopened, b.buffer.SetAside, b.buffer.Rollbacks)
	e.opens(b.devices)
	e.counts("portti_clock_steps_total", "Jumps of the wall clock that were seen.", "direction", "forward back", b.steps.Count-b.steps.Back, b.steps.Back)
	if b.aheadOK {
		e.one("portti_clock_offset_seconds", gauge, "Wall clock less the server's, to a second or two; absent where that told no time for a day.", float64(b.ahead)/1000)
	}
	if b.unfed > 0 {
		e.one("portti_watchdog_last_feed_age_seconds", gauge, "Time since systemd's watchdog was fed; absent where none watches.", b.unfed.Seconds())
	}
	e.family("portti_log_messages_total", counter, "Lines of the log, by level.")
	for _, level := range levels() {
		e.sample(float64(b.logged[level]), "level", level)
	}
	e.counts("portti_log_suppressed_total", "Lines that were not logged because they repeat others.", "event", "command.ignored command.limited", b.unlogged[0], b.unlogged[1])
	e.more("event", l.Unlogged)
	if b.page != nil {
		e.web(b.page)
	}
}

func (e *exposition) opens(devices []device.Status) {
	e.family("portti_device_opens_total", counter, "Tries to open the device's port, by what became of them.")
	some := false
	for i := range devices {
		d := &devices[i]
		some = some || d.Heard >= 0
		for r, n := range d.Opens {
			e.sample(float64(n), "device", d.Name, "result", device.OpenResult(r).String())
		}
	}
	if !some {
		return
	}
	e.family("portti_device_tags_heard", gauge, "Tags or nodes heard since the port was opened, as many as are remembered; absent while it is closed.")
	for i := range devices {
		if d := &devices[i]; d.Heard >= 0 {
			e.sample(float64(d.Heard), "device", d.Name)
		}
	}
}

func (e *exposition) web(p *web.Page) {
	e.family("portti_web_requests_total", counter, "Requests that the local page answered, by class of the status code.")
	for m, classes := range p.Answers() {
		for c, n := range classes {
			e.sample(float64(n), "code", strconv.Itoa(c+2)+"xx", "method", [...]string{"GET", "POST", "other"}[m])
		}
	}
	r := p.Rejected()
	e.counts("portti_web_rejected_total", "Requests that the local page turned away: for another host, by another page, without a session, after too many failed sign-ins.", "reason", "host origin session rate", r[:]...)
}
