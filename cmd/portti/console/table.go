package console

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"portti/cmd/portti/status"
)

// columns are the widths of the table of devices; kind 0 = there is no room for it.
type columns struct{ name, kind, port, last, rate, state int }

// columns fit the table to the terminal. STATE takes what is left.
func (d *drawing) columns() columns {
	w := d.width()
	c := columns{name: 12, kind: 11, port: 15, last: 7, rate: 12}
	if wider := w - usualWidth; wider > 0 {
		c.port += min(wider/2, 40)
		c.name += min(wider/4, 16)
	}
	if w < 72 { // what a device says of itself counts more than where it is
		c.kind, c.port, c.last, c.rate = 0, 9, 6, 10
	}
	long := func(v status.Device) bool { return utf8.RuneCountInString(v.Name) >= c.name }
	if slices.ContainsFunc(d.s.Devices, long) { // so that one can be told from another
		c.name += max(5, c.kind)
		c.kind = 0
	}
	c.state = w - c.name - c.kind - c.port - c.last - c.rate - 2 // its mark
	c.lend(d.s.Devices, d.deviceState)
	return c
}

// lend gives STATE the room that PORT has and no device needs, where something would be cut.
func (c *columns) lend(devices []status.Device, state func(status.Device) (sign, string)) {
	want, port := 0, len("PORT")
	for _, v := range devices {
		_, word := state(v)
		want = max(want, utf8.RuneCountInString(word))
		port = max(port, utf8.RuneCountInString(shortPort(v)))
	}
	spare := max(0, min(want-c.state, c.port-port-1))
	c.port -= spare
	c.state += spare
}

func (c columns) row(name, kind, port, last, rate, state string) []string {
	if c.kind == 0 {
		kind = ""
	}
	return []string{pad(name, c.name), pad(kind, c.kind), pad(port, c.port), padLeft(last, c.last), padLeft(rate, c.rate-2) + "  ", state}
}

func (d *drawing) devices() {
	d.b.WriteByte('\n')
	d.table()
}

func (d *drawing) table() {
	if len(d.s.Devices) == 0 {
		d.b.WriteString("No device is configured.\n")
		return
	}
	c := d.columns()
	d.line(c.row("DEVICE", "TYPE", "PORT", "LAST", "RATE", "STATE")...)
	for _, dev := range d.s.Devices {
		last := "never"
		if dev.LastAgeS >= 0 {
			last = coarse(dev.LastAgeS)
		}
		kind, word := d.deviceState(dev)
		d.line(c.row(
			d.cut(status.Clean(dev.Name, 64), c.name-1),
			d.cut(status.Clean(dev.Type, 20), c.kind-1),
			d.cut(shortPort(dev), c.port-1), last, number(dev.RateHz)+"/s",
			d.mark(kind)+" "+d.cut(word, c.state))...)
		if notHad(dev.State) && dev.LastError != "" {
			d.wrap("  ", status.Clean(dev.LastError, 200))
		}
		if dev.LastLine != "" {
			d.wrap("  ", "it sends: "+status.Clean(dev.LastLine, 200))
		}
		if l := dev.Ledger; d.o.Verbose {
			d.wrap("  ", fmt.Sprintf("%s: %s read, %s delivered, %s waiting, %s lost; %s unusable, %s unknown", status.Clean(dev.Port, 120), grouped(l.Read, d.space()),
				grouped(l.Acked, d.space()), grouped(l.Waiting, d.space()), grouped(l.Lost.Sum(), d.space()), d.count(dev.Bad, "frame"), grouped(dev.Unknown, d.space())))
			if dev.Withheld > 0 {
				d.wrap("  ", grouped(dev.Withheld, d.space())+" not sent, as the configuration asks")
			}
		}
	}
}

// notHad says that there is no open port. While one is read, well or not, the last error is of
// an earlier time.
func notHad(state string) bool {
	return state != status.DeviceOK && state != status.DeviceSilent && state != status.DeviceGarbage
}

