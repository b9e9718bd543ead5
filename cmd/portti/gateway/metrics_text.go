package gateway

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"portti/cmd/portti/status"
	"portti/uplink"
)

// metricsType is the Prometheus text format's name and version.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// exposition builds a page of metrics: family after family, each with what it
// means and its samples.
type exposition struct {
	b    []byte
	name string                // of the family that samples belong to
	ends map[uplink.End]uint64 // of the link
}

// The kinds of a family.
const (
	gauge   = "gauge"
	counter = "counter"
)

// family begins one. Samples of it follow.
func (e *exposition) family(name, kind, help string) {
	e.name = name
	e.b = append(e.b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// sample adds one value; labels are names and values in turn.
func (e *exposition) sample(value float64, labels ...string) {
	e.b = append(e.b, e.name...)
	for i := 0; i+1 < len(labels); i += 2 {
		e.b = append(e.b, ",{"[b2i(i == 0)])
		e.b = append(e.b, labels[i]+`="`...)
		e.b = appendLabel(e.b, labels[i+1])
		e.b = append(e.b, '"')
	}
	if len(labels) > 1 {
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ' ')
	e.b = append(strconv.AppendFloat(e.b, value, 'f', -1, 64), '\n')
}

// one is a family of a single sample.
func (e *exposition) one(name, kind, help string, value float64) {
	e.family(name, kind, help)
	e.sample(value)
}

// appendLabel writes a label's value, which may hold anything.
func appendLabel(b []byte, value string) []byte {
	for _, r := range strings.ToValidUTF8(value, "\uFFFD") {
		switch r {
		case '\\', '"':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// document writes the status document as metrics. What is not known just
// now (room, round trip, the last reading of a device that sent none) has no
// sample, so that no alert takes it for zero.
func (e *exposition) document(s *status.Document) {
	e.uplink(s)
	e.downlink(s)
	e.buffer(s)
	e.devices(s)
	e.rest(s)
}

func (e *exposition) uplink(s *status.Document) {
	l := s.Link
	e.family("portti_uplink_state", gauge, "What the link is doing: 1 for the present state, 0 for the others.")
	for _, state := range []string{status.LinkConnecting, status.LinkOnline, status.LinkWaiting, status.LinkParked, status.LinkStopped} {
		e.sample(float64(b2i(l.State == state)), "state", state)
	}
	e.family("portti_uplink_connects_total", counter, "Attempts to connect, by what became of them: ok, or the code of the problem.")
	e.sample(float64(l.Connects), "result", "ok")
	ends := slices.SortedFunc(maps.Keys(e.ends), func(a, b uplink.End) int {
		return cmp.Or(cmp.Compare(a.Problem, b.Problem), cmp.Compare(a.Code, b.Code))
	})
	for _, end := range ends {
		if end.Dialed {
			e.sample(float64(e.ends[end]), "result", cmp.Or(end.Problem, "order"))
		}
	}
	e.family("portti_uplink_disconnects_total", counter, "Connections that ended, by the code of the problem or order, and by the server's close code, 0 where it sent none.")
	for _, end := range ends {
		if !end.Dialed {
			e.sample(float64(e.ends[end]), "reason", cmp.Or(end.Problem, "order"), "code", strconv.Itoa(end.Code))
		}
	}
	e.one("portti_uplink_failures_total", counter, "Attempts to connect that failed, and connections that broke.", float64(l.Failures))
	e.one("portti_uplink_connected_seconds_total", counter, "How long the link was online: its rate is the availability.", l.OnlineS)
	e.one("portti_uplink_backoff_seconds", gauge, "Time left until the next attempt to connect; 0 while none is waited for.", l.NextTryS)
	if l.RTTms > 0 {
		e.one("portti_uplink_smoothed_rtt_seconds", gauge, "Round trip to the server, smoothed; absent until it was measured.", l.RTTms/1000)
	}
	if l.Token != nil && l.Token.ExpiresAt != 0 {
		e.one("portti_uplink_token_expiry_timestamp_seconds", gauge, "When the access token ends by its own word; absent where it does not say.", float64(l.Token.ExpiresAt))
	}
	e.one("portti_uplink_sent_messages_total", counter, "Readings written to connections, those sent again included.", float64(l.SentMessages))
	e.one("portti_uplink_sent_bytes_total", counter, "Payload written to connections.", float64(l.SentBytes))
	e.one("portti_uplink_wire_bytes_total", counter, "Bytes given to the network, with framing, pings and TLS.", float64(l.WireBytes))
	e.one("portti_uplink_acked_messages_total", counter, "Readings proven to have arrived; one that was sent again within fence_hold counts again.", float64(l.ProvenMessages))
	e.one("portti_uplink_resent_messages_total", counter, "Readings sent again because a connection ended: duplicates the server may see.", float64(s.Totals.Resent))
	e.one("portti_uplink_left_out_messages_total", counter, "Readings not sent because the encoding of the bodies has no place for them.", float64(s.Totals.LeftOut))
}

func (e *exposition) downlink(s *status.Document) {
	d := s.Downlink
	e.family("portti_downlink_requests_total", counter, "Messages of the server that asked for something, by what became of them.")
	e.sample(float64(d.Executed), "result", "executed")
	e.sample(float64(d.Refused), "result", "refused")
	e.sample(float64(d.Repeated), "result", "repeated")
	e.sample(float64(d.Ignored), "result", "ignored")
}

func (e *exposition) buffer(s *status.Document) {
	b := s.Buffer
	e.one("portti_buffer_messages", gauge, "Readings that wait to be delivered.", float64(b.Waiting))
	e.one("portti_buffer_file_bytes", gauge, "Size of the buffer's files.", float64(b.Bytes))
	e.one("portti_buffer_capacity_bytes", gauge, "Size the buffer's files may have: max_size.", float64(b.CapacityBytes))
	e.one("portti_buffer_oldest_age_seconds", gauge, "Age of the oldest reading that waits; 0 when none does.", b.OldestAgeS)
	if b.HeadroomS > 0 {
		e.one("portti_buffer_headroom_seconds", gauge, "How long the room lasts with the link down at the present inflow; absent while not known.", b.HeadroomS)
	}
	e.one("portti_buffer_appended_messages_total", counter, "Readings handed to the buffer, those lost at once included; kept across restarts.", float64(s.Totals.Read))
	e.family("portti_buffer_lost_messages_total", counter, "Readings given up, by reason; kept across restarts.")
	for _, reason := range s.Totals.Lost.Reasons() {
		e.sample(float64(s.Totals.Lost[reason]), "reason", reason)
	}
	e.one("portti_buffer_lost_unknown", gauge, "1 while more may be lost than the counts say, and nobody can tell how many.", float64(b2i(s.Totals.LostUnknown)))
	e.one("portti_buffer_quarantined_messages", gauge, "Readings set aside because the server refused them.", float64(s.Totals.Quarantined))
	e.ledger(s.Totals.Ledger)
	e.family("portti_buffer_commits_total", counter, "Commits to the disk.")
	e.sample(float64(b.Commits), "result", "ok")
}

// ledger shows the books. They are gauges: what was acknowledged waits again
// when the connection breaks within fence_hold.
func (e *exposition) ledger(l status.Ledger) {
	e.family("portti_ledger_messages", gauge, "Where every reading since the ledger was begun is: read = acked + lost + waiting + quarantined.")
	e.sample(float64(l.Read), "account", "read")
	e.sample(float64(l.Acked), "account", "acked")
	e.sample(float64(l.Lost.Sum()), "account", "lost")
	e.sample(float64(l.Waiting), "account", "waiting")
	e.sample(float64(l.Quarantined), "account", "quarantined")
}

func (e *exposition) devices(s *status.Document) {
	e.family("portti_device_up", gauge, "1 while the device sends readings that can be used.")
	for _, d := range s.Devices {
		e.sample(float64(b2i(d.State == status.DeviceOK)), "device", d.Name, "type", d.Type)
	}
	e.family("portti_device_readings_total", counter, "Readings of the device, lost ones included; kept across restarts.")
	for _, d := range s.Devices {
		e.sample(float64(d.Read), "device", d.Name)
	}
	e.family("portti_device_bytes_total", counter, "Bytes read from the device's port.")
	for _, d := range s.Devices {
		e.sample(float64(d.Bytes), "device", d.Name)
	}
	e.family("portti_device_frames_total", counter, "Frames that gave no reading, by why: bad ones could not be used, unknown ones held nothing to send.")
	for _, d := range s.Devices {
		e.sample(float64(d.Bad), "device", d.Name, "result", "bad")
		e.sample(float64(d.Unknown), "device", d.Name, "result", "unknown")
	}
	if !s.Clock.Trusted {
		return // the moment would be one of a clock that is wrong
	}
	e.family("portti_device_last_reading_timestamp_seconds", gauge, "When the device sent its last reading; absent before the first and while the clock is not trusted.")
	for _, d := range s.Devices {
		if d.LastAgeS >= 0 {
			e.sample(float64(s.Time.UnixMilli())/1000-d.LastAgeS, "device", d.Name)
		}
	}
}

func (e *exposition) rest(s *status.Document) {
	e.one("portti_clock_synchronized", gauge, "1 while the wall clock is trusted.", float64(b2i(s.Clock.Trusted)))
	e.family("portti_problem_active", gauge, "1 for every problem of the catalogue that is open, whatever it is about.")
	told, invalid := map[string]bool{}, false
	for _, p := range s.Problems {
		if !told[p.Code] {
			told[p.Code] = true
			e.sample(1, "code", p.Code, "severity", string(p.Severity))
		}
		invalid = invalid || p.Code == "CFG-INVALID"
	}
	e.one("portti_config_last_reload_success", gauge, "0 while the gateway goes on with its old configuration because the new one has mistakes.", float64(b2i(!invalid)))
}