// deviceState is the mark and the words of the last column: what the driver
// says of itself while all is well, else the state.
func (d *drawing) deviceState(dev status.Device) (sign, string) {
	switch dev.State {
	case status.DeviceOK:
		if dev.Detail != "" {
			return good, status.Clean(dev.Detail, 64)
		}
		return good, "ok"
	case status.DeviceSilent, status.DeviceGarbage:
		return warn, dev.State
	case status.DeviceMissing:
		return bad, dev.State
	case status.DeviceBusy: // or why else it cannot be had
		words := map[string]string{"HW-PERMISSION": "no permission", "HW-CONSOLE": "is the console", "HW-NOT-SERIAL": "no serial port", "HW-NO-DIRECTION": "no RS-485 mode",
			"DEV-CRASH": "crashed", "DEV-STUCK": "stuck", "DEV-AMBIGUOUS": "several fit"}
		if word, ok := words[dev.Problem]; ok {
			return bad, word
		}
		return bad, dev.State
	}
	return unsure, status.Clean(dev.State, 20)
}

// shortPort names a port in few letters: what it is today if it is there, else
// the last part of what it is called in the configuration.
func shortPort(dev status.Device) string {
	name := dev.Port
	if dev.Resolved != "" && dev.State != status.DeviceMissing {
		name = dev.Resolved
	}
	if rest, ok := strings.CutPrefix(name, "tcp://"); ok {
		return status.Clean(rest, 64)
	}
	if rest, ok := strings.CutPrefix(name, "/dev/pts/"); ok {
		name = "pts/" + rest
	} else if strings.HasPrefix(name, "/") {
		name = path.Base(name)
	}
	if dev.Baud > 0 { // it was found out
		name = fmt.Sprintf("%s at %d", name, dev.Baud)
	}
	return status.Clean(name, 64)
}

// plain writes one thing a line, fields separated by tabs, for scripts of the
// shell and for screen readers. The first field says what the line is.
func (d *drawing) plain() {
	s := d.s
	d.row("gateway", s.Gateway.ID, s.Gateway.Name, "version", s.Version, "up_s", number(s.UptimeS))
	if s.Started.Reason != "" {
		d.row("started", s.Started.Reason, s.Started.Before, s.Started.Detail)
	}
	d.row("clock", s.Clock.Trusted, s.Clock.Source)
	d.row("link", s.Link.State, cmp.Or(s.Link.URL, s.Link.URLHost), "since_s", number(s.Link.SinceS), "rtt_ms", number(s.Link.RTTms), s.Link.LastError)
	d.row("buffer", s.Buffer.State, "waiting", s.Buffer.Waiting, "oldest_s", number(s.Buffer.OldestAgeS), "bytes", s.Buffer.Bytes, "capacity", s.Buffer.CapacityBytes)
	d.row("data", "read", s.Totals.Read, "delivered", s.Totals.Acked, "lost", s.Totals.Lost.Sum(), "set_aside", s.Totals.Quarantined)
	if o := s.Link.LastOutage; o != nil {
		d.row("outage", "began_s", number(o.BeganS), "ended_s", number(o.EndedS), o.Code, "waited", o.Waited, "left", o.Left, "lost", o.Lost.Sum(), o.Statement(d.wording()))
	}
	for _, v := range s.Devices {
		d.plainDevice(v)
	}
	d.plainProblems()
}

func (d *drawing) plainDevice(v status.Device) {
	d.row("device", v.Name, v.Type, v.Port, v.State, "last_s", number(v.LastAgeS), "rate_hz", number(v.RateHz), "bad", v.Bad, v.Detail)
}

// row writes fields separated by tabs.
func (d *drawing) row(fields ...any) {
	for i, f := range fields {
		if i > 0 {
			d.b.WriteByte('\t')
		}
		d.b.WriteString(status.Clean(fmt.Sprint(f), 300))
	}
	d.b.WriteByte('\n')
}

func (d *drawing) plainProblems() {
	for _, p := range d.s.Problems {
		fields := []any{"problem", p.Code, p.Severity, p.Subject, p.Sentence}
		for _, action := range actions(p) {
			fields = append(fields, action)
		}
		d.row(fields...)
	}
}
